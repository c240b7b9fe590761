#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "engine/error.h"
#include "engine/vm/qmp.h"

namespace lodge {
namespace {

// A socket address for any path. One longer than sun_path (108 bytes, unix(7)) goes through a
// descriptor of its folder, which must stay open until the address was used.
struct Address {
    sockaddr_un name{};
    Fd folder;

    explicit Address(const std::string& path) {
        name.sun_family = AF_UNIX;
        std::string used = path;
        if (used.size() >= sizeof name.sun_path) {
            const auto slash = path.rfind('/');
            const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash);
            folder.reset(::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
            if (!folder && (errno == ENOENT || errno == ENOTDIR))
                fail(Exit::not_found, "there is no socket {}", path);
            if (!folder) fail_errno(errno, "cannot open the folder " + parent);
            used = "/proc/self/fd/" + std::to_string(folder.get()) + "/" + path.substr(slash + 1);
            if (used.size() >= sizeof name.sun_path)
                fail(Exit::usage, "the name of the socket {} is too long", path);
        }
        std::memcpy(name.sun_path, used.c_str(), used.size() + 1);
    }
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&name); }
};

Fd make_socket() {
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd) fail_errno(errno, "cannot make a socket");
    return fd;
}

}  // namespace

Fd connect_unix(const std::string& path, std::chrono::milliseconds patience) {
    const Address address(path);
    Fd fd = make_socket();
    // connect(2) waits while the listener's queue is full; the send time-out bounds that as well.
    if (patience.count() <= 0) ::fcntl(fd.get(), F_SETFL, O_NONBLOCK);
    const int64_t limit = std::max<int64_t>(patience.count(), 1);
    const timeval time{limit / 1000, (limit % 1000) * 1000};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
    int result = 0;
    do {
        result = ::connect(fd.get(), address.get(), sizeof address.name);
    } while (result != 0 && errno == EINTR);
    if (result == 0) return fd;
    if (errno == ENOENT || errno == ENOTDIR) fail(Exit::not_found, "there is no socket {}", path);
    if (errno == ECONNREFUSED) fail(Exit::not_found, "nothing listens at the socket {}", path);
    if (errno == EAGAIN || errno == ETIMEDOUT)
        fail(Exit::busy, "the socket {} takes no connection: too many wait for it", path);
    fail_errno(errno, "cannot connect to " + path);
}

Fd listen_unix(const std::string& path) {
    const Address address(path);
    struct stat found {};
    if (::lstat(path.c_str(), &found) == 0) {
        if (!S_ISSOCK(found.st_mode))
            fail(Exit::refused, "cannot make the socket {}: something else has that name", path);
        if (::unlink(path.c_str()) != 0 && errno != ENOENT)
            fail_errno(errno, "cannot replace the socket " + path);
    }
    Fd fd = make_socket();
    // The file gets the mode of the socket's own inode (bind(2) on Linux): no moment with another.
    if (::fchmod(fd.get(), 0600) != 0 ||
        ::bind(fd.get(), address.get(), sizeof address.name) != 0 || ::listen(fd.get(), 16) != 0)
        fail_errno(errno, "cannot make the socket " + path);
    return fd;
}

}  // namespace lodge
