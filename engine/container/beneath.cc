#include "engine/container/beneath.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "engine/error.h"
#include "engine/text.h"

namespace lodge {
namespace {

constexpr int folder_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

// Its position is its own: a second look begins at the first name again.
std::unique_ptr<DIR, Owned<closedir>> read_names(const Fd& folder) {
    Fd own(::openat(folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!own) fail_errno(errno, "cannot read a folder of the root filesystem");
    std::unique_ptr<DIR, Owned<closedir>> names(::fdopendir(own.get()));
    if (!names) fail_errno(errno, "cannot read a folder of the root filesystem");
    (void)own.release();
    return names;
}

bool is_dots(const char* name) {
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

[[noreturn]] void fail_removal(int trouble, const std::string& name) {
    fail_errno(trouble,
               fmt::format("cannot remove '{}' from the root filesystem", printable(name)));
}

// Removes what can be removed at once; the first folder that has something in it is returned, ""
// for none.
std::string remove_shallow(const Fd& folder) {
    const auto names = read_names(folder);
    for (;;) {
        errno = 0;
        const dirent* entry = ::readdir(names.get());
        if (!entry) {
            if (errno != 0) fail_errno(errno, "cannot read a folder of the root filesystem");
            return "";
        }
        if (is_dots(entry->d_name)) continue;
        if (entry->d_type != DT_DIR && ::unlinkat(folder.get(), entry->d_name, 0) == 0) continue;
        if (::unlinkat(folder.get(), entry->d_name, AT_REMOVEDIR) == 0) continue;
        if (errno == ENOTEMPTY || errno == EEXIST) return entry->d_name;
        if (errno == ENOTDIR && ::unlinkat(folder.get(), entry->d_name, 0) == 0) continue;
        if (errno != ENOENT) fail_removal(errno, entry->d_name);
    }
}

Fd open_resolving(const Fd& folder, const std::string& path, int flags, mode_t mode,
                  uint64_t resolve) {
    open_how how{};
    how.flags = static_cast<uint64_t>(flags) | O_CLOEXEC;
    how.mode = mode;
    how.resolve = resolve;
    for (int tries = 0;; ++tries) {
        const long fd = ::syscall(SYS_openat2, folder.get(), path.empty() ? "." : path.c_str(),
                                  &how, sizeof how);
        if (fd >= 0) return Fd(static_cast<int>(fd));
        // EAGAIN: something was renamed meanwhile, so that the kernel could not be sure.
        if (errno == EAGAIN && tries < 32) continue;
        if (errno == ENOSYS)
            fail(Exit::missing,
                 "cannot work in a root filesystem: this kernel has no openat2 (Linux 5.6)");
        return Fd();
    }
}

// Not on another file system: what is mounted below is not ours to empty.
Fd open_to_empty(const Fd& folder, const std::string& name) {
    return open_resolving(folder, name, folder_flags, 0,
                          RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
}

}  // namespace

Fd open_folder(const std::string& folder) {
    Fd fd(::open(folder.c_str(), folder_flags));
    if (!fd) fail_errno(errno, "cannot open the folder " + printable(folder));
    return fd;
}

Fd open_beneath(const Fd& folder, const std::string& path, int flags, Links links, mode_t mode) {
    return open_resolving(folder, path, flags, mode,
                          links == Links::inside ? RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS
                                                 : RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

std::string read_beneath(const Fd& folder, const std::string& path, size_t most) {
    const Fd fd = open_beneath(folder, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, Links::inside);
    struct stat facts {};
    if (!fd || ::fstat(fd.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) return "";
    std::string bytes(most, '\0');
    size_t got = 0;
    while (got < most) {
        const ssize_t count = ::read(fd.get(), bytes.data() + got, most - got);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        got += static_cast<size_t>(count);
    }
    bytes.resize(got);
    return bytes;
}

void empty_folder(const Fd& folder) {
    Fd here(::openat(folder.get(), ".", folder_flags));
    if (!here) fail_errno(errno, "cannot read a folder of the root filesystem");
    std::vector<std::string> way;  // from the folder down to `here`
    for (;;) {
        std::string deeper = remove_shallow(here);
        if (!deeper.empty()) {
            Fd next = open_to_empty(here, deeper);
            if (!next && errno == EACCES && ::fchmodat(here.get(), deeper.c_str(), 0700, 0) == 0)
                next = open_to_empty(here, deeper);
            if (!next && errno == EXDEV)
                fail(Exit::refused,
                     "cannot empty the root filesystem: something is mounted at '{}' in it",
                     printable(deeper));
            if (!next) fail_removal(errno, deeper);
            // Without write permission its owner could not empty it; root does not mind.
            if (::faccessat(next.get(), ".", W_OK | X_OK, AT_EACCESS) != 0)
                ::fchmod(next.get(), 0700);
            here = std::move(next);
            way.push_back(std::move(deeper));
            continue;
        }
        if (way.empty()) return;
        // Nobody but us works here, so that ".." is where we came from.
        here = Fd(::openat(here.get(), "..", folder_flags));
        if (!here) fail_errno(errno, "cannot read a folder of the root filesystem");
        if (::unlinkat(here.get(), way.back().c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
            fail_removal(errno, way.back());
        way.pop_back();
    }
}

void remove_below(const Fd& folder, const std::string& name) {
    if (::unlinkat(folder.get(), name.c_str(), 0) == 0 || errno == ENOENT) return;
    if (errno != EISDIR && errno != EPERM) fail_removal(errno, name);
    if (::unlinkat(folder.get(), name.c_str(), AT_REMOVEDIR) == 0) return;
    if (errno != ENOTEMPTY && errno != EEXIST) fail_removal(errno, name);
    const Fd inner = open_to_empty(folder, name);
    if (!inner) fail_removal(errno, name);
    empty_folder(inner);
    if (::unlinkat(folder.get(), name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
        fail_removal(errno, name);
}

std::vector<std::string> names_in(const Fd& folder, size_t most) {
    std::vector<std::string> all;
    const auto names = read_names(folder);
    while (all.size() < most) {
        errno = 0;
        const dirent* entry = ::readdir(names.get());
        if (!entry && errno != 0) fail_errno(errno, "cannot read a folder of the root filesystem");
        if (!entry) break;
        if (!is_dots(entry->d_name)) all.emplace_back(entry->d_name);
    }
    return all;
}

}  // namespace lodge
