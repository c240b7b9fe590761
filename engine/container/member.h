#pragma once

#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/container/idmap.h"

namespace lodge {

// Member is one thing of a root filesystem, as an archive or a folder that it comes from has it.
struct Member {
    enum class Kind { file, folder, link, hard_link, fifo, socket, device };
    std::string path;  // as it is written there: "./etc/hosts"
    Kind kind = Kind::file;
    uint32_t uid = 0, gid = 0;  // as inside the container
    mode_t mode = 0;            // the lower 12 bits
    timespec modified = {};
    int64_t size = 0;    // of a file, bytes
    std::string target;  // of a link; of a hard link the other member's path
    unsigned major = 0, minor = 0;
    // Extended attributes with the kernel's names and values, ids as inside the container.
    std::vector<std::pair<std::string, std::string>> attributes;
};

// The parts of a member's path without "." and empty ones; empty for the root itself. False when it
// leads out: absolute, or with "..".
bool split_member_path(std::string_view path, std::vector<std::string_view>& parts);

// The value of system.posix_acl_* with its ids as the map has them outside (layout:
// linux/posix_acl_xattr.h). False when it is none, or names an id that the map does not hold.
bool shift_acl(std::string& value, const IdMap& map);
// The value of security.capability for a file in a user namespace whose root is `root` outside:
// version 2 becomes version 3 (capabilities(7), "Namespaced file capabilities"). False when the
// value is none of the two.
bool shift_capability(std::string& value, uint32_t root);

// What the device is that a member wants to be.
enum class DeviceNode { usual, below_dev, other };
// usual: null, zero, full, random, urandom, tty, console or ptmx with its own number, wherever a
// chroot of some service keeps it; below_dev: in dev/, where a container gets its own.
DeviceNode judge_device(const Member& member);

}  // namespace lodge
