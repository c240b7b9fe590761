#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "engine/fd.h"

// Paths below a folder that a container or an archive wrote: whatever links lie there, none leads
// out.

namespace lodge {

// How links in the middle of a path are taken. With either, nothing outside the folder is reached.
enum class Links {
    refuse,  // openat2(2) RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS
    inside   // RESOLVE_IN_ROOT: as the container itself would see them
};

// The folder itself, for reading. Throws Error, naming it.
Fd open_folder(const std::string& folder);
// Opens a path below the folder; an empty Fd with errno set when it cannot. Throws
// Error(Exit::missing) when the kernel lacks openat2 (Linux 5.6).
Fd open_beneath(const Fd& folder, const std::string& path, int flags, Links links, mode_t mode = 0);
// The first `most` bytes of a regular file; "" when there is none, or it is something else.
std::string read_beneath(const Fd& folder, const std::string& path, size_t most = 65536);

// Removes all that is in the folder and not on another file system; the folder stays. However deep:
// it keeps one descriptor and a list of names. Throws Error.
void empty_folder(const Fd& folder);
// The name in the folder, with all below it. Nothing when it is not there.
void remove_below(const Fd& folder, const std::string& name);
// Names in the folder, without "." and ".."; ends at `most`.
std::vector<std::string> names_in(const Fd& folder, size_t most = SIZE_MAX);

}  // namespace lodge
