#include "tui/terminal_output.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

#include "engine/error.h"

namespace lodge {
namespace {

// As much as a line that can only be waited for is given at once.
constexpr size_t small_piece = 256;
// A serial line has this much in hand while the next frame is made.
constexpr int hardly_anything = 128;

bool takes_more(int line, int patience) {
    pollfd out{line, POLLOUT, 0};
    return ::poll(&out, 1, patience) == 1 && (out.revents & POLLOUT) != 0;
}

}  // namespace

// Whether a write waits belongs to the open file, which the shell shares: ours is another one.
TerminalOutput::TerminalOutput() : memory_(::memfd_create("lodge-frame", MFD_CLOEXEC)) {
    Fd out(::fcntl(1, F_DUPFD_CLOEXEC, 3));
    file_.reset(out ? ::fdopen(out.get(), "w") : nullptr);
    if (!memory_ || !file_) fail_errno(errno, "cannot draw a screen");
    out.release();
    std::array<char, 256> name{};
    if (::ttyname_r(1, name.data(), name.size()) == 0)
        line_ = Fd(::open(name.data(), O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
}

void TerminalOutput::capture(const std::function<void()>& work) {
    std::fflush(stdout);
    const int theirs = ::fileno(file_.get());
    if (::dup3(memory_.get(), theirs, O_CLOEXEC) < 0) fail_errno(errno, "cannot draw a screen");
    work();
    ::dup3(1, theirs, O_CLOEXEC);
    const auto size = ::lseek(memory_.get(), 0, SEEK_CUR);
    if (size <= 0) return;
    const size_t before = bytes_.size();
    bytes_.resize(before + static_cast<size_t>(size));
    const ssize_t got =
        ::pread(memory_.get(), bytes_.data() + before, static_cast<size_t>(size), 0);
    bytes_.resize(before + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    ::lseek(memory_.get(), 0, SEEK_SET);
    (void)!::ftruncate(memory_.get(), 0);
    flush();
}

void TerminalOutput::add(std::string_view bytes) {
    bytes_ += bytes;
    flush();
}

void TerminalOutput::flush() {
    size_t sent = 0;
    while (sent < bytes_.size()) {
        size_t piece = bytes_.size() - sent;
        if (!line_) {
            if (!takes_more(1, 0)) break;
            piece = std::min(piece, small_piece);
        }
        const ssize_t written = ::write(descriptor(), bytes_.data() + sent, piece);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0 && errno != EAGAIN) {
            sent = bytes_.size();  // the terminal is gone; reading finds that out
        } else if (written > 0) {
            sent += static_cast<size_t>(written);
            continue;
        }
        break;
    }
    bytes_.erase(0, sent);
}

bool TerminalOutput::busy() const {
    if (pending()) return true;
    int waiting = 0;
    if (::ioctl(1, TIOCOUTQ, &waiting) == 0 && waiting > hardly_anything) return true;
    return !takes_more(descriptor(), 0);
}

void TerminalOutput::drain(std::chrono::milliseconds patience) {
    while (pending() && takes_more(descriptor(), static_cast<int>(patience.count())))
        flush();
    bytes_.clear();
}

}  // namespace lodge
