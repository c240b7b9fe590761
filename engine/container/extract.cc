#include "engine/container/extract.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "engine/container/archive_reader.h"
#include "engine/container/unpack_ahead.h"
#include "engine/error.h"
#include "engine/units.h"

namespace lodge {
namespace {

// A member's name and header take no content, but a stream that unpacks to more than its content
// and this much for each member says nothing but zeros.
constexpr int64_t stream_slack = 64 << 20;
constexpr int64_t most_header = 8192;
constexpr int64_t tell_each = 4 << 20;

[[noreturn]] void fail_write(int trouble, const std::string& what, const Member& member) {
    if (trouble == ENOSPC || trouble == EDQUOT)
        fail(Exit::missing, "cannot {}: there is no space left (at '{}')", what,
             printable(member.path));
    fail_errno(trouble, fmt::format("cannot {}: '{}'", what, printable(member.path)));
}

void write_piece(const Fd& file, const void* bytes, size_t size, int64_t offset,
                 const std::string& what, const Member& member) {
    const char* at = static_cast<const char*>(bytes);
    while (size > 0) {
        const ssize_t wrote = ::pwrite(file.get(), at, size, offset);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) fail_write(errno, what, member);
        at += wrote;
        offset += wrote;
        size -= static_cast<size_t>(wrote);
    }
}

// Pouring is one extraction at work.
class Pouring {
  public:
    Pouring(ArchiveReader& reader, RootWriter& writer, Extraction& extraction)
        : reader_(reader), writer_(writer), extraction_(extraction) {}

    void run() {
        Member member;
        while (reader_.next(member)) {
            if (++extraction_.members > extraction_.limits.members)
                fail(Exit::refused, "cannot {}: it has more than {} members", extraction_.what,
                     extraction_.limits.members);
            watch();
            if (extraction_.wanted && !extraction_.wanted(member)) continue;
            if (member.kind == Member::Kind::file)
                pour(member);
            else
                writer_.make(member);
        }
    }

  private:
    // A file's content where it belongs: holes stay holes.
    void pour(const Member& member) {
        if (member.size > ExtractLimits::largest_file)
            fail(Exit::refused, "cannot {}: its member '{}' wants to be {} large", extraction_.what,
                 printable(member.path), short_size(member.size));
        const Fd file = writer_.make_file(member);
        const void* bytes = nullptr;
        size_t size = 0;
        int64_t offset = 0, end = 0;
        while (reader_.piece(bytes, size, offset)) {
            if (size == 0) continue;
            count(size);
            write_piece(file, bytes, size, offset, extraction_.what, member);
            end = offset + static_cast<int64_t>(size);
            watch();
        }
        if (end < member.size && ::ftruncate(file.get(), member.size) != 0)
            fail_write(errno, extraction_.what, member);
        writer_.finish_file(file, member);
    }

    void count(size_t size) {
        extraction_.bytes += static_cast<int64_t>(size);
        if (extraction_.bytes > extraction_.limits.bytes)
            fail(Exit::refused, "cannot {}: it holds more than {}, which is all there is room for",
                 extraction_.what, short_size(extraction_.limits.bytes));
    }

    void watch() {
        const int64_t unpacked = reader_.bytes_unpacked();
        if (unpacked > extraction_.limits.bytes + stream_slack + extraction_.members * most_header)
            fail(Exit::refused,
                 "cannot {}: it unpacks to more than {}, which is all there is room for",
                 extraction_.what, short_size(extraction_.limits.bytes));
        if (unpacked - told_ < tell_each && ++quiet_ < 256) return;
        told_ = unpacked;
        quiet_ = 0;
        if (extraction_.told) extraction_.told(reader_.bytes_taken());
    }

    ArchiveReader& reader_;
    RootWriter& writer_;
    Extraction& extraction_;
    int64_t told_ = 0;
    int quiet_ = 0;
};

}  // namespace

ExtractLimits limits_in(const Fd& folder, ExtractLimits given) {
    struct statvfs space {};
    if (::fstatvfs(folder.get(), &space) != 0)
        fail_errno(errno, "cannot see how much is free for the root filesystem");
    if (given.bytes == 0)
        given.bytes = static_cast<int64_t>(space.f_bavail) * static_cast<int64_t>(space.f_frsize);
    if (given.members == 0) {
        // btrfs counts none: it makes them as needed.
        const auto free = static_cast<int64_t>(space.f_favail);
        given.members = space.f_files == 0 ? ExtractLimits::most_members
                                           : std::min(free, ExtractLimits::most_members);
    }
    return given;
}

namespace {

std::string extract_all(ArchiveReader& reader, RootWriter& writer, Extraction& extraction) {
    const int64_t before = extraction.members;
    Pouring(reader, writer, extraction).run();
    if (extraction.members == before && !extraction.may_be_empty)
        fail(Exit::refused, "cannot {}: there is nothing in it", extraction.what);
    writer.finish();
    if (extraction.told) extraction.told(reader.bytes_taken());
    return reader.warning();
}

}  // namespace

std::string extract_tar(int fd, RootWriter& writer, Extraction& extraction) {
    if (!is_packed(fd)) {
        ArchiveReader reader(fd, extraction.what);
        return extract_all(reader, writer, extraction);
    }
    UnpackAhead bytes(fd, extraction.what);
    const auto tell = extraction.told;
    extraction.told = [&](int64_t) {
        if (tell) tell(bytes.taken());
    };
    std::string words = extract_tar(bytes, writer, extraction);
    extraction.told = tell;
    return words;
}

std::string extract_tar(ArchiveBytes& bytes, RootWriter& writer, Extraction& extraction) {
    ArchiveReader reader(bytes, extraction.what);
    return extract_all(reader, writer, extraction);
}

}  // namespace lodge
