#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/storage/storage.h"

namespace lodge {

// FolderStorage is a storage of kind `dir`: files in a folder, laid out as Proxmox VE does it:
// images/<id>/, template/iso, template/cache, dump, snippets, import.
class FolderStorage : public Storage {
  public:
    // options: path (needed), content, content-dirs, preallocation, is_mountpoint, format.
    FolderStorage(const Host& host, std::string id, Values options);

    std::string why_unusable() const override;
    StorageSpace space() const override;
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
    std::string plan_make_base(Plan& plan, const VolumeInfo& disk) const override;
    void plan_resize(Plan& plan, const VolumeInfo& disk, int64_t bytes) const override;
    void plan_delete(Plan& plan, const VolumeInfo& volume) const override;
    bool can_snapshot(const VolumeInfo& volume) const override;
    void plan_snapshot(Plan& plan, const VolumeInfo& disk, std::string_view name) const override;
    void plan_rollback(Plan& plan, const VolumeInfo& disk, std::string_view name) const override;
    void plan_delete_snapshot(Plan& plan, const VolumeInfo& disk,
                              std::string_view name) const override;

  private:
    // Name is the part of a volume id after the colon, taken apart.
    struct Name {
        std::string content;   // images, iso, …
        std::string relative;  // below the root of the storage
        std::string file;
        int owner = 0;
        std::string base;  // "100/base-100-disk-0.qcow2" of a linked clone
    };
    Name parse(std::string_view name) const;
    std::string root() const { return options().text("path", ""); }
    std::string subfolder(std::string_view content) const;
    void require_usable(std::string_view what) const;
    void refuse_escape(const std::string& path, std::string_view name) const;
    VolumeInfo look(const Name& name, std::string_view id) const;
    std::string free_file(const Plan& plan, int guest, std::string_view format,
                          std::string_view name_hint) const;
    // The step that keeps the place of a new volume; returns its id. `base` as in Name.
    std::string plan_reserve(Plan& plan, int guest, const std::string& file,
                             const std::string& base, Action& drop) const;
    std::vector<std::string> clones_of(const VolumeInfo& base) const;

    const Host& host_;
};

}  // namespace lodge
