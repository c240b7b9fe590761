#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "engine/loop.h"
#include "engine/state.h"
#include "tui/canvas.h"
#include "tui/dialog.h"
#include "tui/form.h"
#include "tui/glyphs.h"
#include "tui/password.h"
#include "tui/picture/pixels.h"
#include "tui/screen.h"
#include "tui/standing.h"
#include "tui/theme.h"
#include "tui/wait.h"
#include "tui/words.h"

namespace lodge {

// App is the full screen without its terminal: keys go in, cells come out. It holds the screens and
// the dialogs over them, and carries out the commands of the table with the questions they ask.
class App {
  public:
    struct Settings {
        ColorLevel colors = ColorLevel::full;
        GlyphLevel glyphs = GlyphLevel::full;
        bool readonly = false;  // shows everything and changes nothing
        bool mouse = true;
        // At the machine's own console: viewing is free, changing wants a password, until it is
        // locked again.
        bool console = false;
        PixelProtocol pixels = PixelProtocol::none;
        Size cell = {};  // of the terminal, in pixels; 0: not known
    };
    // What only the one who has the terminal can do; any may be empty.
    struct Outside {
        // Gives the terminal to `work` and takes it back; returns what that returned.
        std::function<int(const std::function<int()>& work)> lend;
        std::function<void(int status)> wait;  // while lent: until the person has read it
        std::function<void()> suspend;         // Ctrl-Z
        std::function<void()> forget;          // every cell is written again
        std::function<void(bool)> mouse;
        std::function<void(std::string)> raw;  // bytes for the terminal itself: pictures
        // "" when that is the user, by what PAM asks them, and they may change things; else why
        // not. Runs in a process of its own, and may take its time.
        std::function<std::string(const std::string& user, const PasswordTalk& talk)> unlock = {};
        std::function<void(const std::string& user)> shell = {};  // on the terminal that is lent
    };
    App(Engine& engine, State& state, Loop& loop, CommandTables tables, Settings settings,
        Outside outside);
    ~App();

    void key(const Key& key);
    void seen();  // State has looked again; nothing is drawn when a person would see nothing new
    // Draws a whole frame. The canvas stays the app's to ask (what is where the mouse was pressed)
    // until the next one.
    void draw(Canvas& canvas);
    // Whether something may look otherwise than it was drawn last.
    bool stale() const { return stale_; }
    bool over() const { return over_; }
    void end() { over_ = true; }

    // For screens and dialogs:
    Engine& engine() { return engine_; }
    State& state() { return state_; }
    Loop& loop() { return loop_; }
    CommandTables tables() const { return tables_; }
    const Glyphs& glyphs() const { return glyphs_of(settings_.glyphs); }
    const Settings& settings() const { return settings_; }
    Outside& outside() { return outside_; }
    void redraw() { stale_ = true; }
    void know_pixels(PixelProtocol pixels) {  // the terminal has said what it can
        settings_.pixels = pixels;
        stale_ = true;
    }

    void open(std::unique_ptr<Dialog> dialog);
    bool dialog_open() const { return !dialogs_.empty(); }
    // Does work that may wait for others aside, so that the screen goes on; see Waiting.
    void wait_for(Waiting waiting);
    // Whether such work is on its way, or someone holds a busy().
    bool waits() const;
    std::shared_ptr<const bool> busy() const { return busy_; }
    // For what waited: does what follows, with errors told, and puts the dialogs right.
    void after_wait(std::string_view title, const std::function<void()>& what);
    // A line above the bottom one, until the next key. `role` good, warning or danger.
    void tell(std::string words, Role role = Role::normal);
    // What else is to be asked for lines that stand over everything, besides the table.
    void stand(StandingSource source);
    // An error in a box.
    void trouble(std::string_view title, std::string_view words);
    // Shows a screen by its place in the table.
    void show_screen(size_t place);
    size_t screen_place() const { return place_; }
    Screen& screen() { return *screens_[place_]; }

    // Does a command of the table on what is chosen: asks for words that are missing, then before
    // harm, and starts its jobs. `with_options`: asks for its options as well.
    void act(const Command& command, const Chosen& chosen, bool with_options = false);
    // The same with all values known: makes the plans aside, asks before harm, starts the jobs.
    // `answer` hears "" when they are made, else why they can't be; without it that is told in a
    // box.
    void carry_out(const Command& command, const std::vector<Chosen::Thing>& things,
                   const FormAnswer& answer = {});
    // A plan that no command of the table has, such as a wizard's.
    void carry_out(Risk risk, std::vector<Plan> plans, const std::string& name);
    // Whether --readonly and the locked console refuse it.
    static bool changes(const Command& command);
    // Why a command can't be done on this now; "" when it can.
    std::string why_not(const Command& command, const Chosen& chosen);
    // A command by its words: "guest start"; throws Error when there is none.
    const Command& command(std::string_view words) const;
    // Calls `ended` when that job has ended, with its record.
    void when_ended(int job, std::function<void(const JobRecord&)> ended);

    // Whether nothing can be changed, now or at all; then `again` is what follows a password.
    bool refuses(const std::function<void()>& again);
    // At the machine's console: from now on changing wants the password anew.
    void lock();
    bool locked() const { return settings_.console && unlocked_by_.empty(); }
    // What stands in place of a plan or a command line, which may hold passwords, while it is
    // locked; draws it and says so.
    bool draw_locked(const Area& area) const;
    bool has_jobs() const { return !own_jobs_.empty(); }
    // A picture that nothing moves on, until the next key; the looking has ended.
    void rest();
    bool resting() const { return resting_; }

  private:
    void ask_password(const std::function<void()>& again);
    bool console_key(const Key& key);
    void draw_rest(const Area& area);
    void draw_console_keys(const Area& area);
    std::vector<std::string> own_addresses() const;
    bool global_key(const Key& key);
    bool command_key(const Key& key);
    void close_dialogs();
    void see_screen();
    void guarded(std::string_view what, const std::function<void()>& work);
    void start_jobs(std::vector<Plan> plans);
    void look_at_own_jobs();
    void plans_made(const Command& command, const std::vector<Chosen::Thing>& things,
                    const std::string& text);
    void select_when_made(int job, const Plan& plan);
    void told_of_end(const JobRecord& record);
    void open_menu();
    void open_palette();
    void open_help();
    void quit();
    static std::string title_of(const Command& command, const Chosen::Thing& thing);
    void run_here(const Command& command, const Chosen::Thing& thing);
    void show_here(const Command& command, const Chosen::Thing& thing);
    void ask_words(const Command& command, const Chosen& chosen, bool with_options);
    void do_it(const Command& command, const std::vector<Chosen::Thing>& things,
               const FormAnswer& answer);
    std::string since_words(const Plan& plan) const;
    void ask_and_start(Risk risk, std::vector<Plan> plans, const std::string& name,
                       std::string_view help);
    Choice choice_of(const Command& command, const Chosen& chosen, bool with_subject);
    bool can_now(const Command& command, const Chosen& chosen);
    std::vector<const Command*> commands_of(std::string_view subject) const;
    void look_at_standing();
    bool standing_key(const Key& key);
    void settle_standing(std::string_view key);
    Area draw_standing(const Area& all);
    void draw_header(Area area);
    int draw_machine(const Area& area);
    static void draw_told(const Area& area, std::string_view told, Role role);
    void draw_tabs(Area area);
    void draw_bar(Area area);
    void draw_too_small(Area area);

    Engine& engine_;
    State& state_;
    Loop& loop_;
    CommandTables tables_;
    Settings settings_;
    Outside outside_;
    std::vector<std::unique_ptr<Screen>> screens_;
    size_t place_ = 0;
    std::vector<std::unique_ptr<Dialog>> dialogs_;
    std::vector<std::unique_ptr<Dialog>> opened_;  // while a dialog handles a key
    struct OwnJob {
        int number;
        std::function<void(const JobRecord&)> ended;
    };
    std::vector<OwnJob> own_jobs_;
    Loop::Source job_timer_;
    std::string told_;
    Role told_role_ = Role::normal;
    std::set<std::string> warned_;  // what was in a box of warnings already
    int64_t escaped_ = 0;  // when Esc was pressed last, monotonic microseconds: Esc and a digit
    // Which commands can be had, for the line at the bottom: asked again when the things chosen are
    // others, or something about them changed that is more than a figure.
    struct Allowed {
        std::string about;
        std::map<const Command*, bool> can;
    };
    Allowed allowed_;
    const std::shared_ptr<const bool> busy_ = std::make_shared<bool>(true);
    std::vector<StandingSource> standing_sources_;
    std::vector<Standing> standing_;  // the one that lapses first is the first
    Loop::Source standing_timer_;     // the count goes down
    const Canvas* last_ = nullptr;    // what was drawn last
    bool stale_ = true, over_ = false, resting_ = false;
    const bool readonly_;      // for good
    std::string unlocked_by_;  // the user whose password it was
    uint64_t pressed_ = 0;     // keys so far
    uint64_t generation_ = 0;  // State's, when it was seen last
    int64_t minute_ = 0;
};

// The line of keys of a command as the bottom line and menus show it: "F5 s".
std::string command_key_words(const Command& command);

}  // namespace lodge
