#include "tui/screens/guest_details.h"

#include <iterator>

#include "engine/text.h"
#include "tui/app.h"
#include "tui/tabs.h"

namespace lodge {
namespace {

constexpr GuestTabKind kinds[] = {
    {"Summary", "", make_summary_tab},
    {"Hardware", "set", make_hardware_tab},
    {"Snapshots", "snapshots", make_snapshots_tab},
    {"Console", "console", make_console_tab},
    {"Screen", "", make_screen_tab, "vm"},
    {"Shell", "enter", make_shell_tab, "ct"},
    {"Log", "log", make_log_tab},
    {"Plan", "show-command", make_plan_tab},
};

}  // namespace

GuestDetails::GuestDetails(App& app) : app_(app) {
    for (const GuestTabKind& kind : kinds)
        tabs_.push_back(kind.make(app));
}

void GuestDetails::set(int guest) {
    if (guest == guest_) return;
    guest_ = guest;
    if (!has_tab(at_)) open_tab(0);
    tab().set(guest_);
}

// Whether the guest's kind has that tab.
bool GuestDetails::has_tab(size_t place) const {
    const GuestView* view = app_.state().guest(guest_);
    return kinds[place].kind.empty() || view == nullptr ||
           view->guest->kind->name() == kinds[place].kind;
}

void GuestDetails::step_tab(size_t by) {
    size_t place = at_;
    do
        place = (place + by) % tabs_.size();
    while (!has_tab(place));
    open_tab(place);
}

void GuestDetails::seen() {
    tab().set(guest_);
}

void GuestDetails::shown(bool now) {
    tab().shown(now);
}

void GuestDetails::open_tab(size_t place) {
    if (place == at_) return;
    tab().shown(false);
    at_ = place;
    tab().shown(true);
    tab().set(guest_);
}

void GuestDetails::draw(Area area, bool active) {
    if (full_screen()) {
        tab().draw(area, true);
        return;
    }
    const GuestView* view = app_.state().guest(guest_);
    if (view == nullptr) return;
    const int x =
        area.put(0, 0, guest_words(*view->guest), active ? Role::strong : Role::heading) + 2;
    // On a narrow screen the tabs have a line of their own.
    std::vector<TabWord> words;
    size_t here = 0;
    for (size_t place = 0; place < tabs_.size(); ++place) {
        if (!has_tab(place)) continue;
        if (place == at_) here = words.size();
        words.push_back(
            {std::string(kinds[place].name), Key{.name = "Detail", .y = static_cast<int>(place)}});
    }
    const int line = x + tabs_width(words) <= area.width() ? 0 : 1;
    draw_tabs(area.row(line), line == 1 ? 0 : x, words, here, app_.glyphs());
    tab().draw(area.rows(line + 1, area.height() - line - 1), active);
}

bool GuestDetails::key(const Key& key) {
    if (takes_all_keys()) return tab().key(key);
    if (key.is("]"))
        step_tab(1);
    else if (key.is("["))
        step_tab(tabs_.size() - 1);
    else if (key.is("Detail"))
        open_tab(static_cast<size_t>(key.y));
    else
        return tab().key(key);
    return true;
}

std::string GuestDetails::unsaved() const {
    for (const auto& tab : tabs_)
        if (std::string words = tab->unsaved(); !words.empty()) return words;
    return "";
}

bool GuestDetails::runs(const Command& command) {
    if (command.subject != "guest") return false;
    for (size_t place = 0; place < std::size(kinds); ++place)
        if (!kinds[place].command.empty() && command.verb == kinds[place].command &&
            has_tab(place)) {
            open_tab(place);
            tab().run();
            return true;
        }
    return false;
}

}  // namespace lodge
