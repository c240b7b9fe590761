#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/storage/device_storage.h"
#include "engine/storage/lvm.h"

namespace lodge {

// LvmThinStorage is a storage of kind `lvmthin`: thin volumes of a pool of LVM, named as Proxmox VE
// names them (vm-<id>-disk-<n>, base-<id>-disk-<n>, snap_<volume>_<snapshot>), so that a pool of a
// Proxmox node can be used as it is, and the other way round. Snapshots are thin volumes by
// themselves: read-only, and not activated unless asked for.
class LvmThinStorage : public DeviceStorage {
  public:
    // options: vgname, thinpool (both needed), content.
    LvmThinStorage(const Host& host, std::string id, Values options);

    std::string why_unusable() const override;
    StorageSpace space() const override;
    std::string warning() const override;
    std::vector<VolumeInfo> list() const override;
    VolumeInfo info(std::string_view name) const override;
    std::string path(std::string_view name) const override;

    std::string plan_allocate(Plan& plan, int guest, int64_t bytes, std::string_view format,
                              std::string_view name_hint) const override;
    using Storage::plan_import;
    std::string plan_import(Plan& plan, int guest, const ImageSource& source,
                            std::string_view format) const override;
    std::string plan_copy(Plan& plan, int guest, const VolumeInfo& source,
                          std::string_view snapshot, std::string_view format) const override;
    std::string plan_put_file(Plan& plan, const std::string& source, std::string_view content,
                              std::string_view name) const override;
    std::string plan_linked_clone(Plan& plan, int guest, const VolumeInfo& base) const override;
    std::string plan_thin_copy(Plan& plan, int guest, const VolumeInfo& source) const override;
    std::string plan_make_base(Plan& plan, const VolumeInfo& disk) const override;
    void plan_resize(Plan& plan, const VolumeInfo& disk, int64_t bytes) const override;
    void plan_activation(Plan& plan, const VolumeInfo& volume) const override;
    void plan_delete(Plan& plan, const VolumeInfo& volume) const override;
    bool can_snapshot(const VolumeInfo& volume) const override;
    bool has_snapshot(const VolumeInfo& volume, std::string_view name) const override;
    VolumeInfo snapshot_volume(const VolumeInfo& disk, std::string_view name) const override;
    void plan_snapshot(Plan& plan, const VolumeInfo& disk, std::string_view name) const override;
    void plan_rollback(Plan& plan, const VolumeInfo& disk, std::string_view name) const override;
    void plan_delete_snapshot(Plan& plan, const VolumeInfo& disk,
                              std::string_view name) const override;

  private:
    using Volumes = std::vector<LogicalVolume>;
    std::string group() const { return options().text("vgname", ""); }
    std::string pool_name() const { return options().text("thinpool", ""); }
    void require_usable(std::string_view what) const;
    // All of the group as they are now. Throws Error when the pool is not among them.
    Volumes look(std::string_view what) const;
    const LogicalVolume& seen_pool() const;  // at most some seconds ago
    const LogicalVolume& pool(const Volumes& volumes) const;
    // The volume's name in the group; throws Error for an id that is none of ours.
    std::string name_of(const VolumeInfo& volume) const;
    VolumeInfo describe(const LogicalVolume& volume) const;
    std::string free_name(const Plan& plan, const Volumes& volumes, int guest,
                          std::string_view name_hint) const;
    void warn_of_space(Plan& plan, const Volumes& volumes, int64_t more) const;
    void require_room(const Volumes& volumes, int64_t bytes, const std::string& what) const;
    // The steps that make a new volume; returns its name.
    std::string plan_new(Plan& plan, const Volumes& volumes, int guest, int64_t bytes,
                         std::string_view name_hint) const;
    void plan_fill(Plan& plan, const std::string& why, const Volumes& volumes,
                   const std::string& name, Values on) const;

    const Host& host_;
    // For the screen, which asks for the space all the time.
    mutable Volumes seen_;
    mutable std::chrono::steady_clock::time_point seen_at_{};
};

// The verbs of logical volumes: lvm-create, lvm-remove, ….
std::span<const ActionKind> lvm_actions();

}  // namespace lodge
