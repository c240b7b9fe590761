#pragma once

#include <string>
#include <string_view>

#include "engine/storage/storage.h"

namespace lodge {

// DeviceStorage is a storage whose volumes are block devices: raw, whatever format is asked for,
// with snapshots that the storage itself makes, also beneath a guest that has them open.
class DeviceStorage : public Storage {
  public:
    using Storage::Storage;
    // What the person should know of its space beside that it is nearly full, "" for nothing.
    virtual std::string warning() const = 0;
    // Adds the step that makes the path of a volume (or of a snapshot) be there, where it takes
    // one.
    virtual void plan_activation(Plan& plan, const VolumeInfo& volume) const = 0;
    // Adds the step that makes a volume of what the source is now, sharing its blocks; returns its
    // id. The source may be in use, or a snapshot. Throws Error(Exit::refused) where it cannot.
    virtual std::string plan_thin_copy(Plan& plan, int guest, const VolumeInfo& source) const = 0;
    virtual bool has_snapshot(const VolumeInfo& volume, std::string_view name) const = 0;
    // A snapshot as a volume to read from. Throws Error(Exit::not_found).
    virtual VolumeInfo snapshot_volume(const VolumeInfo& disk, std::string_view name) const = 0;
};

// nullptr for a storage of another sort.
const DeviceStorage* device_storage(const Storage& storage);
// The storage of a volume ("local-lvm:vm-101-disk-0"), usable or not; nullptr for one of another
// sort, and for what is no volume. Throws Error(Exit::not_found) when there is no such storage.
const DeviceStorage* device_storage(Storages& storages, std::string_view volume);
// The step that activates a volume, where it lies on such a storage and is not active.
void plan_activation(Storages& storages, const VolumeInfo& volume, Plan& plan);

}  // namespace lodge
