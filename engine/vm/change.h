#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/config.h"
#include "engine/plan.h"
#include "engine/values.h"

namespace lodge {

// Edit is a change of a guest's configuration file, as data: the verb "config-set" carries it out
// in one write of the file. Keys that a list does not name stay as they are.
struct Edit {
    std::vector<std::string> set;            // "key=value" into the current section
    std::vector<std::string> erase;          // keys out of the current section
    std::vector<std::string> pending;        // "key=value" for the next start
    std::vector<std::string> pending_erase;  // keys that the next start removes
    std::vector<std::string> settle;         // keys that nothing waits for any more
    std::string digest;                      // not empty: the file must still be this one

    bool empty() const;
};

// "config-set": {guest, folder, set, delete, pending, pending-delete, settle, digest}. Works for
// every guest kind whose folder is given.
Action config_set_action(int id, std::string_view folder, const Edit& edit);
// The action that puts back what `edit` would change in `config` as it is now.
Action config_unset_action(int id, std::string_view folder, const Edit& edit, const Config& config);
// A step of both.
void add_config_step(Plan& plan, std::string why, int id, std::string_view folder, const Edit& edit,
                     const Config& config);
// Carries the edit out on a configuration in memory.
void apply_edit(Config& config, const Edit& edit);

// Whether something waits for the next start.
bool has_pending(const Config& config);
// The pending section's keys taken over into the current section, as the format does at a start:
// deletes first, then new values; a disk that is replaced or removed becomes an unused<N>.
void apply_pending(Config& config);
// "config-apply-pending": {guest, folder}. The step of a start that writes it.
Action apply_pending_action(int id, std::string_view folder);

// Volumes by disk key: ide, sata, scsi, virtio, efidisk0, tpmstate0 whose value names a volume;
// CD-ROMs only when asked for.
bool is_disk_key(std::string_view key);
// Keys of a container that name a volume or a folder: rootfs, mp0, ….
bool is_mount_key(std::string_view key);
bool is_cdrom_value(std::string_view key, std::string_view value);
// The volume that a drive's value names: "local:101/vm-101-disk-0.qcow2"; "" for none.
std::string volume_of(std::string_view value);
// Adds unused<N> for a volume unless the current section uses it; returns the key, "" when it did
// not need one. Throws Error(Exit::refused) when all 256 are taken.
std::string keep_as_unused(Config& config, const std::string& volume);
// A free unused<N> in `config`; throws the same.
std::string free_unused_key(const Config& config);

}  // namespace lodge
