#include "engine/container/user_namespace.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/fd.h"
#include "engine/process.h"
#include "engine/units.h"

namespace lodge {
namespace {

// What the process within tells, as one packet of a socket each: a letter and the rest.
enum Told : char { ready = 'r', line = 'l', progress = 'p', done = 'd', failed = 'f' };
constexpr size_t most_words = 16384;

void tell(const Fd& socket, char kind, std::string_view rest) {
    std::string packet(1, kind);
    packet.append(rest.substr(0, most_words));
    (void)!::send(socket.get(), packet.data(), packet.size(), MSG_NOSIGNAL);
}

// InnerWork is the Work of the process within. Its engine is a copy of ours, as of the fork.
class InnerWork : public Work {
  public:
    InnerWork(Engine& engine, const Fd& socket) : engine_(engine), socket_(socket) {}
    Engine& engine() override { return engine_; }
    void say(const std::string& words) override { tell(socket_, Told::line, words); }
    void progress(int64_t done, int64_t total, std::string_view unit) override {
        tell(socket_, Told::progress, fmt::format("{} {} {}", done, total, unit));
    }
    // Our side shuts the socket down to cancel.
    bool going() override {
        char byte = 0;
        const ssize_t got = ::recv(socket_.get(), &byte, 1, MSG_DONTWAIT | MSG_PEEK);
        return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
    }

  private:
    Engine& engine_;
    const Fd& socket_;
};

void become_root() {
    // setgroups() is allowed where the map was written by someone privileged (newgidmap is).
    if (::setgroups(0, nullptr) != 0 || ::setresgid(0, 0, 0) != 0 || ::setresuid(0, 0, 0) != 0)
        fail_errno(errno, "cannot become root in the container's user namespace");
}

[[noreturn]] void run_within(Engine& engine, const Fd& socket,
                             const std::function<void(Work&)>& does) {
    try {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::unshare(CLONE_NEWUSER) != 0)
            fail(Exit::missing,
                 "cannot make a user namespace for an unprivileged container: {} (sysctl "
                 "kernel.unprivileged_userns_clone, user.max_user_namespaces)",
                 errno_words(errno));
        tell(socket, Told::ready, "");
        char go = 0;
        if (::recv(socket.get(), &go, 1, 0) != 1) ::_exit(1);
        become_root();
        InnerWork work(engine, socket);
        does(work);
        tell(socket, Told::done, "");
    } catch (const Error& trouble) {
        tell(socket, Told::failed,
             fmt::format("{} {}", static_cast<int>(trouble.exit()), trouble.what()));
    } catch (const std::exception& trouble) {
        tell(socket, Told::failed, fmt::format("1 {}", trouble.what()));
    }
    ::_exit(0);
}

// The map and, behind its last number inside, our own.
IdMap with_us(const IdMap& map) {
    IdMap all = map;
    for (const bool gid : {false, true}) {
        const uint32_t us = gid ? ::getegid() : ::geteuid();
        if (gid ? map.inside_gid(us) : map.inside_uid(us)) continue;
        uint32_t end = 0;
        for (const IdMap::Range& range : map.ranges)
            if (range.gid == gid) end = std::max(end, range.inside + range.count);
        all.ranges.push_back({gid, end, us, 1});
    }
    return all;
}

void write_map(Engine& engine, pid_t pid, const IdMap& map) {
    for (const bool gid : {false, true}) {
        std::vector<std::string> argv = {gid ? "newgidmap" : "newuidmap", std::to_string(pid)};
        std::string text;
        for (const IdMap::Range& range : map.ranges) {
            if (range.gid != gid) continue;
            for (const uint32_t number : {range.inside, range.outside, range.count})
                argv.push_back(std::to_string(number));
            text += fmt::format("{} {} {}\n", range.inside, range.outside, range.count);
        }
        if (engine.host.is_root()) {
            const std::string path = fmt::format("/proc/{}/{}", pid, gid ? "gid_map" : "uid_map");
            const Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
            // One write only: user_namespaces(7).
            if (!file ||
                ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
                fail_errno(errno, "cannot write " + path);
            continue;
        }
        Program program;
        program.argv = argv;
        program.argv[0] = engine.host.need_program(argv[0]);
        run_checked(program, std::chrono::seconds(30), "cannot map the container's users");
    }
}

void take_packet(Work& work, std::string_view packet) {
    const std::string_view rest = packet.substr(1);
    if (packet.front() == Told::line) return work.say(std::string(rest));
    if (packet.front() == Told::progress) {
        const auto words = split(rest, ' ');
        if (words.size() == 3)
            work.progress(parse_integer(words[0]).value_or(0), parse_integer(words[1]).value_or(0),
                          words[2]);
        return;
    }
    if (packet.front() != Told::failed) return;
    const auto space = rest.find(' ');
    const auto exit = parse_integer(rest.substr(0, space)).value_or(1);
    throw Error(static_cast<Exit>(exit), std::string(rest.substr(space + 1)));
}

// Child is the process within; it ends with us.
struct Child {
    pid_t pid = -1;
    explicit Child(pid_t p) : pid(p) {}
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() {
        if (pid < 0) return;
        ::kill(pid, SIGKILL);
        while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
        }
    }
    // Waits for an end of its own.
    void wait() {
        while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
        }
        pid = -1;
    }
};

}  // namespace

void run_in_user_namespace(Work& work, const IdMap& map, const std::function<void(Work&)>& does) {
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0)
        fail_errno(errno, "cannot make a socket");
    Fd ours(pair[0]), theirs(pair[1]);
    Engine& engine = work.engine();
    const pid_t pid = ::fork();
    if (pid < 0) fail_errno(errno, "cannot start a process");
    if (pid == 0) {
        ours.reset();
        run_within(engine, theirs, does);
    }
    Child child(pid);
    theirs.reset();
    const timeval patience{0, 200000};
    ::setsockopt(ours.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    std::string packet(most_words + 1, '\0');
    for (bool cancelled = false;;) {
        if (!cancelled && !work.going()) {
            ::shutdown(ours.get(), SHUT_WR);
            cancelled = true;
        }
        const ssize_t got = ::recv(ours.get(), packet.data(), packet.size(), 0);
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) continue;
        if (got <= 0) fail(Exit::failed, "the process that works as the container's root died");
        const std::string_view told(packet.data(), static_cast<size_t>(got));
        if (told.front() == Told::done) return child.wait();
        if (told.front() == Told::ready) {
            write_map(engine, child.pid, with_us(map));
            (void)!::send(ours.get(), "g", 1, MSG_NOSIGNAL);
            continue;
        }
        take_packet(work, told);
    }
}

}  // namespace lodge
