#include "engine/aside.h"

#include <fcntl.h>
#include <stdio_ext.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>

#include "engine/process.h"
#include "engine/vm/asker.h"

namespace lodge {
namespace {

// A frame between the two: what it is, how long it is, its bytes.
enum class Kind : char { said = 's', result = 'r', error = 'e' };
struct Head {
    Kind kind;
    uint8_t exit;
    uint32_t size;
};
// A plan of a thousand guests is a tenth of this.
constexpr uint32_t most_bytes = 64u << 20;
// One that was killed and does not hang in the kernel is gone long before.
constexpr auto until_killed = std::chrono::milliseconds(50);

bool write_all(int fd, const char* bytes, size_t size) {
    while (size > 0) {
        const ssize_t sent = ::send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return false;
        bytes += sent;
        size -= static_cast<size_t>(sent);
    }
    return true;
}

bool read_all(int fd, char* bytes, size_t size) {
    while (size > 0) {
        const ssize_t got = ::recv(fd, bytes, size, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        bytes += got;
        size -= static_cast<size_t>(got);
    }
    return true;
}

bool write_frame(int fd, Kind kind, std::string_view words, Exit exit = Exit::ok) {
    words = words.substr(0, most_bytes);
    const Head head{kind, static_cast<uint8_t>(exit), static_cast<uint32_t>(words.size())};
    return write_all(fd, reinterpret_cast<const char*>(&head), sizeof head) &&
           write_all(fd, words.data(), words.size());
}

// The copy has nothing of ours but what it needs: not the terminal, nobody's connections.
void leave_surroundings(int talk, int output, pid_t parent) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    for (int signal = 1; signal < SIGRTMIN; ++signal)
        std::signal(signal, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    // What we had not written yet is ours to write.
    ::__fpurge(stdout);
    ::__fpurge(stderr);
    const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    ::dup2(nothing, 0);
    ::dup2(output, 1);
    ::dup2(output, 2);
    Asker::none_here();
    if (talk > 3) ::syscall(SYS_close_range, 3u, static_cast<unsigned>(talk - 1), 0u);
    ::syscall(SYS_close_range, static_cast<unsigned>(talk + 1), ~0u, 0u);
}

}  // namespace

void Aside::Talk::say(std::string_view words) const {
    if (!write_frame(fd_, Kind::said, words)) ::_exit(1);
}

std::optional<std::string> Aside::Talk::hear() const {
    Head head{};
    if (!read_all(fd_, reinterpret_cast<char*>(&head), sizeof head)) return std::nullopt;
    std::string words(std::min(head.size, most_bytes), '\0');
    if (!read_all(fd_, words.data(), words.size())) return std::nullopt;
    return words;
}

void Aside::be_child(const Work& work, int talk, int output, pid_t parent) {
    // Not where the terminal's descriptors are, should they have been closed.
    const int kept = ::fcntl(talk, F_DUPFD_CLOEXEC, 3);
    leave_surroundings(kept, output, parent);
    bool told = false;
    try {
        told = write_frame(kept, Kind::result, work(Talk(kept)));
    } catch (const Error& error) {
        told = write_frame(kept, Kind::error, error.what(), error.exit());
    } catch (const std::exception& error) {
        told = write_frame(kept, Kind::error, error.what(), Exit::failed);
    }
    std::fflush(stdout);
    ::_exit(told ? 0 : 1);
}

Aside::Aside(Loop& loop, const Work& work, Ears ears) : loop_(loop), ears_(std::move(ears)) {
    start(work);
    listen();
}

void Aside::start(const Work& work) {
    int ends[2], pipe[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        fail_errno(errno, "cannot start a process");
    talk_ = Fd(ends[0]);
    const Fd theirs(ends[1]);
    if (::pipe2(pipe, O_CLOEXEC) != 0) fail_errno(errno, "cannot start a process");
    output_ = Fd(pipe[0]);
    const Fd printed(pipe[1]);
    const pid_t parent = ::getpid();
    child_ = ::fork();
    if (child_ < 0) fail_errno(errno, "cannot start a process");
    if (child_ == 0) be_child(work, theirs.get(), printed.get(), parent);
    ::fcntl(output_.get(), F_SETFL, O_NONBLOCK);
    process_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, child_, 0)));
    if (process_) return;
    const int trouble = errno;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    fail_errno(trouble, "cannot watch a process");
}

void Aside::listen() {
    talk_source_ = loop_.on_io(talk_.get(), EPOLLIN, [this](uint32_t) { take_frames(); });
    output_source_ = loop_.on_io(output_.get(), EPOLLIN, [this](uint32_t) { take_output(); });
    end_source_ = loop_.on_end(process_.get(), [this] { over(); });
}

Aside::~Aside() {
    if (child_ <= 0) return;
    ::kill(-child_, SIGKILL);
    ::kill(child_, SIGKILL);  // it may not have a group of its own yet
    wait_end(process_, until_killed);
    ::waitpid(child_, nullptr, WNOHANG);
}

void Aside::reply(std::string_view words) {
    write_frame(talk_.get(), Kind::said, words);
}

void Aside::interrupt() const {
    if (child_ > 0) ::kill(child_, SIGINT);
}

// One piece; false when there is none.
bool Aside::take_output() {
    std::array<char, 16384> piece;
    const ssize_t got = ::read(output_.get(), piece.data(), piece.size());
    if (got == 0) output_source_.cancel();
    if (got <= 0) return false;
    if (ears_.printed) ears_.printed({piece.data(), static_cast<size_t>(got)});
    return true;
}

bool Aside::take_frames() {
    std::array<char, 65536> piece;
    const ssize_t got = ::recv(talk_.get(), piece.data(), piece.size(), MSG_DONTWAIT);
    if (got == 0) talk_source_.cancel();
    if (got <= 0) return false;
    frames_.append(piece.data(), static_cast<size_t>(got));
    Head head{};
    while (frames_.size() >= sizeof head) {
        std::memcpy(&head, frames_.data(), sizeof head);
        if (frames_.size() - sizeof head < head.size) break;
        std::string words = frames_.substr(sizeof head, head.size);
        frames_.erase(0, sizeof head + head.size);
        if (head.kind != Kind::said)
            result_ =
                Ended{head.kind == Kind::result, std::move(words), static_cast<Exit>(head.exit)};
        else if (ears_.said)
            ears_.said(words);
    }
    return true;
}

// It has ended: nothing more comes than what lies in the pipes.
void Aside::over() {
    while (take_frames()) {
    }
    while (take_output()) {
    }
    end_source_.cancel();
    talk_source_.cancel();
    output_source_.cancel();
    int status = 0;
    ::waitpid(child_, &status, 0);
    child_ = 0;
    Ended ended = result_.value_or(Ended{false, "", Exit::failed});
    if (!result_ && WIFSIGNALED(status) && WTERMSIG(status) == SIGINT)
        ended = {false, "interrupted", Exit::cancelled};
    else if (!result_)
        ended.words = WIFSIGNALED(status)
                          ? fmt::format("this should not happen: ended by signal {} ({})",
                                        WTERMSIG(status), ::strsignal(WTERMSIG(status)))
                          : "this should not happen: it ended without a word";
    const auto tell = std::move(ears_.ended);
    tell(std::move(ended));
}

}  // namespace lodge
