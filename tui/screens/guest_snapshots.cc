// The details' tab of a guest's snapshots, as a tree with where the guest is now.
#include <fmt/format.h>

#include "engine/commands/common.h"
#include "engine/text.h"
#include "engine/vm/snapshot.h"
#include "tui/app.h"
#include "tui/screens/guest_tab.h"
#include "tui/table.h"

namespace lodge {
namespace {

const std::vector<Column> columns = {
    {.title = "SNAPSHOT", .width = 16, .grow = 2, .sortable = false},
    {.title = "TAKEN", .width = 16, .sortable = true},
    {.title = "RAM", .width = 3, .rank = 2, .sortable = false},
    {.title = "NOTE", .width = 8, .grow = 3, .rank = 1, .sortable = false},
};

class SnapshotRows : public Rows {
  public:
    explicit SnapshotRows(App& app) : app_(app) {}
    void set(std::vector<SnapshotNode> nodes) { nodes_ = std::move(nodes); }
    const SnapshotNode& at(size_t row) const { return nodes_[row]; }

    size_t count() const override { return nodes_.size(); }
    std::string id(size_t row) const override { return at(row).now ? "" : at(row).name; }
    // In the order of the tree, whatever else.
    std::optional<double> number(size_t row, size_t) const override {
        return static_cast<double>(row);
    }
    TableCell cell(size_t row, size_t column) const override {
        const SnapshotNode& node = at(row);
        switch (column) {
            case 0: {
                std::string name;
                for (int i = 1; i < node.depth; ++i)
                    name += "  ";
                if (node.depth > 0) {
                    append_character(name, app_.glyphs().branch_last);
                    name += ' ';
                }
                return {name + (node.now ? "now" : node.name),
                        node.now ? Role::strong : Role::normal};
            }
            case 1:
                return {time_words(node.time), {}};
            case 2:
                return {node.with_memory ? "yes" : "", {}};
            default:
                if (!node.state.empty())
                    return {fmt::format("broken off ({})", node.state), Role::warning};
                return {node.description.substr(0, node.description.find('\n')), Role::dim};
        }
    }

  private:
    App& app_;
    std::vector<SnapshotNode> nodes_;
};

class SnapshotsTab : public GuestTab {
  public:
    explicit SnapshotsTab(App& app) : GuestTab(app), rows_(app), table_(columns, 1) {}

    void set(int guest) override {
        guest_ = guest;
        const GuestView* view = app_.state().guest(guest);
        name_ = view ? guest_words(*view->guest) : "";
        rows_.set(view ? snapshot_tree(view->guest->config) : std::vector<SnapshotNode>{});
        table_.update(rows_);
    }

    void draw(Area area, bool active) override {
        if (rows_.count() <= 1) {
            area.put(0, 1, "There are no snapshots. F9 or z takes one.", Role::dim);
            return;
        }
        table_.draw(area.rows(0, area.height() - 1), rows_, app_.glyphs(), active);
        area.put(1, area.height() - 1,
                 "F9 z Take   Enter Roll back   D Delete   (F2: all that can be done)", Role::dim);
    }

    bool key(const Key& key) override {
        if (key.is("Enter") || key.is("b")) {
            act("snapshot rollback");
            return true;
        }
        if (key.is("D") || key.is("Delete")) {
            act("snapshot delete");
            return true;
        }
        return table_.key(key, rows_);
    }
    bool takes_all_keys() const override { return table_.types(); }

    std::optional<Chosen> chosen() override {
        Chosen chosen{.subject = "snapshot",
                      .things = {{.values = {{"guest", guest_}}, .name = name_, .title = name_}}};
        return chosen;
    }

  private:
    void act(std::string_view words) {
        const auto row = table_.selected();
        if (!row || rows_.at(*row).now) {
            app_.tell("choose a snapshot first", Role::warning);
            return;
        }
        const std::string& snapshot = rows_.at(*row).name;
        app_.act(app_.command(words),
                 {.subject = "snapshot",
                  .things = {{.values = {{"guest", guest_}, {"name", snapshot}},
                              .name = fmt::format("{} of {}", snapshot, name_),
                              .title = snapshot}}});
    }

    SnapshotRows rows_;
    Table table_;
    int guest_ = 0;
    std::string name_;
};

}  // namespace

std::unique_ptr<GuestTab> make_snapshots_tab(App& app) {
    return std::make_unique<SnapshotsTab>(app);
}

}  // namespace lodge
