#include <fmt/format.h>

#include <algorithm>

#include "engine/text.h"
#include "engine/units.h"
#include "tui/app.h"
#include "tui/screens/all.h"
#include "tui/screens/two_panes.h"
#include "tui/screens/volume_list.h"
#include "tui/table.h"

namespace lodge {
namespace {

// From here on a storage is nearly full.
constexpr double much = 0.9;

enum Shown : size_t { name, kind, used, free, total, holds, note };

const std::vector<Column> columns = {
    {.title = "STORAGE", .width = 11, .grow = 2},
    {.title = "KIND", .width = 7, .rank = 4},
    {.title = "USED", .width = 13},
    {.title = "FREE", .width = 6, .right = true},
    {.title = "TOTAL", .width = 6, .right = true},
    {.title = "HOLDS", .width = 16, .rank = 5},
    {.title = "NOTE", .width = 11, .grow = 3},
};

// StorageRows is the list of storages as the table asks for it.
class StorageRows : public Rows {
  public:
    explicit StorageRows(App& app) : app_(app) {}
    void set(const std::vector<StorageView>& storages) { storages_ = storages; }
    const StorageView& at(size_t row) const { return storages_[row]; }

    size_t count() const override { return storages_.size(); }
    std::string id(size_t row) const override { return at(row).id; }

    TableCell cell(size_t row, size_t column) const override {
        const StorageView& storage = at(row);
        const auto& space = storage.space;
        switch (column) {
            case Shown::name:
                return {storage.id, storage.active() ? Role::normal : Role::dim};
            case Shown::kind:
                return {storage.type, {}};
            case Shown::used: {
                const auto share = used_share(storage);
                if (!share) return {"", {}};
                return {
                    fmt::format("{} {:3.0f}%", gauge_words(*share, 8, app_.glyphs()), *share * 100),
                    *share > much ? Role::warning : Role::graph};
            }
            case Shown::free:
                return {space ? short_size(space->available) : "", {}};
            case Shown::total:
                return {space ? short_size(space->total) : "", {}};
            case Shown::holds:
                return {join(storage.contents, ","), Role::dim};
            default: {
                if (!storage.trouble.empty()) return {storage.trouble, Role::warning};
                if (used_share(storage).value_or(0) > much) return {"nearly full", Role::warning};
                return {"", {}};
            }
        }
    }

    std::optional<double> number(size_t row, size_t column) const override {
        const StorageView& storage = at(row);
        if (column == Shown::used) return used_share(storage);
        if (!storage.space) return std::nullopt;
        if (column == Shown::free) return static_cast<double>(storage.space->available);
        if (column == Shown::total) return static_cast<double>(storage.space->total);
        return std::nullopt;
    }

    std::string words(size_t row) const override {
        const StorageView& storage = at(row);
        return fmt::format("{} {} {} {} {}", storage.id, storage.type, storage.path,
                           join(storage.contents, " "), storage.trouble);
    }

  private:
    // Of what there is for us: others may have reserved a part (tune2fs(8), -m).
    static std::optional<double> used_share(const StorageView& storage) {
        if (!storage.space || storage.space->used + storage.space->available <= 0)
            return std::nullopt;
        const auto taken = static_cast<double>(storage.space->used);
        return taken / (taken + static_cast<double>(storage.space->available));
    }

    App& app_;
    std::vector<StorageView> storages_;
};

constexpr OwnKey own[] = {
    {"Enter", "Volumes", "Opens the storage's volumes; Esc comes back.", true},
    {"/", "Filter", "Shows only storages that fit: words, !word, re:expression.", true},
    {"Tab", "Other pane", "From the storages to the volumes and back.", false},
};
constexpr OwnKey own_of_volumes[] = {
    {"]", "Next content", "The volumes of the next content: images, iso, backup, …", true},
    {"/", "Filter", "Shows only volumes that fit: words, !word, re:expression.", false},
    {"Tab", "Other pane", "From the volumes back to the storages.", false},
};

// StorageScreen is the list of storages with the volumes of the one under the cursor.
class StorageScreen : public Screen {
  public:
    explicit StorageScreen(App& app)
        : Screen(app), rows_(app), table_(columns, Shown::name), volumes_(app) {}

    void look() override { app_.state().look_at_storages(); }

    void seen() override {
        rows_.set(app_.state().seen().storages);
        table_.update(rows_);
        follow();
    }

    void draw(Area area) override {
        const TwoPanes::Parts parts = panes_.lay_out(area, app_.glyphs());
        if (parts.list) draw_list(*parts.list);
        if (parts.details) volumes_.draw(*parts.details, panes_.in_details());
    }

    bool key(const Key& key) override {
        if (table_.types()) return table_key(key);
        if (panes_.in_details()) return volumes_.key(key) || panes_.key(key, true);
        if (panes_.key(key, table_.selected().has_value())) return true;
        if (key.is("[") || key.is("]") || key.is("Detail")) return volumes_.key(key);
        return table_key(key);
    }

    std::span<const OwnKey> own_keys() const override {
        if (panes_.in_details()) return own_of_volumes;
        return own;
    }

    Chosen chosen() override {
        if (panes_.in_details()) return volumes_.chosen();
        Chosen chosen{.subject = "storage", .things = {}};
        for (const size_t row : table_.chosen(rows_)) {
            const std::string& id = rows_.at(row).id;
            chosen.things.push_back({.values = {{"storage", id}}, .name = id, .title = id});
        }
        return chosen;
    }

    bool runs(const Command& command) override {
        if (command.subject == "storage" && command.verb == "volumes") {
            panes_.go(table_.selected().has_value());
            return true;
        }
        return panes_.in_details() && volumes_.runs(command);
    }

  private:
    void draw_list(const Area& area) {
        int y = area.height() - 1;
        const auto row = table_.selected();
        const std::string trouble = row ? printable(rows_.at(*row).trouble) : "";
        const std::string order = table_.order_words();
        if (!order.empty()) area.put(1, y--, order, Role::dim);
        if (!trouble.empty()) area.put(1, y--, trouble, Role::warning);
        for (const std::string& problem : app_.state().seen().storage_problems)
            if (y > 3) area.put(1, y--, printable(problem), Role::warning);
        table_.draw(area.rows(0, y + 1), rows_, app_.glyphs(), !panes_.in_details());
    }

    bool table_key(const Key& key) {
        if (!table_.key(key, rows_)) return false;
        follow();
        return true;
    }

    void follow() {
        const auto row = table_.selected();
        volumes_.set(row ? &rows_.at(*row) : nullptr);
        if (!row) panes_.go(false);
    }

    StorageRows rows_;
    Table table_;
    VolumeList volumes_;
    TwoPanes panes_;
};

}  // namespace

std::unique_ptr<Screen> make_storage_screen(App& app) {
    return std::make_unique<StorageScreen>(app);
}

}  // namespace lodge
