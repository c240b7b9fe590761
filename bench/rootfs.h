#pragma once

#include <vector>

#include "bench/measure.h"

namespace lodge::bench {

// A container's root filesystem of a 300 MB archive, beside tar: the same files, and all of them on
// the disk at the end. Plain and packed with zstd; with the numbers of users shifted. Needs root.
std::vector<Row> rootfs_rows();

}  // namespace lodge::bench
