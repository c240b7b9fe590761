#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "engine/container/archive_reader.h"
#include "engine/container/root_writer.h"

namespace lodge {

// ExtractLimits is how much an archive may hold: it comes from somebody else.
struct ExtractLimits {
    int64_t bytes = 0;    // of content; 0: what the folder's file system has left
    int64_t members = 0;  // 0: as many as it has inodes left, at most most_members
    static constexpr int64_t most_members = 4'000'000;
    static constexpr int64_t largest_file = int64_t{4} << 40;  // a sparse one, holes included
};
// The same with what the folder's file system has left in place of each 0.
ExtractLimits limits_in(const Fd& folder, ExtractLimits given);

// Extraction is how the members of one archive go to a RootWriter.
struct Extraction {
    std::string what;  // begins the words of every Error
    ExtractLimits limits;
    // Hears how many bytes of the archive are read. May throw, which ends it.
    std::function<void(int64_t)> told = {};
    // Whether the member is to be made; empty makes all.
    std::function<bool(const Member&)> wanted = {};
    bool may_be_empty = false;       // a layer that changes nothing
    int64_t bytes = 0, members = 0;  // so far, counted on over several archives
};

// Reads a tar archive, plain or compressed (by its first bytes: gzip, xz, zstd, bzip2, lzma, lz4),
// from the descriptor's present place and makes its members. Returns libarchive's words on what it
// could not take as it is, "" for none. Throws Error: refused for what is no archive, a broken one,
// one that is too large, and any member that leads out of the root.
std::string extract_tar(int fd, RootWriter& writer, Extraction& extraction);
std::string extract_tar(ArchiveBytes& bytes, RootWriter& writer, Extraction& extraction);

}  // namespace lodge
