#include "engine/process.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "engine/error.h"
#include "engine/host.h"
#include "engine/units.h"

namespace lodge {
namespace {

using Clock = std::chrono::steady_clock;
constexpr size_t most_output = 64u << 20;
constexpr size_t most_trouble = 1u << 20;

struct Pipe {
    Fd read, write;
    Pipe() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) fail_errno(errno, "cannot make a pipe");
        read.reset(ends[0]);
        write.reset(ends[1]);
    }
};

// Everything the child needs, prepared before the fork: between fork and exec only system calls.
struct Prepared {
    std::vector<char*> argv;
    std::vector<std::string> environment_text;
    std::vector<char*> environment;

    explicit Prepared(const Program& program) {
        for (const std::string& word : program.argv)
            argv.push_back(const_cast<char*>(word.c_str()));
        argv.push_back(nullptr);
        for (char** entry = environ; *entry; ++entry) {
            const std::string_view text(*entry);
            const std::string_view name = text.substr(0, text.find('='));
            const bool replaced =
                std::any_of(program.environment.begin(), program.environment.end(),
                            [&](const auto& pair) { return pair.first == name; });
            if (!replaced) environment_text.emplace_back(text);
        }
        for (const auto& [name, value] : program.environment)
            environment_text.push_back(name + "=" + value);
        for (std::string& text : environment_text)
            environment.push_back(text.data());
        environment.push_back(nullptr);
    }
};

// 0 is who writes. One that could not enter is moved by Cgroup::enter(), or named by it.
void enter_group(const char* file) {
    const int fd = ::open(file, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    (void)!::write(fd, "0", 1);
    ::close(fd);
}

// Moves the descriptors to the numbers the program expects, in two rounds so that none is
// overwritten before it was copied.
bool place_descriptors(const Program& program) {
    std::array<int, 64> high{};
    if (program.descriptors.size() > high.size()) return false;
    for (size_t i = 0; i < program.descriptors.size(); ++i) {
        high[i] = ::fcntl(program.descriptors[i].first, F_DUPFD_CLOEXEC, 200);
        if (high[i] < 0) return false;
    }
    for (size_t i = 0; i < program.descriptors.size(); ++i)
        if (::dup2(high[i], program.descriptors[i].second) < 0) return false;
    return true;
}

bool keep_to(const std::vector<int>& processors) {
    if (processors.empty()) return true;
    cpu_set_t set;
    CPU_ZERO(&set);
    for (const int processor : processors)
        if (processor >= 0 && processor < CPU_SETSIZE) CPU_SET(processor, &set);
    return ::sched_setaffinity(0, sizeof set, &set) == 0;
}

bool become(const Program::User& user) {
    return ::setgroups(user.groups.size(), user.groups.data()) == 0 &&
           ::setresgid(user.gid, user.gid, user.gid) == 0 &&
           ::setresuid(user.uid, user.uid, user.uid) == 0;
}

// In the child. Only returns on failure, with errno set.
void become_program(const Program& program, const Prepared& prepared, pid_t parent) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT, SIGCHLD, SIGTSTP, SIGWINCH})
        std::signal(signal, SIG_DFL);
    // Whoever started us may have left descriptors open without close-on-exec.
    ::syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC);
    if (program.outlives_us) {
        if (::setsid() < 0) return;
    } else {
        // Out of the terminal's foreground group: Ctrl-C is for us, we decide what it means.
        ::setpgid(0, 0);
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) ::_exit(127);
    }
    if (!program.enter_group.empty()) enter_group(program.enter_group.c_str());
    if (!program.folder.empty() && ::chdir(program.folder.c_str()) != 0) return;
    if (!place_descriptors(program)) return;
    if (!keep_to(program.processors)) return;
    if (program.user && !become(*program.user)) return;
    // setresuid clears the parent-death signal: set it again.
    if (!program.outlives_us) ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (program.no_new_privileges && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return;
    ::execve(prepared.argv[0], prepared.argv.data(), prepared.environment.data());
}

struct Streams {
    int input, output, trouble;
};

// Forks and execs. Throws with the child's errno when it could not become the program.
pid_t launch(const Program& program, const Streams& streams) {
    const Prepared prepared(program);
    Pipe status, go;
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child < 0) fail_errno(errno, "cannot start " + program.argv[0]);
    if (child == 0) {
        go.write.reset();
        char word = 0;
        if (program.before_run && ::read(go.read.get(), &word, 1) != 1) ::_exit(126);
        const int report = ::fcntl(status.write.get(), F_DUPFD_CLOEXEC, 300);
        if (::dup2(streams.input, 0) >= 0 && ::dup2(streams.output, 1) >= 0 &&
            ::dup2(streams.trouble, 2) >= 0)
            become_program(program, prepared, parent);
        const int trouble = errno;
        const ssize_t told = ::write(report, &trouble, sizeof trouble);
        ::_exit(told == sizeof trouble ? 127 : 126);
    }
    status.write.reset();
    if (program.before_run) {
        try {
            program.before_run(child);
            if (::write(go.write.get(), "1", 1) != 1) fail_errno(errno, "cannot start a program");
        } catch (...) {
            go.write.reset();
            ::waitpid(child, nullptr, 0);
            throw;
        }
    }
    int trouble = 0;
    ssize_t got = 0;
    while ((got = ::read(status.read.get(), &trouble, sizeof trouble)) < 0 && errno == EINTR) {
    }
    if (got == sizeof trouble) {
        ::waitpid(child, nullptr, 0);
        fail_errno(trouble, "cannot start " + program.argv[0]);
    }
    return child;
}

// Cuts a stream into lines and hands them on.
class Lines {
  public:
    explicit Lines(const std::function<void(std::string_view)>& call) : call_(call) {}
    void add(std::string_view piece) {
        if (!call_) return;
        for (const char c : piece) {
            if (c == '\n' || c == '\r') {
                flush();
            } else if (line_.size() < 65536) {
                line_ += c;
            }
        }
    }
    void flush() {
        if (call_ && !line_.empty()) call_(line_);
        line_.clear();
    }

  private:
    const std::function<void(std::string_view)>& call_;
    std::string line_;
};

int status_of(int wait_status) {
    return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

// Reads what is there; false at the end of the stream.
bool drain(Fd& fd, std::string& into, size_t most, Lines& lines) {
    std::array<char, 65536> piece;
    const ssize_t got = ::read(fd.get(), piece.data(), piece.size());
    if (got < 0) return errno == EINTR || errno == EAGAIN;
    if (got == 0) return false;
    const std::string_view text(piece.data(), static_cast<size_t>(got));
    if (into.size() < most) into.append(text.substr(0, most - into.size()));
    lines.add(text);
    return true;
}

// Feeds input; false when all is given or the reader closed.
bool feed(Fd& fd, std::string_view& left) {
    if (!left.empty()) {
        const ssize_t put = ::write(fd.get(), left.data(), left.size());
        if (put < 0) return errno == EINTR || errno == EAGAIN;
        left.remove_prefix(static_cast<size_t>(put));
    }
    return !left.empty();
}

// Ends the group of a program that has to go: asked first, then killed.
class Ending {
  public:
    explicit Ending(pid_t child) : child_(child) {}
    bool begun() const { return begun_; }
    void begin() {
        if (begun_) return;
        begun_ = true;
        kill_at_ = Clock::now() + std::chrono::seconds(2);
        ::kill(-child_, SIGTERM);
    }
    void tick() {
        if (begun_ && Clock::now() >= kill_at_) ::kill(-child_, SIGKILL);
    }

  private:
    pid_t child_;
    bool begun_ = false;
    Clock::time_point kill_at_;
};

}  // namespace

Outcome run_program(const Program& program, std::chrono::milliseconds limit,
                    const std::function<void(std::string_view)>& on_line,
                    const std::function<bool()>& keep_going) {
    Pipe input, output, trouble;
    const pid_t child =
        launch(program, {input.read.get(), output.write.get(), trouble.write.get()});
    input.read.reset();
    output.write.reset();
    trouble.write.reset();
    ::fcntl(input.write.get(), F_SETFL, O_NONBLOCK);
    const Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));

    // A program that closes its input early must not end us with SIGPIPE.
    struct sigaction ignore {
    }, before{};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGPIPE, &ignore, &before);

    Outcome outcome;
    Lines lines(on_line), trouble_lines(on_line);
    Ending ending(child);
    std::string_view to_feed = program.input;
    if (to_feed.empty()) input.write.reset();
    const auto end = Clock::now() + limit;
    int wait_status = 0;
    bool ended = false;
    // A grandchild may hold the streams open after the program ended: one more look, then done.
    while (!ended) {
        pollfd polls[4] = {{output.read.get(), POLLIN, 0},
                           {trouble.read.get(), POLLIN, 0},
                           {input.write.get(), POLLOUT, 0},
                           {pidfd.get(), POLLIN, 0}};
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
        const bool often = keep_going || ending.begun();
        const int64_t wait =
            ending.begun() ? 100 : std::clamp<int64_t>(left, 0, often ? 100 : 60000);
        ::poll(polls, 4, static_cast<int>(wait));
        ended = ::waitpid(child, &wait_status, WNOHANG) == child;
        if (polls[0].revents && !drain(output.read, outcome.output, most_output, lines))
            output.read.reset();
        if (polls[1].revents && !drain(trouble.read, outcome.trouble, most_trouble, trouble_lines))
            trouble.read.reset();
        if (polls[2].revents && !feed(input.write, to_feed)) input.write.reset();
        if (Clock::now() >= end && !ending.begun()) {
            outcome.timed_out = true;
            ending.begin();
        }
        if (keep_going && !ending.begun() && !keep_going()) ending.begin();
        ending.tick();
    }
    for (Fd* fd : {&output.read, &trouble.read})
        if (*fd) ::fcntl(fd->get(), F_SETFL, O_NONBLOCK);
    auto rest = [](Fd& fd, std::string& into, size_t most, Lines& to) {
        size_t before_drain = 0;
        do {
            before_drain = into.size();
        } while (fd && drain(fd, into, most, to) && into.size() > before_drain);
        to.flush();
    };
    rest(output.read, outcome.output, most_output, lines);
    rest(trouble.read, outcome.trouble, most_trouble, trouble_lines);
    ::sigaction(SIGPIPE, &before, nullptr);
    outcome.status = status_of(wait_status);
    return outcome;
}

std::string run_checked(const Program& program, std::chrono::milliseconds limit,
                        const std::string& what,
                        const std::function<void(std::string_view)>& on_line,
                        const std::function<bool()>& keep_going) {
    Outcome outcome = run_program(program, limit, on_line, keep_going);
    if (keep_going && !keep_going()) fail(Exit::cancelled, "{}: cancelled", what);
    if (outcome.timed_out)
        fail(Exit::failed, "{}: {} did not end within {} s", what, program.argv[0],
             limit.count() / 1000);
    if (outcome.status != 0) {
        std::string words(trim(outcome.trouble.empty() ? outcome.output : outcome.trouble));
        if (words.size() > 2000) words = "…" + words.substr(words.size() - 2000);
        const bool full = words.find("No space left on device") != std::string::npos;
        fail(full ? Exit::missing : Exit::failed, "{}: {}", what,
             words.empty() ? fmt::format("{} ended with status {}", program.argv[0], outcome.status)
                           : printable(words));
    }
    return std::move(outcome.output);
}

pid_t start_detached(const Program& program, int log_fd) {
    Program detached = program;
    detached.outlives_us = true;
    const Fd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!nothing) fail_errno(errno, "cannot open /dev/null");
    return launch(detached, {nothing.get(), log_fd, log_fd});
}

}  // namespace lodge
