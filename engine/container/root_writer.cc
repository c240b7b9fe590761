#include "engine/container/root_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "engine/error.h"
#include "engine/text.h"

namespace lodge {
namespace {

constexpr std::string_view acl_prefix = "system.posix_acl_";
constexpr std::string_view capability = "security.capability";

std::string joined(const std::vector<std::string_view>& parts, size_t count) {
    std::string path;
    for (size_t i = 0; i < count; ++i) {
        if (i > 0) path += '/';
        path += parts[i];
    }
    return path;
}

}  // namespace

RootWriter::RootWriter(Fd folder, Ownership ownership, Links links, std::string what)
    : root_(std::move(folder)),
      ownership_(std::move(ownership)),
      links_(links),
      what_(std::move(what)) {}

void RootWriter::refuse(std::string_view path, std::string_view why) const {
    fail(Exit::refused, "cannot {}: its member '{}' {}", what_, printable(path), why);
}

void RootWriter::fail_member(int trouble, std::string_view path) const {
    if (trouble == ENOSPC || trouble == EDQUOT)
        fail(Exit::missing, "cannot {}: there is no space left (at '{}')", what_, printable(path));
    if (trouble == EXDEV) refuse(path, "lies on another file system or leads out of the root");
    fail_errno(trouble, fmt::format("cannot {}: '{}'", what_, printable(path)));
}

void RootWriter::forget_parent() {
    parent_.reset();
    parent_path_.clear();
}

// Members of one folder follow each other, so that the folder of the one before serves mostly.
int RootWriter::open_parent(std::string_view path, const std::string& parent) {
    if (parent.empty()) return root_.get();
    if (parent_ && parent == parent_path_) return parent_.get();
    constexpr int flags = O_PATH | O_DIRECTORY;
    parent_path_ = parent;
    parent_ = open_beneath(root_, parent, flags, links_);
    if (!parent_ && errno == ENOENT) {
        make_parents(path, parent);
        parent_ = open_beneath(root_, parent, flags, links_);
    }
    if (parent_) return parent_.get();
    const int trouble = errno;
    forget_parent();
    if (trouble == ELOOP) refuse(path, "goes through a link");
    // With O_DIRECTORY, RESOLVE_NO_SYMLINKS says ENOTDIR of what is no folder.
    if (trouble == ENOTDIR) refuse(path, "lies below something that is no folder");
    fail_member(trouble, path);
}

void RootWriter::make_parents(std::string_view path, const std::string& parent) {
    for (size_t slash = 0; slash != std::string::npos;) {
        slash = parent.find('/', slash == 0 ? 0 : slash + 1);
        const std::string upper = parent.substr(0, slash);
        if (open_beneath(root_, upper, O_PATH | O_DIRECTORY, links_)) continue;
        if (errno != ENOENT) return;  // open_parent() says what it is
        const auto last = upper.rfind('/');
        const Fd above = last == std::string::npos ? Fd(::dup(root_.get()))
                                                   : open_beneath(root_, upper.substr(0, last),
                                                                  O_PATH | O_DIRECTORY, links_);
        const std::string name = last == std::string::npos ? upper : upper.substr(last + 1);
        if (!above || ::mkdirat(above.get(), name.c_str(), 0755) != 0) {
            if (errno == EEXIST) refuse(path, "lies below a link that leads nowhere");
            fail_member(errno, path);
        }
        Member folder;
        folder.path = upper;
        own({above.get(), name}, folder);
    }
}

RootWriter::Place RootWriter::place(std::string_view path) {
    if (!split_member_path(path, parts_)) refuse(path, "leads out of the root");
    if (parts_.empty()) return {root_.get(), ""};
    return {open_parent(path, joined(parts_, parts_.size() - 1)), std::string(parts_.back())};
}

// Something of the name is there already: a later member of an archive replaces an earlier one.
void RootWriter::make_way(const Place& at, std::string_view path, bool for_folder) {
    struct stat found {};
    if (::fstatat(at.folder, at.name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0)
        fail_member(errno, path);
    if (!S_ISDIR(found.st_mode)) {
        if (::unlinkat(at.folder, at.name.c_str(), 0) != 0) fail_member(errno, path);
        return;
    }
    if (for_folder) return;
    if (links_ == Links::inside) {
        const Fd folder(::openat(at.folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!folder) fail_member(errno, path);
        remove_below(folder, at.name);
    } else if (::unlinkat(at.folder, at.name.c_str(), AT_REMOVEDIR) != 0) {
        if (errno == ENOTEMPTY || errno == EEXIST)
            refuse(path, "would replace a folder that has something in it");
        fail_member(errno, path);
    }
}

void RootWriter::check_ids(const Member& member) const {
    if (ownership_.map.empty()) return;
    const auto missing = [&](std::string_view kind, uint32_t id) {
        refuse(member.path, fmt::format("belongs to {} {}, which the container's id map does not "
                                        "hold",
                                        kind, id));
    };
    if (!ownership_.map.outside_uid(member.uid)) missing("user", member.uid);
    if (!ownership_.map.outside_gid(member.gid)) missing("group", member.gid);
}

void RootWriter::own(const Place& at, const Member& member) {
    if (!ownership_.give) return;
    const uid_t uid =
        ownership_.map.empty() ? member.uid : ownership_.map.outside_uid(member.uid).value_or(0);
    const gid_t gid =
        ownership_.map.empty() ? member.gid : ownership_.map.outside_gid(member.gid).value_or(0);
    if (::fchownat(at.folder, at.name.c_str(), uid, gid,
                   AT_SYMLINK_NOFOLLOW | (at.name.empty() ? AT_EMPTY_PATH : 0)) != 0)
        fail_member(errno, member.path);
}

Fd RootWriter::make_file(const Member& member) {
    check_ids(member);
    const Place at = place(member.path);
    if (at.name.empty()) refuse(member.path, "would replace the root itself");
    constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    Fd file(::openat(at.folder, at.name.c_str(), flags, 0600));
    if (!file && errno == EEXIST) {
        make_way(at, member.path, false);
        file.reset(::openat(at.folder, at.name.c_str(), flags, 0600));
    }
    if (!file) fail_member(errno, member.path);
    remember(member.path);
    return file;
}

// Owner, then mode, then attributes: giving a file away takes its set-id bits and capabilities.
void RootWriter::finish_file(const Fd& file, const Member& member) {
    own({file.get(), ""}, member);
    if (::fchmod(file.get(), member.mode & 07777) != 0) fail_member(errno, member.path);
    if (!member.attributes.empty()) set_attributes(file, member);
    const timespec times[2] = {{0, UTIME_OMIT}, member.modified};
    if (::futimens(file.get(), times) != 0) fail_member(errno, member.path);
}

void RootWriter::make(const Member& member) {
    switch (member.kind) {
        case Member::Kind::file: {
            const Fd file = make_file(member);
            return finish_file(file, member);
        }
        case Member::Kind::folder:
            return make_folder(member);
        case Member::Kind::link:
            return make_link(member);
        case Member::Kind::hard_link:
            return make_hard_link(member);
        case Member::Kind::fifo:
            return make_fifo(member);
        case Member::Kind::socket:
            // A socket that nobody listens at; its service makes it anew.
            (void)place(member.path);
            ++left_out_["sockets"];
            return;
        case Member::Kind::device:
            return pass_device(member);
    }
}

void RootWriter::make_folder(const Member& member) {
    check_ids(member);
    const Place at = place(member.path);
    if (at.name.empty()) {
        root_seen_ = true;
    } else if (::mkdirat(at.folder, at.name.c_str(), 0700) != 0) {
        if (errno != EEXIST) fail_member(errno, member.path);
        make_way(at, member.path, true);
        if (::mkdirat(at.folder, at.name.c_str(), 0700) != 0 && errno != EEXIST)
            fail_member(errno, member.path);
    }
    own(at, member);
    if (!member.attributes.empty()) {
        const Fd folder(at.name.empty()
                            ? ::openat(at.folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                            : ::openat(at.folder, at.name.c_str(),
                                       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (!folder) fail_member(errno, member.path);
        set_attributes(folder, member);
    }
    folders_.push_back({joined(parts_, parts_.size()), member.mode & 07777, member.modified});
    remember(member.path);
}

void RootWriter::make_link(const Member& member) {
    check_ids(member);
    const Place at = place(member.path);
    if (at.name.empty()) refuse(member.path, "would replace the root itself");
    if (member.target.empty()) refuse(member.path, "is a link to nothing");
    if (::symlinkat(member.target.c_str(), at.folder, at.name.c_str()) != 0) {
        if (errno != EEXIST) fail_member(errno, member.path);
        make_way(at, member.path, false);
        if (::symlinkat(member.target.c_str(), at.folder, at.name.c_str()) != 0)
            fail_member(errno, member.path);
        forget_parent();  // it may have been reached through what was there
    }
    // The parent may have been forgotten with its descriptor.
    const Place again = place(member.path);
    own(again, member);
    const timespec times[2] = {{0, UTIME_OMIT}, member.modified};
    if (::utimensat(again.folder, again.name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0)
        fail_member(errno, member.path);
    remember(member.path);
}

void RootWriter::make_hard_link(const Member& member) {
    std::vector<std::string_view> to;
    if (!split_member_path(member.target, to) || to.empty())
        refuse(member.path,
               fmt::format("is a hard link to '{}', out of the root", printable(member.target)));
    const std::string above = joined(to, to.size() - 1);
    const Fd source = open_beneath(root_, above, O_PATH | O_DIRECTORY, links_);
    const std::string name(to.back());
    struct stat facts {};
    if (!source || ::fstatat(source.get(), name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) != 0)
        refuse(member.path,
               fmt::format("is a hard link to '{}', which is not there", printable(member.target)));
    if (S_ISDIR(facts.st_mode)) refuse(member.path, "is a hard link to a folder");
    const Place at = place(member.path);
    if (at.name.empty()) refuse(member.path, "would replace the root itself");
    if (::linkat(source.get(), name.c_str(), at.folder, at.name.c_str(), 0) != 0) {
        if (errno != EEXIST) fail_member(errno, member.path);
        struct stat there {};
        if (::fstatat(at.folder, at.name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
            there.st_ino == facts.st_ino)
            return remember(member.path);  // itself
        make_way(at, member.path, false);
        if (::linkat(source.get(), name.c_str(), at.folder, at.name.c_str(), 0) != 0)
            fail_member(errno, member.path);
    }
    remember(member.path);
}

void RootWriter::make_fifo(const Member& member) {
    check_ids(member);
    const Place at = place(member.path);
    if (at.name.empty()) refuse(member.path, "would replace the root itself");
    if (::mkfifoat(at.folder, at.name.c_str(), 0600) != 0) {
        if (errno != EEXIST) fail_member(errno, member.path);
        make_way(at, member.path, false);
        if (::mkfifoat(at.folder, at.name.c_str(), 0600) != 0) fail_member(errno, member.path);
    }
    own(at, member);
    // It was just made by us, and nobody else works here: it is no link.
    if (::fchmodat(at.folder, at.name.c_str(), member.mode & 07777, 0) != 0)
        fail_member(errno, member.path);
    remember(member.path);
}

void RootWriter::pass_device(const Member& member) {
    if (!split_member_path(member.path, parts_)) refuse(member.path, "leads out of the root");
    switch (judge_device(member)) {
        case DeviceNode::below_dev:
        case DeviceNode::usual:
            ++left_out_["device nodes, of which a container gets its own"];
            return;
        case DeviceNode::other:
            refuse(member.path, fmt::format("is a device node ({}:{}), which could reach this "
                                            "machine's hardware",
                                            member.major, member.minor));
    }
}

bool RootWriter::translate(const std::string& name, std::string& value) const {
    if (name.rfind(acl_prefix, 0) == 0)
        return ownership_.map.empty() || shift_acl(value, ownership_.map);
    if (name == capability && !ownership_.map.empty() && !ownership_.inside)
        return shift_capability(value, ownership_.map.outside_uid(0).value_or(0));
    return true;
}

void RootWriter::set_attributes(const Fd& file, const Member& member) {
    for (const auto& [name, given] : member.attributes) {
        const bool known = name == capability || name.rfind("user.", 0) == 0 ||
                           name == "system.posix_acl_access" || name == "system.posix_acl_default";
        // Others are of the machine that they come from: SELinux, overlayfs, file systems.
        if (!known) {
            ++left_out_[fmt::format("attributes {}", printable(name))];
            continue;
        }
        std::string value = given;
        if (!translate(name, value)) refuse(member.path, fmt::format("has a bad {}", name));
        if (!ownership_.give && name != acl_prefix && name.rfind("user.", 0) != 0) {
            ++left_out_[fmt::format("attributes {}, which only root can give", name)];
            continue;
        }
        if (::fsetxattr(file.get(), name.c_str(), value.data(), value.size(), 0) == 0) continue;
        if (errno == ENOTSUP)
            ++left_out_[fmt::format("attributes {}, which the file system does not keep", name)];
        else if (errno == EPERM)
            ++left_out_[fmt::format("attributes {}, which we may not set", name)];
        else
            fail_member(errno, member.path);
    }
}

void RootWriter::finish() {
    if (!root_seen_) {
        Member top;
        own({root_.get(), ""}, top);
        if (::fchmod(root_.get(), 0755) != 0) fail_member(errno, "./");
        root_seen_ = true;
    }
    // The deepest first: a folder that is closed to us closes what is below it.
    for (auto folder = folders_.rbegin(); folder != folders_.rend(); ++folder) {
        const Fd fd =
            open_beneath(root_, folder->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, links_);
        if (!fd) {
            // Replaced or taken away by a later member.
            if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) continue;
            fail_member(errno, folder->path);
        }
        const timespec times[2] = {{0, UTIME_OMIT}, folder->modified};
        if (::fchmod(fd.get(), folder->mode) != 0 || ::futimens(fd.get(), times) != 0)
            fail_member(errno, folder->path);
    }
    folders_.clear();
    forget_parent();
}

void RootWriter::start_layer() {
    made_.clear();
}

void RootWriter::remember(std::string_view path) {
    if (links_ != Links::inside) return;
    std::vector<std::string_view> parts;
    if (!split_member_path(path, parts)) return;
    // With the folders above it: an opaque folder keeps what this layer has put below it.
    for (size_t count = parts.size(); count > 0; --count)
        if (!made_.insert(joined(parts, count)).second) return;
}

void RootWriter::white_out(std::string_view path) {
    if (!split_member_path(path, parts_) || parts_.empty()) refuse(path, "leads out of the root");
    // What this layer itself has made stays: it takes away only from those below.
    if (made_.find(joined(parts_, parts_.size())) != made_.end()) return;
    const Fd folder =
        open_beneath(root_, joined(parts_, parts_.size() - 1), O_RDONLY | O_DIRECTORY, links_);
    if (!folder && (errno == ENOENT || errno == ENOTDIR)) return;
    if (!folder) fail_member(errno, path);
    remove_below(folder, std::string(parts_.back()));
    forget_parent();
}

void RootWriter::make_opaque(std::string_view path) {
    if (!split_member_path(path, parts_)) refuse(path, "leads out of the root");
    const std::string top = joined(parts_, parts_.size());
    const Fd folder = open_beneath(root_, top, O_RDONLY | O_DIRECTORY, links_);
    if (!folder && errno == ENOENT) return;
    if (!folder) fail_member(errno, path);
    for (const std::string& name : names_in(folder)) {
        const std::string full = top.empty() ? name : top + "/" + name;
        if (made_.find(full) == made_.end())
            remove_below(folder, name);
        else if (struct stat facts{};
                 ::fstatat(folder.get(), name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
                 S_ISDIR(facts.st_mode))
            make_opaque(full);
    }
    forget_parent();
}

std::vector<std::string> RootWriter::notes() const {
    std::vector<std::string> words;
    for (const auto& [what, count] : left_out_)
        words.push_back(fmt::format("left out {} {}", count, what));
    return words;
}

}  // namespace lodge
