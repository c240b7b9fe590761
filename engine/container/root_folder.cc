#include "engine/container/root_folder.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>

#include "engine/container/volume_root.h"
#include "engine/error.h"
#include "engine/units.h"

namespace lodge {
namespace {

constexpr int64_t most = 1 << 20;

std::string last_part(const std::string& path) {
    return path.substr(path.rfind('/') + 1);
}

// Gives up what was begun when it could not be finished.
class NewFile {
  public:
    NewFile(int folder, std::string name) : folder_(folder), name_(std::move(name)) {
        ::unlinkat(folder_, name_.c_str(), 0);
        constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
        fd_.reset(::openat(folder_, name_.c_str(), flags, 0600));
    }
    ~NewFile() {
        if (fd_) ::unlinkat(folder_, name_.c_str(), 0);
    }
    NewFile(const NewFile&) = delete;
    NewFile& operator=(const NewFile&) = delete;
    bool write(std::string_view content) const {
        while (fd_ && !content.empty()) {
            const ssize_t put = ::write(fd_.get(), content.data(), content.size());
            if (put < 0 && errno == EINTR) continue;
            if (put <= 0) return false;
            content.remove_prefix(static_cast<size_t>(put));
        }
        return static_cast<bool>(fd_);
    }
    bool become(const std::string& name, uid_t uid, gid_t gid, mode_t mode) {
        // An ordinary user's files are its own already.
        if (::geteuid() == 0 && ::fchown(fd_.get(), uid, gid) != 0) return false;
        if (::fchmod(fd_.get(), mode) != 0 || ::fsync(fd_.get()) != 0) return false;
        if (::renameat(folder_, name_.c_str(), folder_, name.c_str()) != 0) return false;
        fd_.reset();
        return true;
    }

  private:
    int folder_;
    std::string name_;
    Fd fd_;
};

}  // namespace

RootFolder::RootFolder(const std::string& volume)
    : folder_(volume),
      root_(is_image_volume(volume)
                ? open_volume_root(volume)
                : Fd(::open(volume.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC))) {
    if (!root_) fail_errno(errno, "cannot open the root file system " + volume);
}

Fd RootFolder::open(const std::string& path, int flags) const {
    open_how how{};
    how.flags = static_cast<__u64>(flags | O_CLOEXEC);
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    return Fd(
        static_cast<int>(::syscall(SYS_openat2, root_.get(), path.c_str(), &how, sizeof how)));
}

// The folder that holds the path; with an owner, made when it is missing.
Fd RootFolder::open_parent(const std::string& path, const CtOwner* owner) const {
    const std::string parent = path.substr(0, path.rfind('/'));
    Fd fd = open(parent.empty() ? "/" : parent, O_PATH | O_DIRECTORY);
    if (fd || errno != ENOENT || !owner || parent.empty()) return fd;
    const Fd above = open_parent(parent, owner);
    const std::string name = last_part(parent);
    if (!above || ::mkdirat(above.get(), name.c_str(), 0755) != 0) return Fd();
    if (::geteuid() == 0 &&
        ::fchownat(above.get(), name.c_str(), owner->uid, owner->gid, AT_SYMLINK_NOFOLLOW) != 0)
        return Fd();
    return open(parent, O_PATH | O_DIRECTORY);
}

RootFolder::Found RootFolder::find(const std::string& path) const {
    const Fd parent = open_parent(path, nullptr);
    struct stat found {};
    if (!parent ||
        ::fstatat(parent.get(), last_part(path).c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0)
        return Found::nothing;
    if (S_ISREG(found.st_mode)) return Found::file;
    if (S_ISDIR(found.st_mode)) return Found::folder;
    return S_ISLNK(found.st_mode) ? Found::link : Found::other;
}

bool RootFolder::exists(const std::string& path) const {
    return static_cast<bool>(open(path, O_PATH));
}

std::optional<std::string> RootFolder::read(const std::string& path) const {
    // Looked at before it is opened: opening a device may do something.
    const Fd place = open(path, O_PATH);
    struct stat found {};
    if (!place || ::fstat(place.get(), &found) != 0 || !S_ISREG(found.st_mode)) return std::nullopt;
    if (found.st_size > most) return std::nullopt;
    const Fd file(
        ::open(fmt::format("/proc/self/fd/{}", place.get()).c_str(), O_RDONLY | O_CLOEXEC));
    std::string text(static_cast<size_t>(found.st_size), '\0');
    size_t got = 0;
    while (file && got < text.size()) {
        const ssize_t more = ::read(file.get(), text.data() + got, text.size() - got);
        if (more < 0 && errno == EINTR) continue;
        if (more <= 0) break;
        got += static_cast<size_t>(more);
    }
    if (!file) return std::nullopt;
    text.resize(got);
    return text;
}

void RootFolder::write(const std::string& path, std::string_view content, mode_t mode,
                       CtOwner owner, bool keep_mode) const {
    const std::string what = fmt::format("cannot write {} in {}", path, folder_);
    const Fd parent = open_parent(path, &owner);
    if (!parent && (errno == EEXIST || errno == ELOOP || errno == ENOTDIR || errno == EROFS))
        fail(Exit::refused, "{}: {}", what, errno_words(errno));
    if (!parent) fail_errno(errno, what);
    // To be read and written by a name, a folder has to be opened for more than its place.
    const Fd folder(::openat(parent.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder) fail_errno(errno, what);
    const std::string name = last_part(path);
    struct stat found {};
    if (::fstatat(folder.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0) {
        if (!S_ISREG(found.st_mode)) fail(Exit::refused, "{}: it is no plain file", what);
        owner = {found.st_uid, found.st_gid};
        if (keep_mode) mode = found.st_mode & 07777;
    } else if (errno != ENOENT) {
        fail_errno(errno, what);
    }
    errno = 0;
    NewFile file(folder.get(), "." + name + ".lodge-new");
    if (errno == EROFS) fail(Exit::refused, "{}: {}", what, errno_words(errno));
    if (!file.write(content) || !file.become(name, owner.uid, owner.gid, mode))
        fail_errno(errno, what);
}

}  // namespace lodge
