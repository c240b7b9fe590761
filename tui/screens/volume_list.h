#pragma once

#include <string>
#include <vector>

#include "engine/state/views.h"
#include "tui/screen.h"
#include "tui/table.h"

namespace lodge {

// VolumeRows is a storage's volumes, all or those of one content, as the table asks for them. It
// has its own copy, as the list stands still under a dialog.
class VolumeRows : public Rows {
  public:
    explicit VolumeRows(App& app) : app_(app) {}
    void set(const StorageView* storage, std::string_view content);
    const VolumeView& at(size_t row) const { return volumes_[row]; }
    // The volume without its storage's name.
    static std::string_view name_of(const VolumeView& volume);
    std::string guest_name(int guest) const;

    size_t count() const override { return volumes_.size(); }
    std::string id(size_t row) const override { return at(row).info.id; }
    TableCell cell(size_t row, size_t column) const override;
    std::optional<double> number(size_t row, size_t column) const override;
    std::string words(size_t row) const override;

  private:
    TableCell use_of(const VolumeView& volume) const;
    App& app_;
    std::vector<VolumeView> volumes_;
    int64_t now_ = 0;
};

// VolumeList is what lies on one storage: its volumes, by content, with who uses them.
class VolumeList {
  public:
    explicit VolumeList(App& app);

    // Another storage (nullptr: none), or the same one when State has looked again.
    void set(const StorageView* storage);
    void draw(Area area, bool active);
    bool key(const Key& key);
    bool types() const { return table_.types(); }
    // The volume under the cursor, or those marked, for commands on disks; of templates, and of
    // those that could be fetched, for commands on images.
    Chosen chosen() const;
    // Commands on disks name a guest and its key; of a volume that no guest has, or that is to get
    // to another one, the guest is what has to be asked for.
    bool runs(const Command& command);

  private:
    Chosen chosen_templates() const;
    void step(int by);
    void update();
    void draw_contents(const Area& area) const;
    void draw_volume(const Area& area) const;

    App& app_;
    StorageView storage_;  // id "" for none
    std::vector<std::string> contents_;
    std::string content_;  // "" for all
    VolumeRows rows_;
    Table table_;
};

}  // namespace lodge
