#include <fmt/format.h>

#include <algorithm>

#include "engine/text.h"
#include "engine/units.h"
#include "engine/wrap.h"
#include "tui/app.h"
#include "tui/screens/all.h"
#include "tui/screens/guest_details.h"
#include "tui/screens/guest_words.h"
#include "tui/table.h"

namespace lodge {
namespace {

// From this width on list and details stand side by side.
constexpr int side_by_side = 100;

enum Field : size_t { id, name, kind, state, cpu, memory, disk, net, up, address, tags, note };

const std::vector<Column> columns = {
    {.title = "ID", .width = 4, .right = true},
    {.title = "NAME", .width = 14, .grow = 3},
    {.title = "KIND", .width = 4, .rank = 5},
    {.title = "STATE", .width = 9},
    {.title = "CPU", .width = 6, .right = true},
    {.title = "MEM", .width = 9, .right = true},
    {.title = "DISK/s", .width = 6, .right = true, .rank = 7},
    {.title = "NET/s", .width = 6, .right = true, .rank = 6},
    {.title = "UP", .width = 4, .right = true},
    {.title = "ADDRESS", .width = 13, .grow = 1, .rank = 4},
    {.title = "TAGS", .width = 10, .grow = 1, .rank = 8},
    {.title = "NOTE", .width = 7, .grow = 4, .rank = 3},
};

std::string tags_of(const GuestView& view) {
    return view.guest->config.current.get("tags").value_or("");
}

// GuestRows is the list of guests as the table asks for it.
class GuestRows : public Rows {
  public:
    void set(std::vector<GuestView> guests) { guests_ = std::move(guests); }
    const GuestView& at(size_t row) const { return guests_[row]; }

    size_t count() const override { return guests_.size(); }
    std::string id(size_t row) const override { return std::to_string(at(row).guest->id); }

    TableCell cell(size_t row, size_t column) const override {
        const GuestView& view = at(row);
        const bool up = view.is_up();
        switch (column) {
            case Field::id:
                return {std::to_string(view.guest->id), {}};
            case Field::name:
                return {view.guest->name, {}};
            case Field::kind:
                return {std::string(view.guest->kind->name()), {}};
            case Field::state:
                return {std::string(guest_state_word(view.sighting.state)), state_role(view)};
            case Field::cpu:
                return {up && is_counted(view) ? fmt::format("{:.1f}%", view.cpu * 100) : "", {}};
            case Field::memory:
                return {memory_words(view), {}};
            case Field::disk:
                return {up ? rate_sum_words(view.disk_read, view.disk_write) : "", {}};
            case Field::net:
                return {up ? rate_sum_words(view.net_in, view.net_out) : "", {}};
            case Field::up:
                return {up ? short_duration(view.sighting.uptime) : "", {}};
            case Field::address:
                return {view.addresses.empty() ? "" : view.addresses[0].ip, {}};
            case Field::tags:
                return {tags_of(view), {}};
            default:
                return {short_notes_words(view), note_role(view)};
        }
    }

    std::optional<double> number(size_t row, size_t column) const override {
        const GuestView& view = at(row);
        const bool up = view.is_up();
        const auto when_up = [up](double value) {
            return up ? std::optional<double>(value) : std::nullopt;
        };
        switch (column) {
            case Field::id:
                return view.guest->id;
            case Field::cpu:
                return when_up(view.cpu);
            case Field::memory:
                return when_up(
                    static_cast<double>(view.memory_used.value_or(view.sighting.memory_resident)));
            case Field::disk:
                return sum(view.disk_read, view.disk_write);
            case Field::net:
                return sum(view.net_in, view.net_out);
            case Field::up:
                return when_up(static_cast<double>(view.sighting.uptime));
            default:
                return std::nullopt;
        }
    }

    // Its first tag.
    bool has_groups() const override { return true; }
    std::string group(size_t row) const override {
        const std::string tags = tags_of(at(row));
        return tags.substr(0, tags.find_first_of(";, "));
    }

    // The filter looks at everything that is shown, and at the tags.
    std::string words(size_t row) const override {
        const GuestView& view = at(row);
        std::string words = fmt::format("{} {} {} {} {}", view.guest->id, view.guest->name,
                                        view.guest->kind->name(),
                                        guest_state_word(view.sighting.state), notes_words(view));
        for (const GuestAddress& address : view.addresses)
            words += " " + address.ip;
        return words + " " + tags_of(view);
    }

  private:
    static std::optional<double> sum(const std::optional<double>& a,
                                     const std::optional<double>& b) {
        if (!a && !b) return std::nullopt;
        return a.value_or(0) + b.value_or(0);
    }
    std::vector<GuestView> guests_;  // a copy: under a dialog nothing moves
};

constexpr OwnKey own[] = {
    {"Enter", "Details", "Opens the guest's details; Esc comes back.", false},
    {"/", "Filter", "Shows only guests that fit: words, !word, re:expression; tags count.", true},
    {"T", "Group", "Groups the guests by their first tag, and ends it.", false},
    {"]", "Next tab", "The details' next tab: Summary, Hardware, Snapshots, Console, Log, Plan.",
     false},
    {"Tab", "Other pane", "From the list to the details and back, where both are shown.", false},
};

// GuestsScreen is the list of guests with the details of the one under the cursor: beside it where
// there is room, else in its place.
class GuestsScreen : public Screen {
  public:
    explicit GuestsScreen(App& app) : Screen(app), table_(columns, Field::id), details_(app) {}

    void select_guest(int id) override {
        if (!in_details_) table_.select(std::to_string(id));
    }

    void seen() override {
        rows_.set(app_.state().guests());
        table_.update(rows_);
        follow();
        details_.seen();
    }

    void shown(bool now) override {
        app_.state().show(now ? Showing{.memory_used = true, .addresses = true} : Showing{});
        details_.shown(now);
    }

    void draw(Area area) override {
        wide_ = area.width() >= side_by_side;
        if (details_.full_screen()) {
            details_.draw(area, true);
            return;
        }
        if (rows_.count() == 0) {
            draw_nothing(area);
            return;
        }
        if (!wide_ && in_details_) {
            details_.draw(area, true);
            return;
        }
        const int list = wide_ ? std::max(56, area.width() * (area.width() >= 180 ? 53 : 45) / 100)
                               : area.width();
        const Area left = area.part(0, 0, list, area.height());
        const std::string order = table_.order_words();
        table_.draw(left.part(0, 0, list, area.height() - (order.empty() ? 0 : 1)), rows_,
                    app_.glyphs(), !in_details_);
        if (!order.empty()) left.put(1, area.height() - 1, order, Role::dim);
        if (!wide_) return;
        const Glyphs& glyphs = app_.glyphs();
        for (int y = 0; y < area.height(); ++y)
            area.set(list, y, Cell{glyphs.vertical, 0, 1, Role::frame});
        details_.draw(area.part(list + 2, 0, area.width() - list - 2, area.height()), in_details_);
    }

    bool key(const Key& key) override {
        if (details_.takes_all_keys()) return details_.key(key);
        if (table_.types()) return table_key(key);
        if (key.is("Tab") || (key.is("Enter") && !in_details_)) {
            in_details_ = !in_details_ && table_.selected().has_value();
            return true;
        }
        if (in_details_) {
            if (details_.key(key)) return true;
            if (key.is("Esc") || key.is("q")) {
                in_details_ = false;
                return true;
            }
            // Not the list's while it is not seen, and what Enter opens is open.
            return key.is("Up") || key.is("Down") || key.is("Enter");
        }
        if (key.is("[") || key.is("]")) {
            if (details_.key(key)) {
                in_details_ = in_details_ || !wide_;
                return true;
            }
        }
        if (key.is("q")) {
            app_.tell("Q or F10 quits; guests and jobs go on");
            return true;
        }
        return table_key(key);
    }

    // All of the notes, where the list has no room for them.
    std::string hint() override {
        const auto row = table_.selected();
        if (!row || in_details_ || wide_ || rows_.count() == 0) return "";
        const std::string notes = notes_words(rows_.at(*row));
        return notes.empty() ? "" : fmt::format("{}: {}", rows_.at(*row).guest->name, notes);
    }

    std::string unsaved() const override { return details_.unsaved(); }
    bool takes_all_keys() const override { return details_.takes_all_keys(); }
    bool full_screen() const override { return details_.full_screen(); }
    std::span<const OwnKey> own_keys() const override { return own; }

    Chosen chosen() override {
        Chosen chosen{.subject = "guest", .things = {}};
        if (in_details_)
            if (auto inner = details_.chosen()) return *inner;
        for (const size_t row : table_.chosen(rows_)) {
            const Guest& guest = *rows_.at(row).guest;
            chosen.things.push_back(
                {.values = {{"guest", guest.id}}, .name = guest_words(guest), .title = guest.name});
        }
        return chosen;
    }

    bool runs(const Command& command) override {
        if (command.subject != "guest" && command.subject != "snapshot") return false;
        if (!details_.runs(command)) return false;
        in_details_ = true;
        return true;
    }

  private:
    bool table_key(const Key& key) {
        if (!table_.key(key, rows_)) return false;
        follow();
        return true;
    }

    // The details are of the guest under the cursor; but who types to one goes on typing to it,
    // whatever becomes of the list.
    void follow() {
        if (details_.takes_all_keys()) return;
        const auto row = table_.selected();
        details_.set(row ? rows_.at(*row).guest->id : 0);
        if (!row) in_details_ = false;
    }

    void draw_nothing(const Area& area) const {
        const int y = std::max(0, area.height() / 2 - 3);
        area.put_centre(y, "There are no guests yet.", Role::strong);
        const std::pair<std::string_view, std::string_view> ways[] = {
            {"F7 or n", "makes one, step by step"},
            {": demo", "makes a small one to try things with"},
            {"F1 or ?", "help"}};
        constexpr int keys = 10, whole = 46;
        const Area lines =
            area.part(std::max(0, (area.width() - whole) / 2), y + 2, area.width(), 6);
        int line = 0;
        for (const auto& [key, what] : ways) {
            lines.put(0, line, key, Role::strong);
            for (const std::string& part : wrapped(what, std::min(whole, area.width()) - keys))
                lines.put(keys, line++, part);
        }
    }

    GuestRows rows_;
    Table table_;
    GuestDetails details_;
    bool wide_ = false, in_details_ = false;
};

}  // namespace

std::unique_ptr<Screen> make_guests_screen(App& app) {
    return std::make_unique<GuestsScreen>(app);
}

}  // namespace lodge
