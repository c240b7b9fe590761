#include "engine/storage/all.h"

#include "engine/error.h"
#include "engine/storage/folder.h"
#include "engine/storage/lvm_thin.h"
#include "engine/units.h"

namespace lodge {
namespace {

// OtherStorage is an entry of a kind that Lodge knows by name only.
class OtherStorage : public Storage {
  public:
    OtherStorage(std::string id, std::string type, Values options, std::string_view what)
        : Storage(std::move(id), std::move(type), std::move(options)), what_(what) {}

    std::string why_unusable() const override {
        return fmt::format("storage {} is of kind {} ({}), which this version cannot use yet", id(),
                           printable(type()), what_);
    }
    StorageSpace space() const override { refuse(); }
    std::vector<VolumeInfo> list() const override { refuse(); }
    VolumeInfo info(std::string_view) const override { refuse(); }
    std::string path(std::string_view) const override { refuse(); }
    std::string plan_allocate(Plan&, int, int64_t, std::string_view,
                              std::string_view) const override {
        refuse();
    }
    std::string plan_import(Plan&, int, const ImageSource&, std::string_view) const override {
        refuse();
    }
    std::string plan_copy(Plan&, int, const VolumeInfo&, std::string_view,
                          std::string_view) const override {
        refuse();
    }
    std::string plan_put_file(Plan&, const std::string&, std::string_view,
                              std::string_view) const override {
        refuse();
    }
    std::string plan_linked_clone(Plan&, int, const VolumeInfo&) const override { refuse(); }
    std::string plan_make_base(Plan&, const VolumeInfo&) const override { refuse(); }
    void plan_resize(Plan&, const VolumeInfo&, int64_t) const override { refuse(); }
    void plan_delete(Plan&, const VolumeInfo&) const override { refuse(); }
    bool can_snapshot(const VolumeInfo&) const override { return false; }
    void plan_snapshot(Plan&, const VolumeInfo&, std::string_view) const override { refuse(); }
    void plan_rollback(Plan&, const VolumeInfo&, std::string_view) const override { refuse(); }
    void plan_delete_snapshot(Plan&, const VolumeInfo&, std::string_view) const override {
        refuse();
    }

  private:
    [[noreturn]] void refuse() const { throw Error(Exit::refused, why_unusable()); }
    std::string_view what_;
};

std::unique_ptr<Storage> make_folder(const Host& host, const std::string& id,
                                     const Values& options) {
    return std::make_unique<FolderStorage>(host, id, options);
}

std::unique_ptr<Storage> make_lvm_thin(const Host& host, const std::string& id,
                                       const Values& options) {
    return std::make_unique<LvmThinStorage>(host, id, options);
}

struct Kind {
    std::string_view type, what;
    std::unique_ptr<Storage> (*make)(const Host&, const std::string&, const Values&);
};
constexpr Kind kinds[] = {
    {"dir", "a folder", make_folder},
    {"btrfs", "a btrfs file system", nullptr},
    {"nfs", "an NFS share", nullptr},
    {"cifs", "an SMB share", nullptr},
    {"cephfs", "a Ceph file system", nullptr},
    {"lvm", "an LVM volume group", nullptr},
    {"lvmthin", "an LVM thin pool", make_lvm_thin},
    {"zfspool", "a ZFS pool", nullptr},
    {"zfs", "ZFS over iSCSI", nullptr},
    {"iscsi", "an iSCSI target", nullptr},
    {"iscsidirect", "an iSCSI target", nullptr},
    {"rbd", "Ceph block devices", nullptr},
    {"pbs", "a Proxmox Backup Server", nullptr},
    {"esxi", "an ESXi host", nullptr},
};

const Kind* find_kind(std::string_view type) {
    for (const Kind& kind : kinds)
        if (kind.type == type) return &kind;
    return nullptr;
}

}  // namespace

std::unique_ptr<Storage> make_storage(const Host& host, const std::string& type,
                                      const std::string& id, const Values& options) {
    const Kind* kind = find_kind(type);
    if (kind && kind->make) return kind->make(host, id, options);
    return std::make_unique<OtherStorage>(id, type, options,
                                          kind ? kind->what : std::string_view("not known"));
}

bool is_storage_kind_supported(std::string_view type) {
    const Kind* kind = find_kind(type);
    return kind && kind->make;
}

}  // namespace lodge
