#include "tui/pane/shell_pane.h"

#include <fcntl.h>
#include <pty.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <vector>

#include "engine/error.h"

namespace lodge {
namespace {

using std::chrono::milliseconds;

// What is said faster than it can be shown waits in the kernel's buffer, and the program with it.
constexpr auto flood_pause = milliseconds(4);
constexpr size_t most_unsent = 1 << 16;
constexpr Size least{20, 4};

// Between fork and exec, with all of the person's own signals as a shell expects them.
[[noreturn]] void become(const Program& program, const std::vector<char*>& argv) {
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    for (int signal = 1; signal < NSIG; ++signal)
        ::signal(signal, SIG_DFL);
    ::close_range(3, ~0U, 0);
    for (const auto& [name, value] : program.environment)
        ::setenv(name.c_str(), value.c_str(), 1);
    ::execv(argv[0], argv.data());
    ::_exit(127);
}

}  // namespace

ShellPane::ShellPane(Loop& loop, const Program& program, std::function<void()> on_change)
    : loop_(loop), on_change_(std::move(on_change)), pane_(least) {
    std::vector<char*> argv;
    std::vector<std::string> words = program.argv;
    for (std::string& word : words)
        argv.push_back(word.data());
    argv.push_back(nullptr);
    winsize size{24, 80, 0, 0};
    int terminal = -1;
    pid_ = ::forkpty(&terminal, nullptr, nullptr, &size);
    if (pid_ < 0) fail_errno(errno, "cannot start " + words[0]);
    if (pid_ == 0) become(program, argv);
    terminal_.reset(terminal);
    ::fcntl(terminal, F_SETFD, FD_CLOEXEC);
    ::fcntl(terminal, F_SETFL, O_NONBLOCK);
    process_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    listen();
}

ShellPane::~ShellPane() {
    if (ended_ || pid_ <= 0) return;
    terminal_.reset();  // SIGHUP to all on it
    if (process_ && !wait_end(process_, milliseconds(500))) signal_process(process_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

void ShellPane::listen() {
    input_ = loop_.on_io(terminal_.get(), EPOLLIN, [this](uint32_t) { turn(); });
}

void ShellPane::turn() {
    std::array<char, TerminalPane::per_turn> bytes;
    const ssize_t got = ::read(terminal_.get(), bytes.data(), bytes.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return end();  // EIO: nobody has the other end open any more
    pane_.feed({bytes.data(), static_cast<size_t>(got)});
    send(pane_.take_answers());
    if (static_cast<size_t>(got) == bytes.size()) {
        input_.cancel();
        pause_ = loop_.after(flood_pause, milliseconds(0), [this] {
            pause_.cancel();
            listen();
        });
    }
    on_change_();
}

void ShellPane::end() {
    input_.cancel();
    output_.cancel();
    if (process_ && !wait_end(process_, milliseconds(500))) signal_process(process_, SIGKILL);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    ended_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    pane_.forget_modes();
    on_change_();
}

void ShellPane::send(std::string_view bytes) {
    if (ended_ || bytes.empty() || unsent_.size() + bytes.size() > most_unsent) return;
    unsent_ += bytes;
    send_rest();
}

void ShellPane::send_rest() {
    const ssize_t done = ::write(terminal_.get(), unsent_.data(), unsent_.size());
    if (done > 0) unsent_.erase(0, static_cast<size_t>(done));
    if (unsent_.empty())
        output_.cancel();
    else if (!output_)
        output_ = loop_.on_io(terminal_.get(), EPOLLOUT, [this](uint32_t) { send_rest(); });
}

void ShellPane::write(const Key& key) {
    send(pane_.key(key));
    if (pane_.changed()) on_change_();
}

void ShellPane::tell_size() {
    const Size size = pane_.size();
    if (ended_ || (size.width == told_.width && size.height == told_.height)) return;
    told_ = size;
    const winsize words{static_cast<unsigned short>(size.height),
                        static_cast<unsigned short>(size.width), 0, 0};
    ::ioctl(terminal_.get(), TIOCSWINSZ, &words);
}

void ShellPane::draw(const Area& area) {
    pane_.draw(area);
    tell_size();
}

}  // namespace lodge
