// Terminal on a real pseudo-terminal: what it writes, what it makes of what is typed, and that the
// person gets the terminal back, whatever happens.
#include "tui/terminal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <string>

#include "engine/error.h"
#include "engine/fd.h"
#include "engine/units.h"

namespace lodge {
namespace {

// Played is a Terminal in a process of its own, with the test at the other end of its line.
class Played {
  public:
    // `scene` runs there; what it returns is the exit status, and what it says to `say` is heard.
    using Say = std::function<void(const std::string&)>;
    Played(const char* term, const std::function<int(const Say&)>& scene, const char* locale) {
        int slave = -1, pair[2];
        winsize window{.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
        int master = -1;
        if (::openpty(&master, &slave, nullptr, nullptr, &window) != 0 || ::pipe(pair) != 0)
            throw Error("no pseudo-terminal");
        master_ = Fd(master);
        slave_ = Fd(slave);
        heard_ = Fd(pair[0]);
        ::tcgetattr(slave, &before_);
        process_ = ::fork();
        if (process_ == 0) {
            master_ = Fd();  // else the line would never be gone
            ::login_tty(slave);
            ::setenv("TERM", term, 1);
            ::setenv("LC_ALL", locale, 1);
            ::unsetenv("NO_COLOR");
            int status = 99;
            try {
                status = scene([&](const std::string& words) {
                    const std::string line = words + "\n";
                    if (::write(pair[1], line.data(), line.size()) < 0) ::_exit(98);
                });
            } catch (const Error& error) {
                status = static_cast<int>(error.exit()) + 50;
            }
            ::_exit(status);
        }
        ::close(pair[1]);
    }
    ~Played() {
        if (process_ <= 0) return;
        ::kill(process_, SIGKILL);
        ::waitpid(process_, nullptr, 0);
    }

    void type(std::string_view bytes) const {
        ASSERT_EQ(::write(master_.get(), bytes.data(), bytes.size()),
                  static_cast<ssize_t>(bytes.size()));
    }
    void hang_up() { master_ = Fd(); }
    // The next line that the scene says; what the terminal writes meanwhile is kept.
    std::string line() {
        for (;;) {
            const size_t end = said_.find('\n');
            if (end != std::string::npos) {
                const std::string line = said_.substr(0, end);
                said_.erase(0, end + 1);
                return line;
            }
            if (!take()) return "(nothing)";
        }
    }
    // The same, while nobody reads what the terminal writes.
    std::string line_only() {
        reads_ = false;
        std::string said = line();
        reads_ = true;
        return said;
    }
    // Everything that was written to the terminal until the process ended.
    std::string rest() {
        while (take()) {
        }
        return written_;
    }
    std::string written() {
        std::string all;
        all.swap(written_);
        return all;
    }
    int status() {
        rest();
        int status = 0;
        ::waitpid(process_, &status, 0);
        process_ = -1;
        return status;
    }
    bool modes_are_as_before() const {
        termios now{};
        ::tcgetattr(slave_.get(), &now);
        return now.c_lflag == before_.c_lflag && now.c_iflag == before_.c_iflag &&
               now.c_oflag == before_.c_oflag;
    }

  private:
    bool take() {
        // A descriptor of -1 is passed over (poll(2)).
        pollfd polls[2] = {{reads_ ? master_.get() : -1, POLLIN, 0}, {heard_.get(), POLLIN, 0}};
        if (::poll(polls, 2, 20'000) <= 0) return false;
        char buffer[4096];
        if ((polls[0].revents & POLLIN) != 0) {
            const ssize_t got = ::read(master_.get(), buffer, sizeof buffer);
            if (got > 0) written_.append(buffer, static_cast<size_t>(got));
            return got > 0;
        }
        const ssize_t got = ::read(heard_.get(), buffer, sizeof buffer);
        if (got > 0) said_.append(buffer, static_cast<size_t>(got));
        return got > 0;
    }

    Fd master_, slave_, heard_;
    termios before_{};
    pid_t process_ = -1;
    bool reads_ = true;
    std::string written_, said_;
};

// Says each key by its name, and ends with "Q".
int say_keys(const Played::Say& say) {
    Terminal terminal({});
    say("ready");
    for (;;) {
        pollfd input{terminal.input(), POLLIN, 0};
        if (::poll(&input, 1, 20'000) <= 0) return 1;
        for (const Key& key : terminal.keys()) {
            if (key.is("Q")) return 0;
            if (key.is_mouse())
                say(fmt::format("{}{}({},{})", key.name, key.button, key.x, key.y));
            else
                say(key.is("Paste") ? "Paste " + printable(key.text) : key.name);
        }
        if (terminal.gone()) return 2;
    }
}

TEST(Terminal, keys_are_words) {
    Played played("xterm-256color", say_keys, "C.UTF-8");
    ASSERT_EQ(played.line(), "ready");
    const std::pair<std::string_view, std::string_view> keys[] = {
        {"a", "a"},
        {"A", "A"},
        {" ", "Space"},
        {"\r", "Enter"},
        {"\t", "Tab"},
        {"\x7f", "Backspace"},
        {"\x10", "Ctrl-P"},
        {"\x1d", "Ctrl-]"},
        {"\x13", "Ctrl-S"},
        {"\x03", "Ctrl-C"},
        {"\x1bOA", "Up"},
        {"\x1bOB", "Down"},
        {"\x1b[5~", "PgUp"},
        {"\x1b[3~", "Delete"},
        {"\x1bOP", "F1"},
        {"\x1b[15~", "F5"},
        {"\x1b[21~", "F10"},
        {"\x1b[Z", "BackTab"},
        {"é", "é"},
        {"\x1b", "Esc"},
        {"\x1b"
         "5",
         "F5"},
        {"\x1b"
         "0",
         "F10"},
        {"\x1bx", "Alt-x"},
        {"\x1b[<0;5;3M", "Press1(4,2)"},
        {"\x1b[<64;1;1M", "WheelUp1(0,0)"},
        {"\x1b[200~two\rlines\x1b[201~", "Paste two\\x0Dlines"},
    };
    for (const auto& [bytes, name] : keys) {
        played.type(bytes);
        EXPECT_EQ(played.line(), name);
    }
    // What no key sends types nothing: an answer of the terminal, a key with Ctrl and Shift.
    played.type("\x1b[?62;4;22c\x1b[1;9Zb");
    EXPECT_EQ(played.line(), "b");
    // On a slow line several come at once.
    played.type("\x1b\x1b\x1b");
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(played.line(), "Esc");
    played.type("Q");
    EXPECT_EQ(played.status(), 0);
    EXPECT_TRUE(played.modes_are_as_before());
}

// A vt100 has four function keys; who says so at a serial line sits before a later one, as a rule.
TEST(Terminal, knows_keys_that_terminfo_does_not) {
    Played played("vt100", say_keys, "C");
    ASSERT_EQ(played.line(), "ready");
    const std::pair<const char*, const char*> keys[] = {
        {"\x1b[18~", "F7"},  {"\x1b[21~", "F10"}, {"\x1b[3~", "Delete"},
        {"\x1b[5~", "PgUp"}, {"\x1b[H", "Home"},  {"\x1bOA", "Up"},
    };
    for (const auto& [bytes, name] : keys) {
        played.type(bytes);
        EXPECT_EQ(played.line(), name);
    }
    played.type("Q");
    EXPECT_EQ(played.status(), 0);
}

// Draws one canvas, then another that differs in a cell, and says when.
int change_a_cell(const Played::Say& say) {
    Terminal terminal({});
    Canvas canvas(terminal.size());
    canvas.all().put(0, 0, "the first frame of all");
    terminal.show(canvas);
    say("first");
    char go = 0;
    if (::read(0, &go, 1) != 1) return 1;
    terminal.show(canvas);
    say("same");
    if (::read(0, &go, 1) != 1) return 1;
    canvas.all().put(40, 12, "x");
    terminal.show(canvas);
    say("second");
    if (::read(0, &go, 1) != 1) return 1;
    return 0;
}

TEST(Terminal, only_changed_cells_are_written) {
    Played played("xterm-256color", change_a_cell, "C.UTF-8");
    ASSERT_EQ(played.line(), "first");
    played.type("g");
    ASSERT_EQ(played.line(), "same");
    EXPECT_NE(played.written().find("the first frame"), std::string::npos);
    played.type("g");
    ASSERT_EQ(played.line(), "second");
    played.type("g");
    EXPECT_EQ(played.status(), 0);
    const std::string written = played.written();
    // All since the first frame: moving there, one letter, moving back, and leaving the screen.
    EXPECT_NE(written.find('x'), std::string::npos);
    EXPECT_EQ(written.find("the first frame"), std::string::npos);
    EXPECT_LT(written.size(), 200U) << printable(written);
}

int die_of_a_bug(const Played::Say& say) {
    Terminal terminal({});
    Canvas canvas(terminal.size());
    terminal.show(canvas);
    say("drawn");
    ::signal(SIGABRT, SIG_DFL);  // as the sanitizers' own handler is not ours to test
    ::raise(SIGSEGV);
    return 0;
}

TEST(Terminal, a_crash_gives_it_back) {
    Played played("xterm-256color", die_of_a_bug, "C.UTF-8");
    ASSERT_EQ(played.line(), "drawn");
    const int status = played.status();
    EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) != 0) << status;
    EXPECT_TRUE(played.modes_are_as_before());
    const std::string written = played.written();
    EXPECT_NE(written.find("\x1b[?1049l"), std::string::npos) << "the screen before is back";
    EXPECT_NE(written.find("\x1b[?2004l"), std::string::npos);
}

int show_line_and_accent(const Played::Say& say) {
    Terminal terminal({.colors = {}, .glyphs = GlyphLevel::line});
    Canvas canvas(terminal.size());
    canvas.all().put(0, 0, "é");
    canvas.all().set(2, 0, Cell{U'─', 0, 1, {}});
    terminal.show(canvas);
    say(std::string(color_level_word(terminal.colors())));
    return 0;
}

TEST(Terminal, without_utf8_lines_are_the_terminals_own) {
    Played played("vt100", show_line_and_accent, "C");
    EXPECT_EQ(played.line(), "mono");
    EXPECT_EQ(played.status(), 0);
    const std::string written = played.written();
    EXPECT_EQ(written.find("\xc3"), std::string::npos) << "no byte that a vt100 does not know";
    EXPECT_NE(written.find('?'), std::string::npos);
    EXPECT_NE(written.find('\x0e'), std::string::npos) << "shift out: the line drawing set";
}

// A picture that is larger than what any line takes at once.
constexpr size_t large_picture = 4 << 20;

int show_to_nobody(const Played::Say& say) {
    Terminal terminal({});
    Canvas canvas(terminal.size());
    terminal.show(canvas);
    terminal.write(std::string(large_picture, 'p'));
    say(fmt::format("written {} {}", terminal.pending(), terminal.ready()));
    canvas.all().put(0, 0, "the next frame");
    terminal.show(canvas);
    say("shown");
    char go = 0;
    if (::read(0, &go, 1) != 1) return 1;
    while (terminal.pending()) {
        pollfd out{terminal.output(), POLLOUT, 0};
        if (::poll(&out, 1, 20'000) != 1) return 2;
        terminal.flush();
    }
    say("sent");
    return 0;
}

TEST(Terminal, waits_for_no_line_and_loses_nothing) {
    Played played("xterm-256color", show_to_nobody, "C.UTF-8");
    // Nobody reads until both are said.
    ASSERT_EQ(played.line_only(), "written true false");
    ASSERT_EQ(played.line_only(), "shown");
    played.type("g");
    ASSERT_EQ(played.line(), "sent");
    EXPECT_EQ(played.status(), 0);
    const std::string written = played.written();
    EXPECT_EQ(std::count(written.begin(), written.end(), 'p') / 1000,
              static_cast<ptrdiff_t>(large_picture) / 1000);
    EXPECT_LT(written.rfind("ppp"), written.rfind("the next frame"));
}

// What is left when nobody reads is not waited for at the end either.
TEST(Terminal, ends_though_nobody_reads) {
    Played played(
        "xterm-256color",
        [](const Played::Say& say) {
            {
                Terminal terminal({});
                terminal.write(std::string(large_picture, 'p'));
            }
            say("ended");
            return 0;
        },
        "C.UTF-8");
    ASSERT_EQ(played.line_only(), "ended");
    EXPECT_TRUE(played.modes_are_as_before());
    EXPECT_EQ(played.status(), 0);
}

TEST(Terminal, says_what_it_needs) {
    Played played("no-such-terminal", say_keys, "C");
    const int status = played.status();
    EXPECT_EQ(WEXITSTATUS(status), 50 + static_cast<int>(Exit::missing));
}

TEST(Terminal, notices_that_the_line_is_gone) {
    Played played(
        "xterm",
        [](const Played::Say& say) {
            ::signal(SIGHUP, SIG_IGN);
            return say_keys(say);
        },
        "C.UTF-8");
    ASSERT_EQ(played.line(), "ready");
    played.hang_up();
    EXPECT_EQ(WEXITSTATUS(played.status()), 2);
}

}  // namespace
}  // namespace lodge
