#include <algorithm>
#include <map>
#include <set>

#include "engine/error.h"
#include "engine/host.h"
#include "engine/state/mounts.h"
#include "engine/units.h"
#include "passthrough/inventory.h"

// What of the system lies on which disk: file systems, swap and pools, up through partitions, LVM,
// md, encryption and btrfs.

namespace lodge {
namespace {

const std::string kBlock = "/sys/class/block";

struct Block {
    std::string name, folder, number;  // "sda1", its real path, "8:1"
    std::string title;                 // what device-mapper calls it, else the name
    std::vector<std::string> above;    // partitions and holders
};

struct Disks {
    const Host& host;
    std::map<std::string, Block> blocks;
    std::vector<Mount> mounts;
    std::map<std::string, std::vector<std::string>> btrfs;  // a device -> all of its file system
    std::vector<std::string> swaps;
};

Block read_block(const Host& host, const std::string& name) {
    Block block;
    block.name = block.title = name;
    block.folder = real_path(host, kBlock + "/" + name);
    const std::string folder = host.system(kBlock + "/" + name);
    block.number = host.read_line(folder + "/dev");
    block.above = host.list(folder + "/holders");
    if (const std::string title = host.read_line(folder + "/dm/name"); !title.empty())
        block.title = title;
    return block;
}

Disks read_disks(const Host& host) {
    Disks disks{host, {}, {}, {}, {}};
    for (const std::string& name : host.list(host.system(kBlock)))
        disks.blocks[name] = read_block(host, name);
    for (auto& [name, block] : disks.blocks) {
        const size_t slash = block.folder.rfind('/');
        if (slash == std::string::npos) continue;
        const std::string above = block.folder.substr(0, slash);
        const auto disk = disks.blocks.find(above.substr(above.rfind('/') + 1));
        if (disk != disks.blocks.end()) disk->second.above.push_back(name);
    }
    disks.mounts = parse_mounts(host.read(host.system("/proc/self/mountinfo")).value_or(""));
    for (const std::string& line : split(host.read(host.system("/proc/swaps")).value_or(""), '\n'))
        if (line.starts_with("/dev/"))
            disks.swaps.push_back(line.substr(0, line.find_first_of(" \t")));
    // A btrfs that spans devices: mountinfo names one of them.
    for (const std::string& id : host.list(host.system("/sys/fs/btrfs"))) {
        const auto members = host.list(host.system("/sys/fs/btrfs/" + id + "/devices"));
        for (const std::string& member : members)
            disks.btrfs[member] = members;
    }
    return disks;
}

// The block and all that is built on it, each once.
std::vector<const Block*> tower(const Disks& disks, const std::string& name) {
    std::vector<const Block*> all;
    std::set<std::string> known{name};
    std::vector<std::string> next{name};
    while (!next.empty()) {
        const auto found = disks.blocks.find(next.back());
        next.pop_back();
        if (found == disks.blocks.end()) continue;
        all.push_back(&found->second);
        for (const std::string& above : found->second.above)
            if (known.insert(above).second) next.push_back(above);
    }
    return all;
}

// "/dev/mapper/vg0-root", "/dev/sda2", "/dev/dm-0" all name a block.
bool names_block(std::string_view path, const Block& block) {
    return path == "/dev/" + block.name || path == "/dev/mapper/" + block.title;
}

bool is_mounted_on(const Disks& disks, const Mount& mount, const Block& block) {
    if (mount.device == block.number) return true;
    if (mount.type != "btrfs") return false;
    for (const auto& [device, all] : disks.btrfs) {
        const auto known = disks.blocks.find(device);
        if (known == disks.blocks.end() || !names_block(mount.source, known->second)) continue;
        return std::find(all.begin(), all.end(), block.name) != all.end();
    }
    return names_block(mount.source, block);
}

// ID_FS_TYPE and ID_FS_LABEL, as udev found them (systemd: src/udev/udev-builtin-blkid.c).
std::string udev_value(const Host& host, const Block& block, std::string_view name) {
    const auto text = host.read(host.system("/run/udev/data/b" + block.number));
    for (const std::string& line : split(text.value_or(""), '\n'))
        if (line.starts_with("E:" + std::string(name) + "=")) return line.substr(name.size() + 3);
    return "";
}

bool lies_in(const Disks& disks, const Mount& mount, const std::string& folder) {
    const Mount* found = mount_of(disks.mounts, folder);
    return found && found->point == mount.point && found->device == mount.device;
}

// Why the machine cannot be without what is mounted there; "" when it can.
std::string why_needed(const Disks& disks, const Mount& mount) {
    if (mount.point == "/") return "the root file system lies on it";
    for (const char* point : {"/boot", "/boot/efi", "/efi", "/usr", "/var"})
        if (mount.point == point) return fmt::format("{} lies on it", point);
    if (lies_in(disks, mount, disks.host.state_folder()) ||
        lies_in(disks, mount, disks.host.config_folder()))
        return fmt::format("Lodge's own files lie on it ({})", mount.point);
    return "";
}

// A pool or an array that has the disk without a file system of its own to see.
void add_member(const Disks& disks, const Block& block, Use& use) {
    const std::string type = udev_value(disks.host, block, "ID_FS_TYPE");
    if (type != "zfs_member") return;
    const std::string pool = udev_value(disks.host, block, "ID_FS_LABEL");
    use.what.push_back(fmt::format("part of the ZFS pool {}", pool));
    if (disks.host.exists(disks.host.system("/proc/spl/kstat/zfs/" + pool)) && use.needed.empty())
        use.needed = fmt::format("the ZFS pool {} is in use on it", pool);
}

Use use_of(const Disks& disks, const std::string& disk) {
    Use use{UseKind::disk, disk, {}, "", kBlock + "/" + disk};
    std::set<std::string> told;
    for (const Block* block : tower(disks, disk)) {
        const std::string on = block->name == disk ? "" : " on " + block->title;
        for (const Mount& mount : disks.mounts) {
            if (!is_mounted_on(disks, mount, *block)) continue;
            if (!told.insert(mount.point).second) continue;
            use.what.push_back(fmt::format("{} ({}){}", mount.point, mount.type, on));
            const std::string why = why_needed(disks, mount);
            if (!why.empty() && (use.needed.empty() || mount.point == "/")) use.needed = why;
        }
        for (const std::string& swap : disks.swaps) {
            if (!names_block(swap, *block)) continue;
            use.what.push_back("swap" + on);
            if (use.needed.empty()) use.needed = "swap lies on it";
        }
        add_member(disks, *block, use);
    }
    // What is mounted and not the system's can be unmounted first, but is not to be torn away.
    return use;
}

}  // namespace

void find_disk_uses(const Host& host, Inventory& inventory) {
    const Disks disks = read_disks(host);
    for (const auto& [name, block] : disks.blocks) {
        if (block.folder.find("/virtual/") != std::string::npos) continue;
        if (host.exists(host.system(kBlock + "/" + name + "/partition"))) continue;
        PciFunction* function = function_above(inventory, block.folder);
        UsbDevice* device = usb_above(inventory, block.folder);
        if (!function && !device) continue;
        const Use use = use_of(disks, name);
        if (function) function->uses.push_back(use);
        if (device) device->uses.push_back(use);
    }
}

}  // namespace lodge
