#include "tui/terminal_rescue.h"

#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>

namespace lodge {
namespace {

// What a handler of a deadly signal writes: made ready beforehand, because nothing can be made
// then, and a handler can reach nothing else.
struct Rescue {
    std::array<char, 512> bytes{};
    size_t length = 0;
    termios modes{};
    volatile sig_atomic_t wanted = 0;
};
Rescue rescue;
constexpr std::array deadly = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
std::array<struct sigaction, deadly.size()> handlers_before;

void on_deadly_signal(int signal) {
    if (rescue.wanted != 0) {
        rescue.wanted = 0;
        [[maybe_unused]] const ssize_t written =
            ::write(STDOUT_FILENO, rescue.bytes.data(), rescue.length);
        ::tcsetattr(STDIN_FILENO, TCSANOW, &rescue.modes);
    }
    for (size_t i = 0; i < deadly.size(); ++i)
        if (deadly[i] == signal) ::sigaction(signal, &handlers_before[i], nullptr);
    ::raise(signal);
}

}  // namespace

TerminalRescue::TerminalRescue() {
    ::tcgetattr(STDIN_FILENO, &rescue.modes);
    rescue.length = 0;
    struct sigaction action {};
    action.sa_handler = on_deadly_signal;
    action.sa_flags = SA_RESETHAND | SA_NODEFER;
    for (size_t i = 0; i < deadly.size(); ++i)
        ::sigaction(deadly[i], &action, &handlers_before[i]);
    rescue.wanted = 1;
}

TerminalRescue::~TerminalRescue() {
    rescue.wanted = 0;
    for (size_t i = 0; i < deadly.size(); ++i)
        ::sigaction(deadly[i], &handlers_before[i], nullptr);
}

void TerminalRescue::set(std::string_view bytes) {
    rescue.length = std::min(bytes.size(), rescue.bytes.size());
    std::memcpy(rescue.bytes.data(), bytes.data(), rescue.length);
}

void TerminalRescue::wanted(bool now) {
    rescue.wanted = now ? 1 : 0;
}

}  // namespace lodge
