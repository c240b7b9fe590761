#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/plan.h"
#include "engine/values.h"

namespace lodge {

class Host;

// VolumeId is the name of a volume taken apart: "local:101/vm-101-disk-0.qcow2".
struct VolumeId {
    std::string storage, name;
    // nullopt when it is none: "/dev/sdb", "none", "cdrom", a storage name of other letters.
    static std::optional<VolumeId> parse(std::string_view text);
};

// VolumeInfo is one volume: a disk image, an ISO, a backup, as its storage lists it.
struct VolumeInfo {
    std::string id;  // "local:101/vm-101-disk-0.qcow2", "local:iso/debian.iso"
    std::string path;
    std::string format;   // qcow2, raw, vmdk, iso, …
    std::string content;  // images, iso, vztmpl, backup, snippets, import, rootdir
    int owner = 0;        // guest id, 0 for none
    int64_t size = 0;     // what the guest sees, bytes
    int64_t used = 0;     // on the storage, bytes
    std::string backing;  // volume id of the base of a linked clone
};

// ImageSource is an image that a person brings: a file, or a part of one, as a disk in an OVA.
struct ImageSource {
    std::string path;
    std::string format;  // "" looks at it
    int64_t offset = 0;
    int64_t length = 0;  // 0: to the end of the file
    bool is_part() const { return length > 0; }
};

struct StorageSpace {
    int64_t total = 0, used = 0, available = 0;  // bytes
};

// Storage is one entry of storage.cfg: a place for volumes. Each change is added to a plan.
class Storage {
  public:
    Storage(std::string id, std::string type, Values options)
        : id_(std::move(id)), type_(std::move(type)), options_(std::move(options)) {}
    virtual ~Storage() = default;

    const std::string& id() const { return id_; }
    const std::string& type() const { return type_; }
    const Values& options() const { return options_; }
    bool holds(std::string_view content) const;  // the entry's content list
    bool enabled() const { return !options_.flag("disable"); }
    // Why nothing can be done with it now ("storages of kind zfspool cannot be used yet"), or "".
    virtual std::string why_unusable() const { return {}; }

    virtual StorageSpace space() const = 0;
    virtual std::vector<VolumeInfo> list() const = 0;
    // What the volume is; throws Error(Exit::not_found). `name` is the part after "storage:".
    virtual VolumeInfo info(std::string_view name) const = 0;
    // Where it lies, without looking whether it is there; throws Error for a bad name ("..").
    virtual std::string path(std::string_view name) const = 0;

    // Adds steps that make a new volume; returns its id. Formats: "raw", "qcow2". Undone when the
    // plan fails; refused up front when there is not enough space for what it takes at once.
    virtual std::string plan_allocate(Plan& plan, int guest, int64_t bytes, std::string_view format,
                                      std::string_view name_hint = {}) const = 0;
    // Adds steps that copy or convert an image file that a person brings into a new volume; returns
    // its id. The file is taken for hostile: one that leads to other files (backing file, data
    // file, extents elsewhere) is refused by name.
    virtual std::string plan_import(Plan& plan, int guest, const ImageSource& source,
                                    std::string_view format) const = 0;
    std::string plan_import(Plan& plan, int guest, const std::string& source,
                            std::string_view source_format, std::string_view format) const {
        return plan_import(plan, guest, ImageSource{source, std::string(source_format)}, format);
    }
    // Adds steps that copy a volume of ours whole, as it is now or as it was at `snapshot`, into a
    // new volume; returns its id. No guest may write to it meanwhile.
    virtual std::string plan_copy(Plan& plan, int guest, const VolumeInfo& source,
                                  std::string_view snapshot, std::string_view format) const = 0;
    // Adds steps that copy a file as it is, as a volume of a content that is no disk (iso, vztmpl,
    // snippets, import); returns its id.
    virtual std::string plan_put_file(Plan& plan, const std::string& source,
                                      std::string_view content, std::string_view name) const = 0;
    // Adds steps that make a copy-on-write child of a template's base volume; returns its id.
    virtual std::string plan_linked_clone(Plan& plan, int guest, const VolumeInfo& base) const = 0;
    // Adds steps that turn a disk into a base volume (read-only, "base-…"); returns its new id.
    virtual std::string plan_make_base(Plan& plan, const VolumeInfo& disk) const = 0;
    // Larger, or smaller when the plan's maker has warned: what lies behind the new end is lost.
    virtual void plan_resize(Plan& plan, const VolumeInfo& disk, int64_t bytes) const = 0;
    // Throws Error(Exit::refused) for a base that linked clones need; names them.
    virtual void plan_delete(Plan& plan, const VolumeInfo& volume) const = 0;
    // Snapshots of a volume that no guest has open (an offline guest).
    virtual bool can_snapshot(const VolumeInfo& volume) const = 0;
    virtual void plan_snapshot(Plan& plan, const VolumeInfo& disk, std::string_view name) const = 0;
    virtual void plan_rollback(Plan& plan, const VolumeInfo& disk, std::string_view name) const = 0;
    virtual void plan_delete_snapshot(Plan& plan, const VolumeInfo& disk,
                                      std::string_view name) const = 0;

  private:
    std::string id_, type_;
    Values options_;
};

// Storages is storage.cfg, read when first asked. Without a file there is one entry: `local`, a
// folder storage at <state>, which also stands when the file does not name it.
class Storages {
  public:
    explicit Storages(const Host& host) : host_(host) {}
    ~Storages();
    const std::vector<std::unique_ptr<Storage>>& all();
    const Storage& get(
        std::string_view id);  // throws Error(Exit::not_found), names those there are
    // By volume id "storage:name" or an absolute path (then: a VolumeInfo of that file, id = path).
    VolumeInfo info(std::string_view volume);
    // The first enabled storage that holds `content` and can take new volumes; "" asks for images.
    const Storage& default_for(std::string_view content);
    // The storage that has the volume; throws Error: not_found, or refused when it cannot be used.
    const Storage& of(std::string_view volume);
    // Lines of storage.cfg that could not be taken, in words.
    const std::vector<std::string>& problems();
    void forget();  // read again next time

  private:
    void load();
    const Host& host_;
    bool loaded_ = false;
    std::vector<std::unique_ptr<Storage>> all_;
    std::vector<std::string> problems_;
};

// The verbs of storage (image-create, image-convert, image-resize, …).
std::span<const ActionKind> storage_actions();
// Those of storage.cfg: storage-add, storage-remove; they are among storage_actions().
std::span<const ActionKind> storage_cfg_actions();

// What qemu-img says of an image file, read with `qemu-img info --output=json`; format "" probes.
// Throws Error. A file that a person brings is probed only here; a guest's disk never is.
struct ImageInfo {
    std::string format;
    int64_t size = 0, used = 0;
    std::string backing;               // file name as written in the image
    std::string data_file;             // qcow2: where the data lies when not in the image
    std::vector<std::string> extents;  // vmdk: files that hold the data
    std::vector<std::string> snapshots;
};
ImageInfo image_info(const Host& host, const std::string& path, std::string_view format = {});

}  // namespace lodge
