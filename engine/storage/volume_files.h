#pragma once

#include <span>
#include <string>

#include "engine/plan.h"

// Volumes that are files, whatever is in them.

namespace lodge {

struct Engine;

std::string parent_of(const std::string& path);
// Removes the folder of the path when nothing is left in it, as images/<id> of a guest that is
// gone.
void remove_empty_parent(const std::string& path);
// Where the file system has the flag and we may set it.
void set_immutable(const std::string& path, bool on);
// Why `what` cannot be done, when the file system of the path is full.
std::string words_of_full(const std::string& path, const std::string& what);
// Until the file is on the disk; throws Error, with words_of_full() where that is why.
void sync_file(const std::string& path, const std::string& what);

// Whether the guest, made to its end, names the volume anywhere: then it is no leftover.
bool is_named_by_guest(Engine& engine, int id, const std::string& volume);

// The verbs volume-… but for volume-drop, and file-….
std::span<const ActionKind> volume_file_actions();

}  // namespace lodge
