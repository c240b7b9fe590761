#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <optional>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/units.h"
#include "engine/vm/console.h"
#include "engine/vm/console_hold.h"
#include "engine/vm/scrollback.h"
#include "engine/vm/vm.h"

// `lodge console`: a person's terminal, or a script's pipes, on a guest's serial line.

namespace lodge {
namespace {

constexpr char leave_key = 0x1d;  // Ctrl-]
// A script's input is over and the guest has been silent for so long: there is no more to come.
constexpr auto silence = std::chrono::milliseconds(2000);
constexpr auto look_for_start = std::chrono::milliseconds(250);
constexpr size_t most_unsent = 1 << 16;

void write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t done = ::write(fd, bytes.data(), bytes.size());
        if (done > 0) {
            bytes.remove_prefix(static_cast<size_t>(done));
        } else if (errno == EAGAIN) {
            pollfd wait{fd, POLLOUT, 0};
            ::poll(&wait, 1, 1000);
        } else if (errno != EINTR) {
            fail_errno(errno, "cannot write what the guest says");
        }
    }
}

// RawTerminal keeps a terminal raw: each key goes to the guest as it is. As it was on destruction.
class RawTerminal {
  public:
    explicit RawTerminal(int fd) : fd_(fd) {
        if (::tcgetattr(fd, &before_) != 0)
            fail_errno(errno, "cannot read the terminal's settings");
        termios raw = before_;
        ::cfmakeraw(&raw);
        if (::tcsetattr(fd, TCSAFLUSH, &raw) != 0)
            fail_errno(errno, "cannot set the terminal to pass each key");
    }
    RawTerminal(const RawTerminal&) = delete;
    RawTerminal& operator=(const RawTerminal&) = delete;
    ~RawTerminal() { ::tcsetattr(fd_, TCSADRAIN, &before_); }

  private:
    int fd_;
    termios before_{};
};

// Attachment is one sitting at a guest's console, from attaching until the person leaves, the
// script's input is used up, or the guest is gone.
class Attachment {
  public:
    Attachment(Engine& engine, const Guest& guest, const Values& words);
    int run();

  private:
    enum class Over { no, left, input_ended, guest_ended, signalled, heard, time_over };
    void say(const std::string& words);
    void require_port() const;
    bool wait_for_start();
    void one_run();
    void show_history(SerialConsole::Ends& ends);
    void listen_to_person();
    void read_input(uint32_t events);
    void input(std::string_view bytes);
    void restart_silence();
    void seen(std::string_view text);
    void end(Over why) {
        if (over_ == Over::no) over_ = why;
        loop_.stop();
    }

    Engine& engine_;
    const Guest& guest_;
    const bool watch_, stay_;
    const size_t lines_;
    const std::string port_;  // "serial0"
    const std::string log_;
    const bool typed_;  // standard input is a terminal
    const bool seen_;   // standard output is one
    const std::string until_;
    std::string heard_;  // the end of what the guest said, as far as `until_` wants it
    Loop loop_;
    TerminalModes modes_;
    std::optional<RawTerminal> raw_;
    std::optional<SerialConsole> console_;
    std::string early_;  // typed while the guest was away
    Over over_ = Over::no;
    bool input_over_ = false;
    int signal_ = 0;
    Loop::Source time_, input_, silence_, term_, hangup_, interrupt_, quit_;
};

Attachment::Attachment(Engine& engine, const Guest& guest, const Values& words)
    : engine_(engine),
      guest_(guest),
      watch_(words.flag("watch")),
      stay_(words.flag("stay")),
      lines_(static_cast<size_t>(words.integer("lines", 20))),
      port_("serial" + std::to_string(words.integer("serial", 0))),
      log_(guest_log_folder(engine.host, guest.id) + "/" + port_ + ".log"),
      typed_(::isatty(STDIN_FILENO) == 1),
      seen_(::isatty(STDOUT_FILENO) == 1),
      until_(words.text("until", "")) {
    if (const auto limit = words.get("timeout"))
        time_ = loop_.after(
            std::chrono::seconds(std::clamp<int64_t>(words.integer("timeout"), 0, 1 << 30)),
            std::chrono::milliseconds(10), [this] { end(Over::time_over); });
}

// Notices go where the guest's words do not, unless a person sees both.
void Attachment::say(const std::string& words) {
    write_all(STDERR_FILENO, raw_ ? "\r\n" + words + "\r\n" : words + "\n");
}

void Attachment::require_port() const {
    const std::string name = guest_words(guest_);
    if (guest_.kind->name() == "ct") {
        if (port_ != "serial0")
            fail(Exit::usage, "{} has one console: there is no --serial of a container", name);
        if (!guest_.config.flag("console"))
            fail(Exit::refused, "{} has no console: lodge set {} console=1, then stop and start it",
                 name, guest_.id);
        return;
    }
    const auto value = guest_.config.current.get(port_);
    if (!value)
        fail(Exit::refused,
             "{} has no serial port {}. Give it one: lodge set {} {}=socket, then stop and start "
             "it. Inside, Linux wants console=ttyS{} on its kernel's command line, or: systemctl "
             "enable --now serial-getty@ttyS{}",
             name, port_.substr(6), guest_.id, port_, port_.substr(6), port_.substr(6));
    if (*value != "socket")
        fail(Exit::refused, "{} of {} is the host's device {}: lodge console needs {}=socket",
             port_, name, printable(*value), port_);
}

bool Attachment::wait_for_start() {
    if (vm_process(engine_.host, guest_.id)) return true;
    if (!stay_)
        fail(Exit::refused,
             "{} is not running. Start it: lodge start {}. Its last words: lodge "
             "console {} --log",
             guest_words(guest_), guest_.id, guest_.id);
    say(fmt::format("{} is not running; waiting for its start{}", guest_words(guest_),
                    typed_ ? " (Ctrl-] leaves)" : ""));
    const auto timer = loop_.every(look_for_start, look_for_start / 2, [this] {
        if (vm_process(engine_.host, guest_.id) &&
            engine_.host.exists(guest_run_folder(engine_.host, guest_.id) + "/" + port_))
            loop_.stop();
    });
    loop_.run();
    return over_ == Over::no;
}

void Attachment::show_history(SerialConsole::Ends& ends) {
    if (!until_.empty() && input_over_ && early_.empty()) {
        // For who only waits, a prompt that is there already counts.
        int64_t end = 0;
        seen(scrollback_lines(log_, 1, end));
    }
    if (!seen_ || lines_ == 0) {
        // A pipe gets what is said from now on.
        read_scrollback(log_, ends.from, 0);
        return;
    }
    std::string text;
    for (const char byte : scrollback_lines(log_, lines_, ends.from)) {
        if (byte == '\n') text += '\r';
        text += byte;
    }
    write_all(STDOUT_FILENO, text);
}

void Attachment::restart_silence() {
    if (!input_over_ || typed_ || watch_ || !until_.empty()) return;
    silence_ = loop_.after(silence, silence / 10, [this] { end(Over::input_ended); });
}

void Attachment::seen(std::string_view text) {
    if (silence_) restart_silence();
    if (until_.empty()) return;
    heard_ += text;
    if (heard_.find(until_) != std::string::npos) return end(Over::heard);
    if (heard_.size() > until_.size()) heard_.erase(0, heard_.size() - until_.size());
}

void Attachment::input(std::string_view bytes) {
    if (console_)
        console_->write(bytes);
    else if (early_.size() < most_unsent)
        early_ += bytes;
}

void Attachment::read_input(uint32_t) {
    // A guest that does not read would have us keep all of a large file.
    if (console_ && console_->unsent() > most_unsent) {
        console_->catch_up();
        ::usleep(1000);
        return;
    }
    std::array<char, 4096> bytes;
    const ssize_t got = ::read(STDIN_FILENO, bytes.data(), bytes.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        input_.cancel();
        input_over_ = true;
        if (typed_) return end(Over::left);
        return restart_silence();
    }
    std::string_view text(bytes.data(), static_cast<size_t>(got));
    const size_t leave = typed_ ? text.find(leave_key) : std::string_view::npos;
    if (!watch_) input(text.substr(0, leave));
    if (watch_ && typed_ && (text[0] == 'q' || text[0] == 3)) return end(Over::left);
    if (leave != std::string_view::npos) end(Over::left);
}

void Attachment::listen_to_person() {
    const auto by_signal = [this](int number) {
        return loop_.on_signal(number, [this, number] {
            signal_ = number;
            end(Over::signalled);
        });
    };
    term_ = by_signal(SIGTERM);
    hangup_ = by_signal(SIGHUP);
    interrupt_ = by_signal(SIGINT);
    quit_ = by_signal(SIGQUIT);
    // A reader of our output that goes away must not end us with the terminal raw.
    ::signal(SIGPIPE, SIG_IGN);
    if (typed_) raw_.emplace(STDIN_FILENO);
    if (watch_ && !typed_) return;
    struct stat found {};
    // epoll takes no plain files: such an input is read whole, there is no waiting for it.
    if (::fstat(STDIN_FILENO, &found) == 0 && (S_ISREG(found.st_mode) || S_ISDIR(found.st_mode))) {
        std::array<char, 4096> bytes;
        ssize_t got = 0;
        while ((got = ::read(STDIN_FILENO, bytes.data(), bytes.size())) > 0)
            early_.append(bytes.data(), static_cast<size_t>(got));
        input_over_ = true;
        return;
    }
    if (::fstat(STDIN_FILENO, &found) == 0 && S_ISCHR(found.st_mode) && !typed_) {
        input_over_ = true;  // /dev/null
        return;
    }
    input_ = loop_.on_io(STDIN_FILENO, EPOLLIN, [this](uint32_t events) { read_input(events); });
}

void Attachment::one_run() {
    const std::string folder = guest_run_folder(engine_.host, guest_.id);
    const std::string socket = folder + "/" + port_;
    if (!engine_.host.exists(socket))
        fail(Exit::refused,
             "{} was started before it got {}: stop and start it, a reboot from inside is not "
             "enough",
             guest_words(guest_), port_);
    trim_scrollback(log_);
    std::optional<ConsoleHold> hold;
    if (!watch_) {
        hold.emplace(engine_.host, socket + ".lock");
        if (!hold->held())
            fail(Exit::busy,
                 "the console of {} is held by {}. To look on without typing: lodge console {} "
                 "--watch",
                 guest_words(guest_), hold->holder(), guest_.id);
    }
    const auto process = vm_process(engine_.host, guest_.id);
    if (!process) return;
    const Fd pidfd = open_process(engine_.host, *process);
    if (!pidfd) return;
    const auto gone = loop_.on_end(pidfd.get(), [this] { end(Over::guest_ended); });
    if (!raw_ && !term_) listen_to_person();
    if (seen_ || typed_)
        say(fmt::format("{} of {}: {}", port_, guest_words(guest_),
                        watch_ ? "looking on, q or Ctrl-] leaves" : "Ctrl-] leaves"));
    if (guest_.kind->look(engine_, guest_).state == GuestState::paused)
        say(fmt::format("{} is paused and answers nothing: lodge resume {}", guest_words(guest_),
                        guest_.id));
    SerialConsole::Ends ends{watch_ ? "" : socket, log_, 0};
    show_history(ends);
    console_.emplace(
        loop_, ends,
        [this](std::string_view text) {
            if (seen_) modes_.see(text);
            write_all(STDOUT_FILENO, text);
            seen(text);
        },
        [this] {
            if (over_ == Over::no) end(Over::guest_ended);
        });
    if (!watch_) console_->write(std::exchange(early_, {}));
    restart_silence();
    if (over_ == Over::no) loop_.run();
    console_->catch_up();
    console_.reset();
}

int Attachment::run() {
    require_port();
    for (;;) {
        if (stay_ && !term_) listen_to_person();
        if (!wait_for_start()) break;
        try {
            one_run();
        } catch (const Error&) {
            // A guest that ends while we attach takes its sockets along.
            const auto process = vm_process(engine_.host, guest_.id);
            const Fd pidfd = process ? open_process(engine_.host, *process) : Fd();
            if (pidfd && !wait_end(pidfd, std::chrono::seconds(1))) throw;
            console_.reset();
            over_ = Over::guest_ended;
        }
        silence_.cancel();
        if (over_ != Over::guest_ended) {
            if (over_ != Over::no) break;
            continue;
        }
        write_all(STDOUT_FILENO, std::exchange(modes_, {}).undo());
        if (!stay_) break;
        over_ = Over::no;
    }
    if (seen_) write_all(STDOUT_FILENO, modes_.undo());
    const bool told = seen_ || typed_;
    if (over_ == Over::guest_ended) say(guest_words(guest_) + " stopped");
    if (over_ == Over::left && told)
        say("left " + guest_words(guest_) +
            (vm_process(engine_.host, guest_.id) ? "; it goes on" : "; it is not running"));
    if (over_ == Over::signalled) return 128 + signal_;
    const bool in_vain = !until_.empty() && over_ != Over::heard && over_ != Over::left;
    if (in_vain) say(fmt::format("{} did not say '{}'", guest_words(guest_), printable(until_)));
    return in_vain ? static_cast<int>(Exit::failed) : 0;
}

}  // namespace

int attach_console(Engine& engine, const Guest& guest, const Values& words) {
    const int64_t number = words.integer("serial", 0);
    const int64_t lines = words.integer("lines", 20);
    if (number < 0 || number > 3)
        fail(Exit::usage, "--serial {} is not allowed: 0, 1, 2 or 3", number);
    if (lines < 0 || lines > 100000)
        fail(Exit::usage, "--lines {} is not allowed: 0 to 100000", lines);
    if (words.flag("log")) {
        const std::string log =
            fmt::format("{}/serial{}.log", guest_log_folder(engine.host, guest.id), number);
        int64_t end = 0;
        std::string text = scrollback_lines(log, static_cast<size_t>(lines), end);
        if (!text.empty() && text.back() != '\n') text += '\n';
        write_all(STDOUT_FILENO, text);
        if (text.empty()) write_all(STDERR_FILENO, guest_words(guest) + " has said nothing yet\n");
        return 0;
    }
    return Attachment(engine, guest, words).run();
}

int VmKind::console(Engine& engine, const Guest& guest, const Values& words) const {
    return attach_console(engine, guest, words);
}

}  // namespace lodge
