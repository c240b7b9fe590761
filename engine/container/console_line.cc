#include "engine/container/console_line.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "engine/error.h"
#include "engine/units.h"

namespace lodge {
namespace {

constexpr int patience = 5000;  // ms

// What the file says is carried out, so it has to be ours.
std::string program_of(const std::string& path) {
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    struct stat found {};
    if (!file || ::fstat(file.get(), &found) != 0 ||
        (found.st_uid != 0 && found.st_uid != ::geteuid()))
        fail(Exit::not_found, "{} is not there any more", printable(path));
    std::array<char, 4096> text{};
    const ssize_t got = ::read(file.get(), text.data(), text.size());
    return std::string(trim(std::string_view(text.data(), got > 0 ? static_cast<size_t>(got) : 0)));
}

// Child is a program whose end is waited for.
struct Child {
    pid_t pid = 0;
    ~Child() {
        if (pid > 0) ::waitpid(pid, nullptr, 0);
    }
};

std::array<int, 2> receive(int socket) {
    char byte = 0;
    iovec data{&byte, 1};
    std::array<int, 2> fds{-1, -1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof fds)> space{};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = space.data();
    message.msg_controllen = space.size();
    if (::recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1) return fds;
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(sizeof fds))
        std::memcpy(fds.data(), CMSG_DATA(header), sizeof fds);
    return fds;
}

}  // namespace

bool is_console_line(const std::string& path) {
    struct stat found {};
    return ::stat(path.c_str(), &found) == 0 && S_ISREG(found.st_mode);
}

ConsoleLine open_console_line(const std::string& path) {
    const std::string program = program_of(path);
    // <run>/guest/<id>/serial0
    const auto parts = split(path, '/');
    if (parts.size() < 3) throw Error(Exit::not_found, printable(path) + " is no console");
    const std::string folder = join({parts.begin(), parts.end() - 2}, "/");
    std::string id = parts[parts.size() - 2], mode = "console", number = "0";
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0)
        fail_errno(errno, "cannot reach the console");
    const Fd ours(pair[0]);
    Fd theirs(pair[1]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, theirs.get(), 1);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    std::vector<char*> words;
    std::string name = program, where = folder;
    for (std::string* word : {&name, &mode, &where, &id, &number})
        words.push_back(word->data());
    words.push_back(nullptr);
    Child child;
    const int trouble =
        ::posix_spawn(&child.pid, program.c_str(), &actions, nullptr, words.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (trouble != 0) {
        child.pid = 0;
        fail_errno(trouble, "cannot start " + printable(program));
    }
    theirs.reset();
    pollfd wait{ours.get(), POLLIN, 0};
    if (::poll(&wait, 1, patience) != 1) {
        ::kill(child.pid, SIGKILL);
        throw Error(Exit::busy, "the container's monitor does not give its console");
    }
    const auto fds = receive(ours.get());
    ConsoleLine line{Fd(fds[0]), Fd(fds[1])};
    if (!line.terminal)
        throw Error(Exit::busy,
                    "the container's monitor does not give its console: someone else "
                    "may have it, such as lxc-console");
    ::fcntl(line.terminal.get(), F_SETFL, O_NONBLOCK);
    return line;
}

}  // namespace lodge
