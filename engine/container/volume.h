#pragma once

#include <span>
#include <string>
#include <string_view>

#include "engine/container/idmap.h"
#include "engine/guest.h"
#include "engine/storage/storage.h"

// A container's volumes, as Proxmox VE names them: folders of a storage
// ("local:101/subvol-101-disk-0.subvol"; on btrfs each is a subvolume of its own), or raw images
// with ext4 in them ("local:101/vm-101-disk-0.raw"), whose size holds on any file system, or
// logical volumes with ext4 ("local-lvm:vm-101-disk-0").

namespace lodge {

enum class CtFormat { folder, image, device };

struct CtVolume {
    std::string id, path;
    CtFormat format = CtFormat::folder;
};

// What a new volume of so many bytes is best made as: a folder where nobody said a size (0), where
// btrfs holds it, or where we may not mount images; else an image. `wish`: "raw" or "subvol" by a
// person, "" for none. Throws Error(Exit::usage) for another one, or one that cannot be.
CtFormat ct_format_for(Engine& engine, const Storage& storage, int64_t bytes,
                       std::string_view wish);

// The next free volume of the guest on the storage: its name, nothing is made. `plan` may hold
// steps that make others. Throws Error when the storage takes no containers.
CtVolume next_ct_volume(Engine& engine, const Storage& storage, int guest, const Plan& plan,
                        CtFormat format = CtFormat::folder);
// Adds the step that makes it, empty, as the container's root's; undone by its removal. `bytes` is
// what an image has; of a folder enforced where the file system can (btrfs with quotas), else a
// warning says that it is not; 0 for no limit.
void plan_make_ct_volume(Engine& engine, const CtVolume& volume, int64_t bytes, const IdMap& map,
                         Plan& plan);
// The same with all that is in the volume `source` of the same container, as it is now: shared
// blocks where the file system can. `read_only`: nobody changes it any more. `running`: the guest
// that uses it now, 0 for none.
void plan_copy_ct_volume(Engine& engine, const std::string& source, const CtVolume& volume,
                         int64_t bytes, const IdMap& map, bool read_only, Plan& plan,
                         int running = 0);
// Adds the steps that remove a volume with all that is in it. `like`: a volume of the same sort
// that is there now, where this one comes to be only by the plan; "" for itself.
void plan_remove_ct_volume(Engine& engine, const std::string& path, const IdMap& map, Plan& plan,
                           const std::string& like = {});

// "local:8,mp=/srv": a new volume of so many GiB is made by steps of `plan`, and the value names
// it; any other value of a mount point comes back as it is. Throws Error.
std::string plan_new_mount(Engine& engine, int guest, const IdMap& map, const std::string& key,
                           const std::string& value, Plan& plan);

// What of a map is needed to handle a container's files: none for root.
IdMap file_map(const Host& host, const IdMap& map);
// Whether a folder lies on btrfs.
bool is_on_btrfs(const std::string& folder);

}  // namespace lodge
