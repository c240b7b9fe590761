#include "engine/storage/volume_files.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/fd.h"
#include "engine/storage/image.h"
#include "engine/storage/ovf.h"
#include "engine/units.h"

// A new volume is two steps: volume-reserve makes an empty file where none may be, so that no undo
// can ever remove what someone else made; image-create, image-convert or file-copy fills it.

namespace lodge {

std::string parent_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == std::string::npos ? "." : path.substr(0, std::max<size_t>(slash, 1));
}

void remove_empty_parent(const std::string& path) {
    ::rmdir(parent_of(path).c_str());
}

void set_immutable(const std::string& path, bool on) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
    if (!fd) return;
    int flags = 0;
    // Not every file system has the flag and only root may set it: the mode 0444 is what counts.
    if (::ioctl(fd.get(), FS_IOC_GETFLAGS, &flags) != 0) return;
    const int wanted = on ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
    if (wanted != flags) ::ioctl(fd.get(), FS_IOC_SETFLAGS, &wanted);
}

std::string words_of_full(const std::string& path, const std::string& what) {
    if (path.starts_with("/dev/"))
        return fmt::format(
            "cannot {}: the pool that {} lies in is full; what was half made is removed", what,
            printable(path));
    const std::string folder = parent_of(path);
    return fmt::format("cannot {}: {} is full ({} left); what was half made is removed", what,
                       printable(folder), short_size(space_of(folder).available));
}

void sync_file(const std::string& path, const std::string& what) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) fail_errno(errno, "cannot " + what);
    if (::fsync(fd.get()) != 0) {
        if (errno == ENOSPC || errno == EDQUOT)
            throw Error(Exit::missing, words_of_full(path, what));
        fail_errno(errno, "cannot " + what);
    }
}

namespace {

void reserve(Work& work, const Values& on) {
    const std::string& path = on.text("path");
    work.engine().host.make_folder(parent_of(path));
    const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640));
    if (!fd) fail_errno(errno, "cannot make " + printable(path));
}
std::string reserve_shell(const Values& on) {
    const std::string path = shell_quote(on.text("path"));
    return "mkdir -p " + shell_quote(parent_of(on.text("path"))) + " && (set -C; : > " + path + ")";
}

void release(Work&, const Values& on) {
    const std::string& path = on.text("path");
    struct stat found {};
    if (::lstat(path.c_str(), &found) != 0 || !S_ISREG(found.st_mode) || found.st_size != 0) return;
    if (::unlink(path.c_str()) != 0 && errno != ENOENT)
        fail_errno(errno, "cannot remove " + printable(path));
    remove_empty_parent(path);
}
std::string release_shell(const Values& on) {
    const std::string path = shell_quote(on.text("path"));
    return "test -s " + path + " || rm -f " + path;
}

void verify_file(Work& work, const Values& on) {
    const OvfPackage::Part part{on.text("path"), on.integer("offset"), on.integer("length"),
                                on.text("algorithm"), on.text("sum")};
    struct With {
        Work& work;
        int64_t total;
    } with{work, part.length};
    verify_part(
        part, [](void* self) { return static_cast<With*>(self)->work.going(); },
        [](void* self, int64_t done) {
            auto* one = static_cast<With*>(self);
            one->work.progress(done, one->total, "bytes");
        },
        &with);
}
std::string verify_file_shell(const Values& on) {
    std::string program = on.text("algorithm") + "sum";
    for (char& c : program)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    return fmt::format("tail -c +{} {} | head -c {} | {}  # {}", on.integer("offset") + 1,
                       shell_quote(on.text("path")), on.text("length"), program, on.text("sum"));
}

void rename_volume(Work& work, const Values& on) {
    const std::string& from = on.text("from");
    const std::string& to = on.text("to");
    set_immutable(from, false);
    work.engine().host.make_folder(parent_of(to));
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) != 0) {
        const int trouble = errno;
        // An undo may come before its step: nothing to rename back.
        if (trouble == ENOENT && ::access(to.c_str(), F_OK) == 0) return;
        fail_errno(trouble, fmt::format("cannot rename {} to {}", printable(from), printable(to)));
    }
    remove_empty_parent(from);
}
std::string rename_volume_shell(const Values& on) {
    return shell_line({"mv", "-nT", on.text("from"), on.text("to")});
}

void protect(Work&, const Values& on) {
    const std::string& path = on.text("path");
    if (::chmod(path.c_str(), 0444) != 0)
        fail_errno(errno, "cannot make read-only " + printable(path));
    set_immutable(path, true);
}
std::string protect_shell(const Values& on) {
    const std::string path = shell_quote(on.text("path"));
    return "chmod 0444 " + path + " && { chattr +i " + path + " || true; }";
}
void unprotect(Work&, const Values& on) {
    const std::string& path = on.text("path");
    set_immutable(path, false);
    if (::chmod(path.c_str(), 0640) != 0 && errno != ENOENT)
        fail_errno(errno, "cannot make writable " + printable(path));
}
std::string unprotect_shell(const Values& on) {
    const std::string path = shell_quote(on.text("path"));
    return "{ chattr -i " + path + " || true; } && chmod 0640 " + path;
}

void copy_file(Work& work, const Values& on) {
    const std::string& source = on.text("source");
    const std::string& path = on.text("path");
    const std::string what = fmt::format("copy {} to {}", printable(source), printable(path));
    const Fd in(::open(source.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat facts {};
    if (!in || ::fstat(in.get(), &facts) != 0) fail_errno(errno, "cannot " + what);
    const Fd out(::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW));
    if (!out) fail_errno(errno, "cannot " + what);
    std::vector<char> piece(1u << 20);
    int64_t done = 0;
    for (;;) {
        work.check();
        const ssize_t got = ::read(in.get(), piece.data(), piece.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) fail_errno(errno, "cannot " + what);
        if (got == 0) break;
        for (ssize_t put = 0; put < got;) {
            const ssize_t wrote =
                ::write(out.get(), piece.data() + put, static_cast<size_t>(got - put));
            if (wrote < 0 && errno == EINTR) continue;
            if (wrote < 0 && (errno == ENOSPC || errno == EDQUOT))
                throw Error(Exit::missing, words_of_full(path, what));
            if (wrote < 0) fail_errno(errno, "cannot " + what);
            put += wrote;
        }
        done += got;
        work.progress(done, facts.st_size, "bytes");
    }
    sync_file(path, what);
}
std::string copy_file_shell(const Values& on) {
    return shell_line({"cp", on.text("source"), on.text("path")});
}

constexpr ActionKind kinds[] = {
    // path | path (only while it is empty)
    {"volume-reserve", reserve, reserve_shell},
    {"volume-release", release, release_shell},
    // from to (never over another) | path | path
    {"volume-rename", rename_volume, rename_volume_shell},
    {"volume-protect", protect, protect_shell},
    {"volume-unprotect", unprotect, unprotect_shell},
    // path offset length algorithm sum
    {"file-verify", verify_file, verify_file_shell},
    // source path
    {"file-copy", copy_file, copy_file_shell},
};

}  // namespace

std::span<const ActionKind> volume_file_actions() {
    return kinds;
}

}  // namespace lodge
