#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <clocale>
#include <exception>
#include <memory>
#include <string>

#include "engine/container/member.h"
#include "engine/fd.h"

namespace lodge {

// The ways to pack an archive that are taken: gzip, bzip2, xz, lzma, zstd, lz4.
void support_packings(archive* reader);

// Names in archives are bytes or UTF-8; libarchive turns them to the thread's locale, which must
// therefore be one of UTF-8 while it reads.
class Utf8Locale {
  public:
    Utf8Locale();
    Utf8Locale(const Utf8Locale&) = delete;
    Utf8Locale& operator=(const Utf8Locale&) = delete;
    ~Utf8Locale();

  private:
    locale_t own_, before_;
};

// ArchiveBytes is where the bytes of an archive come from, when that is no whole file.
class ArchiveBytes {
  public:
    virtual ~ArchiveBytes() = default;
    // The next ones, valid until the next call; 0 at the end. Throws Error.
    virtual size_t next(const void*& bytes) = 0;
};

// ArchiveReader is a tar archive that is read from somewhere, whatever it is compressed with.
class ArchiveReader {
  public:
    // Reads from the descriptor's present place; it stays the caller's. `what` begins the words of
    // every Error. Throws Error(Exit::refused) for what is no tar archive.
    ArchiveReader(int fd, std::string what);
    ArchiveReader(ArchiveBytes& bytes, std::string what);

    // False at the end. Throws Error(Exit::refused) for a broken archive.
    bool next(Member& member);
    // The next piece of the member's content and where in it that belongs; false at its end.
    bool piece(const void*& bytes, size_t& size, int64_t& offset);
    int64_t bytes_taken() const;     // of the descriptor
    int64_t bytes_unpacked() const;  // of the archive within
    // Words of libarchive on what it could not take as it is; "" for none.
    const std::string& warning() const { return warning_; }

    // Where the present member's headers begin in a plain archive.
    int64_t header_position() const;

  private:
    ArchiveReader(std::string what, ArchiveBytes* bytes);
    [[noreturn]] void fail_broken() const;
    static la_ssize_t pull(archive*, void* self, const void** bytes);

    Utf8Locale locale_;
    std::string what_;
    std::unique_ptr<archive, Owned<archive_read_free>> reader_;
    ArchiveBytes* bytes_ = nullptr;
    std::exception_ptr trouble_;  // of bytes_, carried over libarchive
    archive_entry* entry_ = nullptr;
    std::string warning_;
};

}  // namespace lodge
