#include "engine/container/archive_reader.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/error.h"
#include "engine/text.h"

namespace lodge {
namespace {

// Large pieces: each is one read and, of a plain archive, one write.
constexpr size_t block = 1u << 20;

Member::Kind kind_of(archive_entry* entry, bool hard_link) {
    if (hard_link) return Member::Kind::hard_link;
    switch (archive_entry_filetype(entry)) {
        case AE_IFDIR:
            return Member::Kind::folder;
        case AE_IFLNK:
            return Member::Kind::link;
        case AE_IFIFO:
            return Member::Kind::fifo;
        case AE_IFSOCK:
            return Member::Kind::socket;
        case AE_IFCHR:
        case AE_IFBLK:
            return Member::Kind::device;
        default:
            return Member::Kind::file;
    }
}

void put_number(std::string& bytes, uint32_t value, int count) {
    for (; count > 0; --count, value >>= 8)
        bytes += static_cast<char>(value & 0xff);
}

// POSIX.1e tags, libarchive's and the kernel's (linux/posix_acl.h).
uint32_t kernel_tag(int tag) {
    switch (tag) {
        case ARCHIVE_ENTRY_ACL_USER_OBJ:
            return 0x01;
        case ARCHIVE_ENTRY_ACL_USER:
            return 0x02;
        case ARCHIVE_ENTRY_ACL_GROUP_OBJ:
            return 0x04;
        case ARCHIVE_ENTRY_ACL_GROUP:
            return 0x08;
        case ARCHIVE_ENTRY_ACL_MASK:
            return 0x10;
        default:
            return 0x20;
    }
}

// As the kernel's extended attribute has it: linux/posix_acl_xattr.h, version 2, entries by tag and
// id. "" when there are only the three entries that the mode says.
std::string acl_of(archive_entry* entry, int type) {
    if (archive_entry_acl_reset(entry, type) == 0) return "";
    struct Entry {
        uint32_t tag, id, permissions;
    };
    std::vector<Entry> entries;
    int kind = 0, permissions = 0, tag = 0, id = 0;
    const char* name = nullptr;
    while (archive_entry_acl_next(entry, type, &kind, &permissions, &tag, &id, &name) ==
           ARCHIVE_OK) {
        const bool named = tag == ARCHIVE_ENTRY_ACL_USER || tag == ARCHIVE_ENTRY_ACL_GROUP;
        entries.push_back({kernel_tag(tag), named ? static_cast<uint32_t>(id) : UINT32_MAX,
                           static_cast<uint32_t>(permissions) & 7});
    }
    if (entries.empty() || (entries.size() <= 3 && type == ARCHIVE_ENTRY_ACL_TYPE_ACCESS))
        return "";
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
        return std::pair(a.tag, a.id) < std::pair(b.tag, b.id);
    });
    std::string value;
    put_number(value, 2, 4);
    for (const Entry& one : entries) {
        put_number(value, one.tag, 2);
        put_number(value, one.permissions, 2);
        put_number(value, one.id, 4);
    }
    return value;
}

void add_attributes(archive_entry* entry, Member& member) {
    archive_entry_xattr_reset(entry);
    const char* name = nullptr;
    const void* value = nullptr;
    size_t size = 0;
    while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK)
        if (name)
            member.attributes.emplace_back(
                name, std::string(static_cast<const char*>(value), value ? size : 0));
    if (auto acl = acl_of(entry, ARCHIVE_ENTRY_ACL_TYPE_ACCESS); !acl.empty())
        member.attributes.emplace_back("system.posix_acl_access", std::move(acl));
    if (auto acl = acl_of(entry, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT); !acl.empty())
        member.attributes.emplace_back("system.posix_acl_default", std::move(acl));
}

}  // namespace

// Those that Debian's libarchive reads by itself; for others it would start programs.
void support_packings(archive* reader) {
    archive_read_support_filter_gzip(reader);
    archive_read_support_filter_bzip2(reader);
    archive_read_support_filter_xz(reader);
    archive_read_support_filter_lzma(reader);
    archive_read_support_filter_zstd(reader);
    archive_read_support_filter_lz4(reader);
}

Utf8Locale::Utf8Locale()
    : own_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)),
      before_(own_ ? ::uselocale(own_) : nullptr) {}

Utf8Locale::~Utf8Locale() {
    if (!own_) return;
    ::uselocale(before_);
    ::freelocale(own_);
}

ArchiveReader::ArchiveReader(int fd, std::string what) : ArchiveReader(std::move(what), nullptr) {
    if (archive_read_open_fd(reader_.get(), fd, block) != ARCHIVE_OK) fail_broken();
}

ArchiveReader::ArchiveReader(ArchiveBytes& bytes, std::string what)
    : ArchiveReader(std::move(what), &bytes) {
    if (archive_read_open(reader_.get(), this, nullptr, pull, nullptr) != ARCHIVE_OK) fail_broken();
}

// An exception must not fly through libarchive, which is C.
la_ssize_t ArchiveReader::pull(archive* reader, void* self, const void** bytes) {
    auto* own = static_cast<ArchiveReader*>(self);
    try {
        return static_cast<la_ssize_t>(own->bytes_->next(*bytes));
    } catch (...) {
        own->trouble_ = std::current_exception();
        archive_set_error(reader, EIO, "the archive cannot be read");
        return ARCHIVE_FATAL;
    }
}

ArchiveReader::ArchiveReader(std::string what, ArchiveBytes* bytes)
    : what_(std::move(what)), reader_(archive_read_new()), bytes_(bytes) {
    if (!reader_) fail(Exit::failed, "cannot {}: there is not enough memory", what_);
    archive* reader = reader_.get();
    archive_read_support_format_tar(reader);
    support_packings(reader);
}

void ArchiveReader::fail_broken() const {
    if (trouble_) std::rethrow_exception(trouble_);
    const char* words = archive_error_string(reader_.get());
    fail(Exit::refused, "cannot {}: it is no tar archive, or a broken one ({})", what_,
         printable(words ? words : "nothing more is known"));
}

bool ArchiveReader::next(Member& member) {
    const int result = archive_read_next_header(reader_.get(), &entry_);
    if (result == ARCHIVE_EOF) return false;
    if (result < ARCHIVE_WARN) fail_broken();
    if (result == ARCHIVE_WARN) {
        const char* words = archive_error_string(reader_.get());
        warning_ = printable(words ? words : "");
    }
    member = {};
    const char* path = archive_entry_pathname(entry_);
    if (!path) path = archive_entry_pathname_utf8(entry_);
    if (!path) fail(Exit::refused, "cannot {}: a member's name cannot be read", what_);
    member.path = path;
    const char* hard = archive_entry_hardlink(entry_);
    if (!hard) hard = archive_entry_hardlink_utf8(entry_);
    member.kind = kind_of(entry_, hard != nullptr);
    if (hard) member.target = hard;
    if (member.kind == Member::Kind::link) {
        const char* to = archive_entry_symlink(entry_);
        if (!to) to = archive_entry_symlink_utf8(entry_);
        member.target = to ? to : "";
    }
    const la_int64_t uid = archive_entry_uid(entry_), gid = archive_entry_gid(entry_);
    // The last number means "no change" to the kernel (chown(2)).
    if (uid < 0 || gid < 0 || uid >= UINT32_MAX || gid >= UINT32_MAX)
        fail(Exit::refused, "cannot {}: its member '{}' belongs to {}:{}, which are no ids", what_,
             printable(member.path), uid, gid);
    member.uid = static_cast<uint32_t>(uid);
    member.gid = static_cast<uint32_t>(gid);
    member.mode = archive_entry_perm(entry_);
    member.modified = {archive_entry_mtime(entry_), archive_entry_mtime_nsec(entry_)};
    if (member.modified.tv_nsec < 0 || member.modified.tv_nsec > 999999999)
        member.modified.tv_nsec = 0;
    member.size = archive_entry_size_is_set(entry_) ? archive_entry_size(entry_) : 0;
    if (member.size < 0)
        fail(Exit::refused, "cannot {}: its member '{}' has no size that could be", what_,
             printable(member.path));
    if (member.kind == Member::Kind::device) {
        member.major = static_cast<unsigned>(archive_entry_rdevmajor(entry_));
        member.minor = static_cast<unsigned>(archive_entry_rdevminor(entry_));
    }
    add_attributes(entry_, member);
    return true;
}

bool ArchiveReader::piece(const void*& bytes, size_t& size, int64_t& offset) {
    la_int64_t at = 0;
    const int result = archive_read_data_block(reader_.get(), &bytes, &size, &at);
    if (result == ARCHIVE_EOF) return false;
    if (result < ARCHIVE_WARN) fail_broken();
    offset = at;
    return true;
}

int64_t ArchiveReader::header_position() const {
    return archive_read_header_position(reader_.get());
}

int64_t ArchiveReader::bytes_taken() const {
    return archive_filter_bytes(reader_.get(), -1);
}

int64_t ArchiveReader::bytes_unpacked() const {
    return archive_filter_bytes(reader_.get(), 0);
}

}  // namespace lodge
