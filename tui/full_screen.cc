#include "tui/full_screen.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/state.h"
#include "power/senses.h"
#include "tui/app.h"
#include "tui/password.h"
#include "tui/terminal.h"

namespace lodge {
namespace {

// When nothing is to be drawn the loop sleeps until something happens; a slow line that has not
// taken the frame before is asked again after this.
constexpr auto until_ready = std::chrono::milliseconds(30);
// When it is locked and when it rests need not be so to the second.
constexpr auto about_then = std::chrono::seconds(10);
constexpr auto long_time = std::chrono::hours(24);

PixelProtocol pixels_here(std::string_view attributes = "") {
    const auto get = [](const char* name) {
        const char* value = std::getenv(name);
        return std::string_view(value == nullptr ? "" : value);
    };
    return pixel_protocol({.term = get("TERM"),
                           .term_program = get("TERM_PROGRAM"),
                           .kitty_window_id = get("KITTY_WINDOW_ID"),
                           .device_attributes = attributes});
}

// FullScreen joins the terminal, the app and the loop.
class FullScreen {
  public:
    FullScreen(Engine& engine, CommandTables tables, const FullScreenWishes& wishes)
        : console_(wishes.console),
          wishes_(wishes),
          terminal_({.colors = wishes.colors, .glyphs = wishes.glyphs}),
          state_(engine, power_senses(engine.host)),
          canvas_(terminal_.size()),
          app_(engine, look_first(), loop_, tables,
               {.colors = terminal_.colors(),
                .glyphs = terminal_.glyphs(),
                .readonly = wishes.readonly,
                .console = wishes.console,
                .pixels = pixels_here(),
                .cell = terminal_.cell()},
               outside()) {}

    int run() {
        // Before the first frame, so that nothing comes behind it.
        terminal_.ask_attributes();
        draw();
        sources_.push_back(loop_.on_io(terminal_.input(), EPOLLIN, [this](uint32_t events) {
            read_keys((events & (EPOLLHUP | EPOLLERR)) != 0);
        }));
        sources_.push_back(loop_.on_signal(SIGWINCH, [this] { app_.redraw(); }));
        sources_.push_back(loop_.on_signal(SIGHUP, [this] { app_.end(); }));
        sources_.push_back(loop_.on_signal(SIGTERM, [this] { app_.end(); }));
        sources_.push_back(loop_.on_signal(SIGINT, [this] { app_.end(); }));
        state_.keep_looking(loop_, [this] { app_.seen(); });
        if (console_) attend();
        while (!app_.over()) {
            const bool waits = app_.stale() && !terminal_.ready();
            if (app_.stale() && !waits) draw();
            send_the_rest();
            const bool asks_again = waits && !terminal_.pending();
            loop_.run_once(asks_again ? Loop::Duration(until_ready) : Loop::Duration(long_time));
        }
        return 0;
    }

  private:
    State& look_first() {
        state_.look();
        return state_;
    }

    // What the terminal did not take of a frame goes out when it takes more; until then there is no
    // other frame.
    void send_the_rest() {
        if (!terminal_.pending()) {
            rest_.cancel();
        } else if (!rest_) {
            rest_ = loop_.on_io(terminal_.output(), EPOLLOUT, [this](uint32_t) {
                terminal_.flush();
                send_the_rest();
            });
        }
    }

    void draw() {
        const Size size = terminal_.size();
        if (!(size == canvas_.size())) canvas_.clear(size);
        app_.draw(canvas_);
        terminal_.show(canvas_);
        if (raw_.empty()) return;
        terminal_.write(raw_);
        raw_.clear();
    }

    // Somebody is there.
    void attend() {
        const auto due = [this](std::chrono::minutes when, void (FullScreen::*what)()) {
            if (when == std::chrono::minutes(0)) return Loop::Source();
            return loop_.after(when, about_then, [this, what] { (this->*what)(); });
        };
        locks_ = due(wishes_.lock_after, &FullScreen::lock);
        rests_ = due(wishes_.rest_after, &FullScreen::rest);
    }

    void lock() { app_.lock(); }

    void rest() {
        if (app_.has_jobs()) {  // how they end is to be told
            rests_ = loop_.after(wishes_.rest_after, about_then, [this] { rest(); });
            return;
        }
        state_.stop_looking();
        app_.rest();
    }

    void wake() {
        if (app_.resting()) state_.keep_looking(loop_, [this] { app_.seen(); });
        attend();
    }

    void read_keys(bool hung_up) {
        for (const Key& key : terminal_.keys()) {
            if (console_) wake();
            app_.key(key);
            if (app_.over()) return;
        }
        if (terminal_.attributes() != attributes_) {
            attributes_ = terminal_.attributes();
            app_.know_pixels(pixels_here(attributes_));
        }
        if (hung_up || terminal_.gone()) app_.end();
    }

    int lend(const std::function<int()>& work) {
        terminal_.leave();
        // Ctrl-C is for what runs now, which hears it in its own way; it does not end us.
        struct sigaction ours {
        }, before{};
        ours.sa_handler = [](int) {};
        ::sigaction(SIGINT, &ours, &before);
        sigset_t interrupt;
        sigemptyset(&interrupt);
        sigaddset(&interrupt, SIGINT);
        ::pthread_sigmask(SIG_UNBLOCK, &interrupt, nullptr);
        const auto take_back = [&] {
            ::pthread_sigmask(SIG_BLOCK, &interrupt, nullptr);
            ::sigaction(SIGINT, &before, nullptr);
            ::tcflush(STDIN_FILENO, TCIFLUSH);  // answers to what a guest asked are no keys
            terminal_.enter();
            app_.redraw();
        };
        int status = 0;
        try {
            status = work();
        } catch (...) {
            take_back();
            throw;
        }
        take_back();
        return status;
    }

    static void wait(int status) {
        fmt::print("\n{}Enter goes back to the screen. ",
                   status == 0 ? "" : fmt::format("It ended with status {}. ", status));
        std::fflush(stdout);
        char key = 0;
        while (::read(STDIN_FILENO, &key, 1) == 1 && key != '\n') {
        }
    }

    void suspend() {
        terminal_.leave();
        ::kill(0, SIGTSTP);  // the whole job, as the shell knows it
        terminal_.enter();
        app_.redraw();
    }

    App::Outside outside() {
        App::Outside outside = terminal_outside();
        if (!console_) return outside;
        outside.suspend = {};  // there is no shell to come back to
        const char* terminal = ::ttyname(STDIN_FILENO);
        outside.unlock = PasswordCheck{.terminal = terminal != nullptr ? terminal : ""};
        outside.shell = [](const std::string& user) { run_login_shell(user); };
        return outside;
    }

    App::Outside terminal_outside() {
        return {.lend = [this](const std::function<int()>& work) { return lend(work); },
                .wait = wait,
                .suspend = [this] { suspend(); },
                .forget =
                    [this] {
                        terminal_.forget();
                        app_.redraw();
                    },
                .mouse = [this](bool on) { terminal_.mouse(on); },
                .raw = [this](std::string bytes) { raw_ += bytes; }};
    }

    const bool console_;
    const FullScreenWishes wishes_;
    Terminal terminal_;
    Loop loop_;
    State state_;
    Canvas canvas_;
    App app_;
    std::string raw_, attributes_;
    std::vector<Loop::Source> sources_;
    Loop::Source locks_, rests_;  // when nobody is there
    Loop::Source rest_;           // of a frame
};

}  // namespace

int run_full_screen(Engine& engine, CommandTables tables, const FullScreenWishes& wishes) {
    if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0)
        fail(Exit::missing, "this is no terminal: lodge --linear, or words: lodge --help");
    return FullScreen(engine, tables, wishes).run();
}

}  // namespace lodge
