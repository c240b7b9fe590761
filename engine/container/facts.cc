#include "engine/container/facts.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "engine/cgroup.h"
#include "engine/container/net.h"
#include "engine/container/use.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/storage/device_storage.h"
#include "engine/units.h"
#include "engine/vm/life.h"

namespace lodge {
namespace {

std::set<std::string> words_of(std::string_view text, char separator) {
    std::set<std::string> words;
    for (const std::string& word : split(text, separator))
        if (!trim(word).empty()) words.emplace(trim(word));
    return words;
}

void note_folder(Engine& engine, const std::string& volume, LxcFacts& facts) {
    if (volume.empty()) return;
    try {
        const std::string path =
            volume.starts_with('/') ? volume : engine.storages.info(volume).path;
        const bool device = device_storage(engine.storages, volume) != nullptr;
        if (device && !engine.host.exists(path)) {
            facts.images[volume] = path;  // the start activates it first
            return;
        }
        struct stat found {};
        if (::stat(path.c_str(), &found) != 0)
            facts.volume_problems[volume] = errno_words(errno);
        else if (S_ISDIR(found.st_mode))
            facts.volumes[volume] = path;
        else if (!(S_ISREG(found.st_mode) && path.ends_with(".raw")) &&
                 !(S_ISBLK(found.st_mode) && device))
            facts.volume_problems[volume] =
                "it is a device or a disk image of another format; Lodge starts containers from "
                "folders and raw images";
        else if (!facts.root)
            facts.volume_problems[volume] = "it is a disk image, which only root mounts";
        else
            facts.images[volume] = path;
    } catch (const Error& error) {
        facts.volume_problems[volume] = error.what();
    }
}

void note_volumes(Engine& engine, const Config& config, LxcFacts& facts) {
    if (const auto root = config.properties("rootfs"))
        note_folder(engine, root->text("volume"), facts);
    for (const std::string& key : config.indexed("mp"))
        if (const auto parts = config.properties(key))
            note_folder(engine, parts->text("volume"), facts);
}

void note_devices(const Host& host, const Config& config, LxcFacts& facts) {
    for (const std::string& key : config.indexed("dev")) {
        const auto parts = config.properties(key);
        const std::string path = parts ? parts->text("path") : "";
        struct stat found {};
        if (path.empty() || ::stat(host.system(path).c_str(), &found) != 0) continue;
        if (!S_ISCHR(found.st_mode) && !S_ISBLK(found.st_mode)) continue;
        facts.devices[path] = {S_ISBLK(found.st_mode) ? 'b' : 'c', major(found.st_rdev),
                               minor(found.st_rdev)};
    }
}

// A user's groups are in what their systemd gives over, else in the one that they are in, when that
// was given over to them.
void note_own_groups(const Host& host, const GroupRoots& roots, LxcFacts& facts) {
    std::string own = user_systemd_group(host);
    if (own.empty()) own = delegated_group(host);
    if (!own.empty())
        facts.groups2 = words_of(host.read_line(roots.version2 + own + "/cgroup.controllers"), ' ');
}

// Which files groups have for it is seen at the root, which has none of them itself: bfq's counters
// in version 1 (block/bfq-cgroup.c), blk-iocost's switch in version 2 (cgroup-v2.rst).
void note_io_weight(const Host& host, const GroupRoots& roots, LxcFacts& facts) {
    bool bfq = false;
    for (const std::string& disk : host.list(host.system("/sys/block")))
        bfq =
            bfq ||
            host.read_line(host.system("/sys/block/" + disk + "/queue/scheduler")).find("[bfq]") !=
                std::string::npos;
    const std::string no_bfq = "no disk of this machine is served by bfq (/sys/block/…/scheduler)";
    facts.io_weight.clear();
    if (const auto old = roots.version1.find("blkio"); old != roots.version1.end()) {
        if (!host.exists(old->second + "/blkio.bfq.io_service_bytes")) return;
        facts.io_weight = "blkio.bfq.weight";
        if (!bfq) facts.io_weight_problem = no_bfq;
        return;
    }
    // Debian's kernel has both, and the one that serves a disk is the one that counts.
    const auto cost = host.read(roots.version2 + "/io.cost.qos");
    const bool costs = cost && cost->find("enable=1") != std::string::npos;
    if (bfq && !costs) {
        facts.io_weight = "io.bfq.weight";
    } else if (cost) {
        facts.io_weight = "io.weight";
        if (!costs)
            facts.io_weight_problem =
                "no disk of this machine is served by bfq (/sys/block/…/scheduler), and "
                "io.cost.qos is on for none";
    } else if (host.exists(host.system("/sys/module/bfq"))) {
        facts.io_weight = "io.bfq.weight";
        facts.io_weight_problem = no_bfq;
    }
}

}  // namespace

GroupRoots group_roots(const Host& host) {
    GroupRoots roots;
    // Fields of a line: device, mount point, type, options (proc(5), fstab(5)).
    for (const std::string& line :
         split(host.read(host.system("/proc/self/mounts")).value_or(""), '\n')) {
        const auto fields = split(line, ' ');
        if (fields.size() < 4) continue;
        if (fields[2] == "cgroup2" && roots.version2.empty()) {
            roots.version2 = host.system(fields[1]);
            roots.controllers2 =
                words_of(host.read_line(roots.version2 + "/cgroup.controllers"), ' ');
        }
        if (fields[2] != "cgroup") continue;
        static const std::set<std::string> known = {"blkio",   "cpu",     "cpuacct", "cpuset",
                                                    "devices", "freezer", "memory",  "pids"};
        for (const std::string& option : split(fields[3], ','))
            if (known.contains(option))
                roots.version1.emplace(option, host.system(fields[1]));
            else if (option == "name=systemd")
                roots.version1.emplace(option, host.system(fields[1]));
    }
    return roots;
}

LxcFacts ct_facts(Engine& engine, const Guest& guest) {
    const Host& host = engine.host;
    LxcFacts facts;
    facts.root = host.is_root();
    facts.map = id_map_of(host, guest.config);
    note_volumes(engine, guest.config, facts);
    note_devices(host, guest.config, facts);
    facts.run_folder = guest_run_folder(host, guest.id);
    facts.log_folder = guest_log_folder(host, guest.id);
    facts.group = guests_group(host);
    const GroupRoots roots = group_roots(host);
    if (facts.root) {
        for (const auto& [controller, folder] : roots.version1)
            facts.groups1.insert(controller);
        facts.groups2 = roots.controllers2;
    } else {
        note_own_groups(host, roots, facts);
    }
    if (const auto memory = roots.version1.find("memory"); memory != roots.version1.end())
        facts.swap_counted = host.exists(memory->second + "/memory.memsw.limit_in_bytes");
    if (guest.config.current.has("ioweight")) note_io_weight(host, roots, facts);
    facts.processors =
        parse_cpu_list(host.read_line(host.system("/sys/devices/system/cpu/online")));
    facts.apparmor = host.read_line(host.system("/sys/module/apparmor/parameters/enabled")) == "Y";
    facts.apparmor_parser = host.program("apparmor_parser").has_value();
    facts.seccomp = host.exists(host.system("/proc/sys/kernel/seccomp/actions_avail"));
    facts.net = ct_net_lines(guest.config, ct_net_facts(engine, guest));
    return facts;
}

}  // namespace lodge
