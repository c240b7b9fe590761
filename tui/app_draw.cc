// What the app draws itself: the line at the top, the tabs, the line at the bottom.
#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "engine/text.h"
#include "engine/units.h"
#include "tui/app.h"
#include "tui/screens/guest_words.h"
#include "tui/tabs.h"

namespace lodge {
namespace {

constexpr int least_width = 40, least_height = 8;
// From here on memory or load want attention.
constexpr double much = 0.9;
// From this width on the line at the top has a graph.
constexpr int wide = 100, graph_width = 12;

std::string clock_words(const Host& host) {
    const time_t now = static_cast<time_t>(host.now_seconds());
    tm local{};
    ::localtime_r(&now, &local);
    return fmt::format("{:02}:{:02}", local.tm_hour, local.tm_min);
}

// "trial 3: 87 s": until it takes itself back.
std::string trial_words(const TrialView& trial) {
    if (trial.phase == TrialPhase::waiting)
        return fmt::format("trial {}: {} s", trial.number, trial.seconds_left);
    return fmt::format("trial {} {}", trial.number, trial_phase_word(trial.phase));
}

}  // namespace

void App::draw(Canvas& canvas) {
    canvas.clear(canvas.size());
    last_ = &canvas;
    stale_ = false;
    const Area all = draw_standing(canvas.all());
    if (all.width() < least_width || all.height() < least_height) {
        draw_too_small(all);
        return;
    }
    if (screen().full_screen() && !resting_) {
        screen().draw(all);
        for (const auto& dialog : dialogs_)
            dialog->draw(all);
        return;
    }
    if (resting_) {
        draw_rest(all);
        return;
    }
    draw_header(all.row(0));
    draw_tabs(all.row(1));
    screen().draw(all.rows(2, all.height() - 4));
    const Area line = all.row(all.height() - 2);
    if (!told_.empty())
        draw_told(all.rows(0, all.height() - 1), told_, told_role_);
    else if (const std::string hint = screen().hint(); text_width(hint) + 1 < line.width())
        line.put(1, 0, hint, Role::dim);
    else
        draw_told(all.rows(0, all.height() - 1), hint, Role::dim);
    draw_bar(all.row(all.height() - 1));
    for (const auto& dialog : dialogs_)
        dialog->draw(all);
}

// In the line above the bottom one; what is too long for one line takes more, over the screen's
// last.
void App::draw_told(const Area& area, std::string_view told, Role role) {
    constexpr size_t most = 3;
    auto lines = wrapped(printable(told), area.width());
    if (lines.size() > most) lines.resize(most);
    int y = area.height() - static_cast<int>(lines.size());
    for (const std::string& words : lines) {
        area.row(y).fill(Role::normal);
        area.put(0, y++, words, role);
    }
}

// A window that is too small for lists: what runs, a line each.
void App::draw_too_small(Area area) {
    int y = 0;
    for (const GuestView& view : state_.guests()) {
        if (y >= area.height()) return;
        area.put(0, y++,
                 fmt::format("{} {} {}", view.guest->id, view.guest->name,
                             guest_state_word(view.sighting.state)));
    }
    if (y == 0) area.put(0, 0, "lodge: no guests");
}

// What the machine itself does; returns the x behind it.
int App::draw_machine(const Area& area) {
    const HostView& host = state_.host();
    int x = area.put(1, 0, "lodge ", Paint(Role::header, Paint::bold));
    x = area.put(x, 0, host.name, Role::header) + 2;
    const bool busy = host.cpu > much;
    x = area.put(x, 0, fmt::format("CPU {:3.0f}%{}", host.cpu * 100, busy ? " busy" : ""),
                 busy ? Role::header_warning : Role::header) +
        2;
    if (area.width() >= wide) {
        draw_graph(area.part(x - 1, 0, graph_width, 1), graph_values(host.history.cpu), 1, glyphs(),
                   Role::header);
        x += graph_width + 1;
    }
    const bool full = host.memory_total > 0 && static_cast<double>(host.memory_used) >
                                                   much * static_cast<double>(host.memory_total);
    x = area.put(x, 0,
                 fmt::format("RAM {}/{}{}", short_size(host.memory_used),
                             short_size(host.memory_total), full ? " nearly full" : ""),
                 full ? Role::header_warning : Role::header) +
        2;
    if (host.hottest)
        x = area.put(x, 0,
                     fmt::format("{:.0f} C{}", host.hottest->value,
                                 host.hottest->alarm ? " too hot" : ""),
                     host.hottest->alarm ? Role::header_warning : Role::header) +
            2;
    if (host.watts) x = area.put(x, 0, fmt::format("{:.1f} W", *host.watts), Role::header) + 2;
    return x;
}

void App::draw_header(Area area) {
    area.fill(Role::header);
    int x = draw_machine(area);
    size_t running = 0, broken = 0;
    for (const JobView& job : state_.jobs())
        ++(job.state == JobState::running ? running : broken);
    if (running > 0) x = area.put(x, 0, counted(running, "job"), Role::header) + 2;
    if (broken > 0)
        x = area.put(x, 0, counted(broken, "job") + " broke off", Role::header_warning) + 2;
    // What takes itself back is on every screen, with the time that is left.
    for (const TrialView& trial : state_.seen().trials)
        x = area.put(x, 0, trial_words(trial), Role::header_warning) + 2;
    if (settings_.console && !readonly_)
        x = area.put(x, 0, locked() ? "locked" : "unlocked",
                     locked() ? Role::header : Role::header_warning) +
            2;
    else if (settings_.readonly)
        x = area.put(x, 0, "read-only", Role::header_warning) + 2;
    const std::string clock = clock_words(engine_.host);
    if (x + text_width(clock) < area.width())
        area.put_right(area.width() - 1, 0, clock, Role::header);
}

void App::draw_tabs(Area area) {
    std::vector<TabWord> tabs;
    for (size_t place = 0; place < screens_.size(); ++place) {
        const ScreenKind& kind = screen_kinds()[place];
        const std::string number(1, kind.number);
        tabs.push_back({fmt::format("{} {}", number, kind.name), Key{.name = number}, number});
    }
    const int x = lodge::draw_tabs(area, 0, tabs, place_, glyphs());
    if (settings_.console) draw_console_keys(area.part(x + 1, 0, area.width() - x - 1, 1));
}

// At the machine's own console: how it is reached from elsewhere, and what opens more.
void App::draw_console_keys(const Area& area) {
    const auto addresses = own_addresses();
    // A console of 80 columns has room for the one that opens the rest.
    const std::string lock = locked() ? "L unlocks" : "L locks", keys = lock + "  ! shell";
    std::string words = addresses.empty() ? "" : addresses[0].substr(0, addresses[0].find(' '));
    words += (words.empty() ? "" : "  ") + keys;
    for (const std::string& fitting : {words, keys, lock})
        if (text_width(fitting) + 1 <= area.width()) {
            area.put_right(area.width() - 1, 0, printable(fitting), Role::dim);
            return;
        }
}

bool App::can_now(const Command& command, const Chosen& chosen) {
    // Where no guest is under the cursor, what is done to one has nothing to be done to.
    const bool takes_guest = !command.operands.empty() && !command.operands[0].optional &&
                             (command.operands[0].kind == WordKind::guest ||
                              command.operands[0].kind == WordKind::guests);
    if (takes_guest && chosen.things.empty()) return false;
    std::string about = fmt::format("{} {}\n", state_.generation(State::Part::jobs),
                                    state_.generation(State::Part::storages));
    for (const Chosen::Thing& thing : chosen.things) {
        about += thing.name;
        if (const auto id = thing.values.get("guest"))
            if (const GuestView* view =
                    state_.guest(static_cast<int>(parse_integer(*id).value_or(0))))
                about += fmt::format(" {} {} {}", guest_state_word(view->sighting.state),
                                     static_cast<const void*>(view->guest.get()),
                                     join(view->sighting.notes, ","));
        about += '\n';
    }
    if (about != allowed_.about) allowed_ = {std::move(about), {}};
    const auto [known, fresh] = allowed_.can.try_emplace(&command, false);
    if (fresh) known->second = why_not(command, chosen).empty();
    return known->second;
}

// The keys that do something on this row now, as many as fit; what can't be had is dim. The way out
// is always among them.
void App::draw_bar(Area area) {
    constexpr std::string_view quit_key = "F10", quit_label = "Quit";
    const int gap = area.width() < 100 ? 1 : 2;
    const int end = area.width() - text_width(quit_key) - text_width(quit_label) - 2;
    area.fill(Role::bar);
    int x = 1;
    const auto put = [&](std::string_view key, std::string_view label, bool can) {
        const int from = x;
        x = area.put(x, 0, key, can ? Role::bar_key : Role::bar_off);
        x = area.put(x + 1, 0, label, can ? Role::bar : Role::bar_off) + gap;
        area.hit(from, 0, x - from - 1, 1, Key{.name = std::string(key)});
    };
    const auto put_if_it_fits = [&](std::string_view key, std::string_view label, bool can) {
        if (x + text_width(key) + 1 + text_width(label) + gap <= end) put(key, label, can);
    };
    put_if_it_fits("F1", "Help", true);
    put_if_it_fits("F2", "Menu", true);
    const Chosen chosen = screen().chosen();
    std::vector<const Command*> commands = commands_of(chosen.subject);
    // Function keys first, in their order, then letters.
    const auto number = [](const Command* command) {
        return command->key.starts_with('F') ? parse_integer(command->key.substr(1)).value_or(0)
                                             : 100;
    };
    const bool any_function_key = std::any_of(commands.begin(), commands.end(),
                                              [&](auto* command) { return number(command) < 100; });
    std::erase_if(commands, [&](const Command* command) {
        return number(command) == 100 && (any_function_key || command->twin.empty());
    });
    std::stable_sort(commands.begin(), commands.end(),
                     [&](auto* a, auto* b) { return number(a) < number(b); });
    struct Entry {
        std::string_view key, label;
        bool can;
    };
    std::vector<Entry> entries;
    for (const Command* command : commands)
        entries.push_back({command->key.starts_with('F') ? command->key : command->twin,
                           command->label, can_now(*command, chosen)});
    for (const OwnKey& own : screen().own_keys())
        if (own.in_bar) entries.push_back({own.key, own.label, true});
    // Each has its place; but in a window of few columns what can be done now goes before what
    // can't.
    constexpr int few = 80;
    const bool narrow = area.width() < few;
    for (const Entry& entry : entries)
        if (!narrow || entry.can) put_if_it_fits(entry.key, entry.label, entry.can);
    for (const Entry& entry : entries)
        if (narrow && !entry.can) put_if_it_fits(entry.key, entry.label, false);
    put(quit_key, quit_label, true);
}

}  // namespace lodge
