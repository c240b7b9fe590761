#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lodge {

// Mount is a line of /proc/self/mountinfo (proc(5)).
struct Mount {
    std::string device;  // "254:1"
    std::string root;    // the part of the file system that is mounted: "/" for all of it
    std::string point;   // where
    std::string type;    // "ext4"
    std::string source;  // "/dev/vda1", "server:/export"
    // Another machine, or a program, stands behind it: it may not answer.
    bool may_hang() const;
};

// In the order of mounting; lines that cannot be taken are left out.
std::vector<Mount> parse_mounts(std::string_view mountinfo);
// The mount that a full path lies in, by its letters alone; nullptr for none.
const Mount* mount_of(const std::vector<Mount>& mounts, std::string_view path);

}  // namespace lodge
