#pragma once

#include <string>

#include "engine/container/idmap.h"
#include "engine/guest.h"
#include "engine/storage/storage.h"

// A container's volumes are folders of a storage: "local:101/subvol-101-disk-0.subvol", as Proxmox
// VE names them; on btrfs each is a subvolume of its own.

namespace lodge {

struct CtVolume {
    std::string id, path;
};

// The next free volume of the guest on the storage: its name, nothing is made. `plan` may hold
// steps that make others. Throws Error when the storage cannot have folders.
CtVolume next_ct_volume(Engine& engine, const Storage& storage, int guest, const Plan& plan);
// Adds the step that makes it, empty, as the container's root's; undone by its removal. `bytes` is
// enforced where the file system can (btrfs with quotas), else a warning says that it is not; 0 for
// no limit.
void plan_make_ct_volume(Engine& engine, const CtVolume& volume, int64_t bytes, const IdMap& map,
                         Plan& plan);
// The same with all that is in the folder `source` of the same container, as it is now: shared
// blocks where the file system can. `read_only`: nobody changes it any more.
void plan_copy_ct_volume(Engine& engine, const std::string& source, const CtVolume& volume,
                         int64_t bytes, const IdMap& map, bool read_only, Plan& plan);
// Adds the steps that remove a volume with all that is in it.
void plan_remove_ct_volume(Engine& engine, const std::string& path, const IdMap& map, Plan& plan);

// What of a map is needed to handle a container's files: none for root.
IdMap file_map(const Host& host, const IdMap& map);
// Whether a folder lies on btrfs.
bool is_on_btrfs(const std::string& folder);

}  // namespace lodge
