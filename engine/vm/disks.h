#pragma once

#include "engine/engine.h"

namespace lodge {

// What is done to the disks of one virtual machine: each returns the plan that would do it and
// throws Error in words when it cannot be. The words they read stand at each.

// size (needed); storage; format; key: else the next free one of the bus of its disks
Plan disk_create(Engine& engine, const Guest& guest, const Values& words);
// volume (needed): a volume or unused<N>; key
Plan disk_attach(Engine& engine, const Guest& guest, const Values& words);
// key (needed): the volume stays as unused<N>
Plan disk_detach(Engine& engine, const Guest& guest, const Values& words);
// key, size (needed): "64G", or "+8G" for so much more; shrink: 1
Plan disk_resize(Engine& engine, const Guest& guest, const Values& words);
// key (needed); storage, format: one of them; keep: 1 leaves the old volume as unused<N>
Plan disk_move(Engine& engine, const Guest& guest, const Values& words);
// file (needed): path or volume of an image; storage; format; source-format; key. A running guest
// gets it as unused<N>.
Plan disk_import(Engine& engine, const Guest& guest, const Values& words);
// key (needed): a disk or unused<N>; its volume is deleted
Plan disk_delete(Engine& engine, const Guest& guest, const Values& words);
// A volume that no guest names.
Plan volume_delete(Engine& engine, const std::string& volume);

// The keys of all guests that name the volume: "101 (web): scsi0", snapshots told as such.
std::vector<std::string> users_of(Engine& engine, const std::string& volume);

}  // namespace lodge
