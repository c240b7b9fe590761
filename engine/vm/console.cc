#include "engine/vm/console.h"

#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>

#include "engine/container/console_line.h"
#include "engine/error.h"
#include "engine/units.h"
#include "engine/vm/qmp.h"
#include "engine/vm/scrollback.h"

namespace lodge {
namespace {

// QEMU writes the log right after the socket. One that is so late does not come.
constexpr auto log_patience = std::chrono::milliseconds(300);
constexpr size_t most_recent = 1 << 20;

}  // namespace

SerialConsole::SerialConsole(Loop& loop, Ends ends, std::function<void(std::string_view)> on_output,
                             std::function<void()> on_closed)
    : loop_(loop),
      ends_(std::move(ends)),
      on_output_(std::move(on_output)),
      on_closed_(std::move(on_closed)) {
    if (!ends_.socket.empty()) {
        open_line();
        wait_for_socket();
    }
    if (::access(ends_.log.c_str(), R_OK) == 0)
        change_ = loop_.on_change(ends_.log.c_str(), IN_MODIFY, [this] { follow_log(); });
    else
        from_socket_ = true;
}

void SerialConsole::open_line() {
    terminal_ = is_console_line(ends_.socket);
    if (!terminal_) {
        socket_ = connect_unix(ends_.socket);
        return;
    }
    ConsoleLine line = open_console_line(ends_.socket);
    socket_ = std::move(line.terminal);
    claim_ = std::move(line.claim);
}

void SerialConsole::wait_for_socket() {
    waits_to_send_ = !unsent_.empty();
    io_.cancel();  // the same descriptor cannot be waited for twice
    io_ = loop_.on_io(socket_.get(), EPOLLIN | (waits_to_send_ ? uint32_t{EPOLLOUT} : 0u),
                      [this](uint32_t events) { ready(events); });
}

void SerialConsole::ready(uint32_t events) {
    if (events & EPOLLOUT) send();
    if (!closed_ && (events & (EPOLLIN | EPOLLHUP | EPOLLERR))) receive();
    if (!closed_ && waits_to_send_ != !unsent_.empty()) wait_for_socket();
}

void SerialConsole::receive() {
    std::array<char, 16384> bytes;
    const ssize_t got = terminal_ ? ::read(socket_.get(), bytes.data(), bytes.size())
                                  : ::recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        closed_ = true;
        io_.cancel();
        unsent_.clear();
        catch_up();
        on_closed_();
        return;
    }
    const std::string_view text(bytes.data(), static_cast<size_t>(got));
    if (from_socket_) {
        on_output_(text);
        return;
    }
    recent_ += text;
    if (recent_.size() > most_recent) recent_.erase(0, recent_.size() - most_recent / 2);
    ahead_ += got;
    follow_log();
}

void SerialConsole::follow_log() {
    if (from_socket_) return;
    const int64_t before = ends_.from;
    const std::string bytes = read_scrollback(ends_.log, ends_.from, scrollback_keep);
    if (socket_) ahead_ -= std::max<int64_t>(ends_.from - before, 0);
    compare();
    if (!bytes.empty()) on_output_(bytes);
}

// The log may be read before the socket's bytes are, and has those from before QEMU took our
// connection: only a difference that stays means something.
void SerialConsole::compare() {
    if (ahead_ == 0 || closed_)
        late_.cancel();
    else if (!late_)
        late_ = loop_.after(log_patience, log_patience / 4, [this] { log_is_late(); });
}

void SerialConsole::log_is_late() {
    late_.cancel();
    const int64_t before = ends_.from;
    follow_log();
    int waiting = 0;
    if (ahead_ <= 0) {
        if (::ioctl(socket_.get(), FIONREAD, &waiting) == 0 && waiting == 0) ahead_ = 0;
        compare();
        return;
    }
    if (ends_.from != before) return;  // slow, but it grows
    from_socket_ = true;
    late_.cancel();
    const auto unseen = std::min(static_cast<size_t>(ahead_), recent_.size());
    const std::string bytes = recent_.substr(recent_.size() - unseen);
    recent_.clear();
    on_output_(bytes);
}

void SerialConsole::catch_up() {
    follow_log();
}

void SerialConsole::write(std::string_view bytes) {
    if (!socket_ || closed_) return;
    unsent_ += bytes;
    send();
    if (!closed_ && waits_to_send_ != !unsent_.empty()) wait_for_socket();
}

void SerialConsole::send() {
    while (!unsent_.empty()) {
        const ssize_t sent = terminal_ ? ::write(socket_.get(), unsent_.data(), unsent_.size())
                                       : ::send(socket_.get(), unsent_.data(), unsent_.size(),
                                                MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && errno != EAGAIN) unsent_.clear();  // closed: receive() will say so
        if (sent <= 0) return;
        unsent_.erase(0, static_cast<size_t>(sent));
    }
}

namespace {

// Private modes as xterm numbers them, and whether a terminal has them on by itself.
struct TerminalMode {
    int number;
    bool usual;
};
constexpr TerminalMode terminal_modes[] = {
    {1, false},    {5, false},    {6, false},    {7, true},     {25, true},    {9, false},
    {1000, false}, {1002, false}, {1003, false}, {1004, false}, {1005, false}, {1006, false},
    {1015, false}, {2004, false}, {47, false},   {1047, false}, {1049, false},
};

}  // namespace

void TerminalModes::see(std::string_view output) {
    for (const char byte : output) {
        switch (state_) {
            case State::text:
                if (byte == '\x1b') state_ = State::escape;
                break;
            case State::escape:
                state_ = byte == '['      ? State::control
                         : byte == '\x1b' ? State::escape
                                          : State::text;
                parameters_.clear();
                break;
            case State::control:
                if ((byte >= '0' && byte <= '9') || byte == ';' || byte == '?') {
                    if (parameters_.size() < 128) parameters_ += byte;
                    break;
                }
                state_ = byte == '\x1b' ? State::escape : State::text;
                if (byte == 'h' || byte == 'l') set(byte == 'h');
                if (byte == 'm') coloured_ = true;
                break;
        }
    }
}

void TerminalModes::set(bool on) {
    if (!parameters_.starts_with('?')) return;
    for (const std::string& word : split(parameters_.substr(1), ';')) {
        const auto number = parse_integer(word);
        for (size_t i = 0; i < std::size(terminal_modes); ++i) {
            if (number != terminal_modes[i].number) continue;
            const uint32_t bit = 1u << i;
            on_ = on != terminal_modes[i].usual ? on_ | bit : on_ & ~bit;
        }
    }
}

std::string TerminalModes::undo() const {
    std::string text;
    for (size_t i = 0; i < std::size(terminal_modes); ++i)
        if (on_ & (1u << i))
            text += fmt::format("\x1b[?{}{}", terminal_modes[i].number,
                                terminal_modes[i].usual ? 'h' : 'l');
    if (coloured_) text += "\x1b[0m";
    return text;
}

}  // namespace lodge
