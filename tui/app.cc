#include "tui/app.h"

#include <algorithm>

#include "engine/error.h"
#include "engine/text.h"
#include "engine/units.h"

namespace lodge {
namespace {

// Esc and then a digit within this time is a function key.
constexpr int64_t escape_and_digit = 1'000'000;
// A job that was started here is asked this often whether it has ended.
constexpr auto job_period = std::chrono::milliseconds(150);

// A command of another subject that has a key of its own and works on a guest: taking a snapshot.
bool fits_guest(const Command& command, std::string_view subject) {
    return subject == "guest" && !command.key.empty() && !command.operands.empty() &&
           command.operands[0].kind == WordKind::guest;
}

int64_t monotonic() {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

}  // namespace

App::App(Engine& engine, State& state, Loop& loop, CommandTables tables, Settings settings,
         Outside outside)
    : engine_(engine),
      state_(state),
      loop_(loop),
      tables_(tables),
      settings_(settings),
      outside_(std::move(outside)),
      readonly_(settings.readonly) {
    settings_.readonly = readonly_ || settings_.console;
    for (const ScreenKind& kind : screen_kinds())
        screens_.push_back(kind.make(*this));
    screens_[place_]->shown(true);
    see_screen();
    for (const StandingSource& source : lodge::standing_sources())
        standing_sources_.push_back(source);
    look_at_standing();
    if (settings_.console) state_.look_at_links();  // the addresses
}

App::~App() = default;

// What costs more than the list of guests is looked at only for the screen that shows it.
void App::see_screen() {
    guarded("It cannot be seen", [this] { screens_[place_]->look(); });
    screens_[place_]->seen();
}

void App::seen() {
    look_at_own_jobs();
    look_at_standing();
    if (dialogs_.empty()) guarded("It cannot be seen", [this] { screens_[place_]->look(); });
    if (!opened_.empty()) close_dialogs();
    const bool same = state_.generation() == generation_;
    generation_ = state_.generation();
    const int64_t minute = engine_.host.now_seconds() / 60;  // the clock moves with it
    if (same && minute == minute_) return;
    minute_ = minute;
    stale_ = true;
    guarded("It cannot be seen", [this] {
        if (dialogs_.empty())
            screens_[place_]->seen();
        else
            dialogs_.back()->seen();
    });
    if (!opened_.empty()) close_dialogs();
}

// What goes wrong while the person works is told in a box and ends nothing.
void App::guarded(std::string_view what, const std::function<void()>& work) {
    try {
        work();
    } catch (const std::exception& error) {
        trouble(what, error.what());
    }
}

void App::key(const Key& pressed) {
    stale_ = true;
    ++pressed_;
    if (resting_) {  // any key wakes, and does nothing else
        resting_ = false;
        screen().shown(true);
        see_screen();
        return;
    }
    Key key = pressed;
    const Key* hit =
        key.is("Press") && key.button == 1 && last_ ? last_->hit_at(key.x, key.y) : nullptr;
    if (hit != nullptr && hit->is("Standing")) {
        settle_standing(hit->text);
        close_dialogs();
        return;
    }
    // The keyboard and the mouse are a guest's.
    const bool all_theirs = dialogs_.empty() && screen().takes_all_keys();
    if (!all_theirs) {
        if (key.is("Press") && key.button == 1) {
            if (hit == nullptr) return;
            key = *hit;
        }
        if (key.is("Release") || key.is("Beside")) return;
        if (key.is("Ctrl-Z") && outside_.suspend) {
            outside_.suspend();
            return;
        }
        if (key.is("Ctrl-L")) {
            if (outside_.forget) outside_.forget();
            return;
        }
        if (standing_key(key)) {
            close_dialogs();
            return;
        }
    }
    guarded("It did not work", [&] {
        if (!dialogs_.empty()) {
            dialogs_.back()->key(key);
            close_dialogs();
            return;
        }
        told_.clear();
        if (all_theirs) {
            screen().key(key);
            return;
        }
        const int64_t now = monotonic();
        const std::string_view function = function_key_after_escape(key.name);
        if (now - escaped_ < escape_and_digit && !function.empty()) key.name = function;
        escaped_ = 0;
        if (screen().key(key)) return;
        // An Esc that went back from somewhere was meant so.
        if (key.is("Esc")) escaped_ = now;
        if (console_key(key)) return;
        if (global_key(key)) return;
        command_key(key);
    });
    close_dialogs();
    last_ = nullptr;  // what was where is no longer sure until the next frame
}

bool App::global_key(const Key& key) {
    for (size_t place = 0; place < screens_.size(); ++place)
        if (key.name.size() == 1 && key.name[0] == screen_kinds()[place].number) {
            show_screen(place);
            return true;
        }
    if (key.is("F1") || key.is("?"))
        open_help();
    else if (key.is("F2") || key.is("m"))
        open_menu();
    else if (key.is(":") || key.is("Ctrl-P"))
        open_palette();
    else if (key.is("F10") || key.is("Q"))
        quit();
    else if (key.is("Ctrl-C"))
        tell("Q quits; Ctrl-C is for guests' consoles");
    else if (key.is("M")) {
        settings_.mouse = !settings_.mouse;
        if (outside_.mouse) outside_.mouse(settings_.mouse);
        tell(settings_.mouse ? "the mouse works here now"
                             : "the mouse selects text now; M takes it back");
    } else if (key.is("Ctrl-G")) {
        settings_.glyphs = static_cast<GlyphLevel>((static_cast<int>(settings_.glyphs) + 1) % 3);
        tell(fmt::format("signs: {}", glyph_level_word(settings_.glyphs)));
    } else
        return false;
    return true;
}

bool App::command_key(const Key& key) {
    const Chosen chosen = screen().chosen();
    for (const Command* command : commands_of(chosen.subject)) {
        if (key.name != command->key && key.name != command->twin) continue;
        std::string title(command->label);
        if (chosen.things.size() == 1) title += " " + chosen.things[0].name;
        guarded(title, [&] {
            if (!screen().runs(*command)) act(*command, chosen);
        });
        return true;
    }
    return false;
}

std::vector<const Command*> App::commands_of(std::string_view subject) const {
    std::vector<const Command*> commands;
    for (const auto& table : tables_)
        for (const Command& command : table)
            if (command.subject == subject || fits_guest(command, subject))
                commands.push_back(&command);
    return commands;
}

const Command& App::command(std::string_view words) const {
    size_t taken = 0;
    const Command* found = find_command(tables_, split(words, ' '), taken);
    if (!found) fail(Exit::usage, "there is no command '{}'", printable(words));
    return *found;
}

void App::open(std::unique_ptr<Dialog> dialog) {
    opened_.push_back(std::move(dialog));
    stale_ = true;
}

// Dialogs that were closed go, those that were opened meanwhile come: not while one of them runs.
void App::close_dialogs() {
    const bool covered = !dialogs_.empty();
    for (auto& dialog : opened_)
        dialogs_.push_back(std::move(dialog));
    opened_.clear();
    std::erase_if(dialogs_, [](const auto& dialog) { return dialog->closed(); });
    if (covered && dialogs_.empty()) see_screen();
}

void App::wait_for(Waiting waiting) {
    open(wait_dialog(*this, std::move(waiting)));
}

bool App::waits() const {
    const auto waits = [](const auto& dialog) { return dialog->waits(); };
    return busy_.use_count() > 1 || std::any_of(dialogs_.begin(), dialogs_.end(), waits) ||
           std::any_of(opened_.begin(), opened_.end(), waits);
}

void App::after_wait(std::string_view title, const std::function<void()>& what) {
    guarded(title, what);
    close_dialogs();
    stale_ = true;
}

void App::tell(std::string words, Role role) {
    told_ = std::move(words);
    told_role_ = role;
    stale_ = true;
}

void App::trouble(std::string_view title, std::string_view words) {
    open(text_dialog(*this, std::string(title), std::string(words)));
}

void App::show_screen(size_t place) {
    if (place >= screens_.size() || place == place_) return;
    screens_[place_]->shown(false);
    place_ = place;
    screens_[place_]->shown(true);
    see_screen();
    stale_ = true;
}

void App::quit() {
    if (locked()) {
        tell("this console stays; L unlocks it");
        return;
    }
    std::string unsaved;
    for (const auto& screen : screens_)
        if (unsaved.empty()) unsaved = screen->unsaved();
    if (unsaved.empty()) {
        over_ = true;
        return;
    }
    open(choice_dialog(
        *this, unsaved,
        {{.label = "Stay", .key = "Esc"},
         {.label = "Quit without them", .key = "Q", .chosen = [this] { over_ = true; }}},
        false));
}

void App::when_ended(int job, std::function<void(const JobRecord&)> ended) {
    own_jobs_.push_back({job, std::move(ended)});
    if (!job_timer_)
        job_timer_ = loop_.every(job_period, std::chrono::milliseconds(50), [this] {
            look_at_own_jobs();
            if (own_jobs_.empty()) job_timer_.cancel();
        });
}

void App::look_at_own_jobs() {
    std::vector<std::pair<OwnJob, JobRecord>> ended;
    std::erase_if(own_jobs_, [&](const OwnJob& job) {
        const auto record = engine_.jobs.unfinished(job.number);
        if (record && record->state == JobState::running) return false;
        guarded("Job", [&] { ended.emplace_back(job, engine_.jobs.load(job.number)); });
        return true;
    });
    for (const auto& [job, record] : ended) {
        told_of_end(record);
        if (job.ended) job.ended(record);
        stale_ = true;
    }
    if (!ended.empty()) {
        state_.look();
        close_dialogs();
    }
}

}  // namespace lodge
