#include "engine/container/copy_tree.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>

#include "engine/error.h"
#include "engine/units.h"

namespace lodge {
namespace {

constexpr int64_t piece = 8 << 20;

Member::Kind kind_of(mode_t mode) {
    switch (mode & S_IFMT) {
        case S_IFDIR:
            return Member::Kind::folder;
        case S_IFLNK:
            return Member::Kind::link;
        case S_IFIFO:
            return Member::Kind::fifo;
        case S_IFSOCK:
            return Member::Kind::socket;
        case S_IFREG:
            return Member::Kind::file;
        default:
            return Member::Kind::device;
    }
}

void read_attributes(const Fd& file, Member& member) {
    const ssize_t size = ::flistxattr(file.get(), nullptr, 0);
    if (size <= 0) return;
    std::string names(static_cast<size_t>(size), '\0');
    const ssize_t got = ::flistxattr(file.get(), names.data(), names.size());
    for (size_t at = 0; got > 0 && at < static_cast<size_t>(got);) {
        const std::string name = names.c_str() + at;
        at += name.size() + 1;
        std::string value(65536, '\0');  // the kernel's most: XATTR_SIZE_MAX
        const ssize_t length = ::fgetxattr(file.get(), name.c_str(), value.data(), value.size());
        if (length < 0) continue;  // gone, or not for us
        value.resize(static_cast<size_t>(length));
        member.attributes.emplace_back(name, std::move(value));
    }
}

// Copying is one tree on its way.
class Copying {
  public:
    Copying(const Fd& from, RootWriter& writer, Extraction& extraction)
        : from_(from), writer_(writer), extraction_(extraction) {}

    void run() {
        std::vector<std::string> folders = {""};
        while (!folders.empty()) {
            const std::string path = std::move(folders.back());
            folders.pop_back();
            copy_folder(path, folders);
        }
        writer_.finish();
    }

  private:
    [[noreturn]] void fail_at(int trouble, const std::string& path) const {
        if (trouble == ENOSPC || trouble == EDQUOT)
            fail(Exit::missing, "cannot {}: there is no space left (at '{}')", extraction_.what,
                 printable(path));
        fail_errno(trouble, fmt::format("cannot {}: '{}'", extraction_.what, printable(path)));
    }

    Member describe(const std::string& path, const struct stat& facts) const {
        Member member;
        member.path = path;
        member.kind = kind_of(facts.st_mode);
        member.uid = facts.st_uid;
        member.gid = facts.st_gid;
        member.mode = facts.st_mode & 07777;
        member.modified = facts.st_mtim;
        member.size = facts.st_size;
        member.major = ::major(facts.st_rdev);
        member.minor = ::minor(facts.st_rdev);
        return member;
    }

    void copy_folder(const std::string& path, std::vector<std::string>& folders) {
        const Fd folder = open_beneath(from_, path, O_RDONLY | O_DIRECTORY, Links::refuse);
        struct stat facts {};
        if (!folder || ::fstat(folder.get(), &facts) != 0) fail_at(errno, path);
        if (path.empty()) device_ = facts.st_dev;
        Member member = describe(path.empty() ? "./" : path, facts);
        read_attributes(folder, member);
        take(member);
        if (facts.st_dev != device_) return;  // the place stays, what is mounted there does not
        for (const std::string& name : names_in(folder)) {
            const std::string full = path.empty() ? name : path + "/" + name;
            if (::fstatat(folder.get(), name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) != 0) {
                if (errno == ENOENT) continue;
                fail_at(errno, full);
            }
            if (S_ISDIR(facts.st_mode))
                folders.push_back(full);
            else
                copy_one(folder, name, full, facts);
        }
    }

    void copy_one(const Fd& folder, const std::string& name, const std::string& full,
                  const struct stat& facts) {
        Member member = describe(full, facts);
        if (facts.st_nlink > 1 && member.kind != Member::Kind::socket) {
            const auto [known, first] =
                linked_.emplace(std::pair(facts.st_dev, facts.st_ino), full);
            if (!first) {
                member.kind = Member::Kind::hard_link;
                member.target = known->second;
            }
        }
        if (member.kind == Member::Kind::link) {
            std::array<char, 4097> target{};
            const ssize_t size =
                ::readlinkat(folder.get(), name.c_str(), target.data(), target.size() - 1);
            if (size < 0) fail_at(errno, full);
            member.target.assign(target.data(), static_cast<size_t>(size));
        }
        if (member.kind != Member::Kind::file) return take(member);
        const Fd in(
            ::openat(folder.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
        if (!in) fail_at(errno, full);
        read_attributes(in, member);
        count_member(member);
        const Fd out = writer_.make_file(member);
        copy_content(in, out, member);
        writer_.finish_file(out, member);
    }

    void count_member(const Member& member) {
        if (++extraction_.members > extraction_.limits.members)
            fail(Exit::refused, "cannot {}: it has more than {} members", extraction_.what,
                 extraction_.limits.members);
        if (extraction_.told && extraction_.members % 256 == 0) extraction_.told(extraction_.bytes);
        if (member.size > ExtractLimits::largest_file && member.kind == Member::Kind::file)
            fail(Exit::refused, "cannot {}: '{}' is {} large", extraction_.what,
                 printable(member.path), short_size(member.size));
    }

    void take(const Member& member) {
        count_member(member);
        writer_.make(member);
    }

    void count_bytes(int64_t bytes) {
        extraction_.bytes += bytes;
        if (extraction_.bytes > extraction_.limits.bytes)
            fail(Exit::refused, "cannot {}: it holds more than {}, which is all there is room for",
                 extraction_.what, short_size(extraction_.limits.bytes));
        if (!extraction_.told || extraction_.bytes - told_ < piece) return;
        told_ = extraction_.bytes;
        extraction_.told(told_);
    }

    void copy_content(const Fd& in, const Fd& out, const Member& member) {
        if (::ioctl(out.get(), FICLONE, in.get()) == 0) return;
        for (off_t at = 0; at < member.size;) {
            const off_t data = ::lseek(in.get(), at, SEEK_DATA);
            if (data < 0 && errno == ENXIO) break;  // a hole to the end
            if (data < 0) fail_at(errno, member.path);
            off_t end = ::lseek(in.get(), data, SEEK_HOLE);
            if (end < 0) end = member.size;
            copy_range(in, out, data, std::min<off_t>(end, member.size), member);
            at = end;
        }
        if (::ftruncate(out.get(), member.size) != 0) fail_at(errno, member.path);
    }

    void copy_range(const Fd& in, const Fd& out, off_t at, off_t end, const Member& member) {
        off_t to = at;
        while (at < end) {
            const auto wish = static_cast<size_t>(std::min<off_t>(end - at, piece));
            ssize_t got = ::copy_file_range(in.get(), &at, out.get(), &to, wish, 0);
            if (got < 0 && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP))
                got = copy_by_hand(in, out, at, to, wish, member);
            if (got < 0) fail_at(errno, member.path);
            if (got == 0) return;  // it became shorter meanwhile
            count_bytes(got);
        }
    }

    ssize_t copy_by_hand(const Fd& in, const Fd& out, off_t& at, off_t& to, size_t wish,
                         const Member& member) {
        buffer_.resize(static_cast<size_t>(piece));
        const ssize_t got = ::pread(in.get(), buffer_.data(), wish, at);
        for (ssize_t put = 0; put < got;) {
            const ssize_t wrote =
                ::pwrite(out.get(), buffer_.data() + put, static_cast<size_t>(got - put), to + put);
            if (wrote < 0) fail_at(errno, member.path);
            put += wrote;
        }
        if (got > 0) at += got, to += got;
        return got;
    }

    const Fd& from_;
    RootWriter& writer_;
    Extraction& extraction_;
    dev_t device_ = 0;
    int64_t told_ = 0;
    std::map<std::pair<dev_t, ino_t>, std::string> linked_;
    std::string buffer_;
};

}  // namespace

void copy_tree(const Fd& from, RootWriter& writer, Extraction& extraction) {
    Copying(from, writer, extraction).run();
}

}  // namespace lodge
