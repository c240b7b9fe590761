#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/config.h"
#include "engine/container/idmap.h"

namespace lodge {

// LxcFacts is all that the configuration for liblxc depends on besides the guest's own. A test
// writes it by hand; ct_facts() reads it off the machine.
struct LxcFacts {
    bool root = true;
    IdMap map;  // empty: privileged
    // Volume id -> the folder where it lies; and why it is not there.
    std::map<std::string, std::string> volumes;
    std::map<std::string, std::string> images;  // raw ones: volume id -> file
    std::map<std::string, std::string> volume_problems;
    std::string run_folder;  // guest_run_folder()
    std::string log_folder;  // guest_log_folder()
    // Control groups: the controllers of version 1 and of version 2, with the name of the group
    // that this Lodge's guests are in ("lodge"). Version 1 counts swap only when the kernel was
    // told to.
    std::set<std::string> groups1, groups2;
    std::string group = "lodge";
    bool swap_counted = true;
    // The file of weights among disks' users ("io.weight", "blkio.bfq.weight"), "" for none; and
    // why it has no effect now, "" when it has.
    std::string io_weight = "io.weight";
    std::string io_weight_problem;
    std::vector<int> processors;  // of this machine that are online
    bool apparmor = false;        // the kernel has it and it is on
    bool apparmor_parser = false;
    bool seccomp = true;
    // devN's path -> what it is; nothing for one that is not there.
    struct Device {
        char kind = 'c';  // 'c' or 'b'
        unsigned major = 0, minor = 0;
        bool operator==(const Device&) const = default;
    };
    std::map<std::string, Device> devices;
    std::vector<std::string> net;  // lines lxc.net.…, made elsewhere
};

// LxcConfig is what a container is started with: files in its run folder.
struct LxcConfig {
    std::string config;   // "config": for liblxc
    std::string seccomp;  // "seccomp": the system calls that are refused; "" for none
    // "devices": nodes that are made in <run>/dev, where only the container's monitor sees them:
    // "c 226 128 100000 100044 660 dri/renderD128"
    std::string devices;
    // "mounts": raw images that its monitor mounts in <run>/disk/<key>, where only it and the
    // container see them: "rootfs rw,noatime /var/lib/lodge/images/101/vm-101-disk-0.raw"
    std::string mounts;
    // "init": the words of its first program, when blanks alone do not part them; see
    // print_entry_words().
    std::string init;
    std::vector<std::string> warnings;  // keys that cannot be honoured, with the reason
};

// The configuration as a pure function of the guest's and facts. Throws Error when the container
// cannot be started at all as configured (its root file system is missing, …).
LxcConfig lxc_config(const Config& config, int id, const LxcFacts& facts);

// Who honours a key of the configuration that is no business of liblxc ("onboot", "unused"), or a
// part of one ("rootfs.size"), in words; "" for every other key. Each key of the schema changes
// what lxc_config() gives, or is here.
std::string_view ct_key_elsewhere(std::string_view key);

// The limits of one container by control group: file and value, in the order to write them, such
// as {"memory", "memory.max", "536870912"}; for the files of the version that the machine keeps
// the controller in. `warnings` gets what it keeps in none.
struct GroupLimit {
    std::string controller, file, value;
    bool operator==(const GroupLimit&) const = default;
};
std::vector<GroupLimit> ct_limits(const Config& config, int id, const LxcFacts& facts,
                                  std::vector<std::string>& warnings);

}  // namespace lodge
