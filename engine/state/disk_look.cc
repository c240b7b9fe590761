#include "engine/state/disk_look.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "engine/host.h"
#include "engine/units.h"

namespace lodge {
namespace {

using namespace std::chrono_literals;

// Disks come and go rarely; what they are called is read anew this often.
constexpr auto disks_hold = 10s;

bool space_at(const std::string& point, FileSystemView& view) {
    struct statvfs found {};
    if (::statvfs(point.c_str(), &found) != 0) return false;
    const auto block = static_cast<int64_t>(found.f_frsize);
    view.total = static_cast<int64_t>(found.f_blocks) * block;
    view.used = view.total - static_cast<int64_t>(found.f_bfree) * block;
    view.available = static_cast<int64_t>(found.f_bavail) * block;
    return view.total > 0;
}

}  // namespace

void DiskLook::read_disks(Time now) {
    if (read_ && now - *read_ < disks_hold) return;
    read_ = now;
    disks_.clear();
    const std::string folder = host_.system("/sys/block");
    for (const std::string& name : host_.list(folder)) {
        const std::string path = folder + "/" + name;
        // Loop devices, RAM disks and what is made of other disks have no hardware behind them.
        if (!host_.exists(path + "/device")) continue;
        DiskView disk;
        disk.name = name;
        disk.model = trim(host_.read_line(path + "/device/model"));
        disk.size = parse_integer(host_.read_line(path + "/size")).value_or(0) * 512;
        disk.rotational = host_.read_line(path + "/queue/rotational") == "1";
        disk.removable = host_.read_line(path + "/removable") == "1";
        // An empty card reader or DVD drive.
        if (disk.size > 0) disks_.push_back(std::move(disk));
    }
    std::erase_if(meters_, [&](const auto& entry) {
        return std::none_of(disks_.begin(), disks_.end(),
                            [&](const DiskView& disk) { return disk.name == entry.first; });
    });
}

void DiskLook::look(Seen& seen, Time now) {
    read_disks(now);
    seen.disks = disks_;
    const std::string text = host_.read(host_.system("/proc/diskstats")).value_or("");
    for (const DiskFigures& figures : disk_figures(text)) {
        const auto disk = std::find_if(seen.disks.begin(), seen.disks.end(),
                                       [&](const auto& one) { return one.name == figures.name; });
        if (disk == seen.disks.end()) continue;
        Meters& meters = meters_[disk->name];
        disk->read = meters.read.rate(static_cast<double>(figures.read), now);
        disk->write = meters.write.rate(static_cast<double>(figures.written), now);
        disk->busy = meters.busy.rate(static_cast<double>(figures.busy) / 1000, now);
        if (disk->busy) disk->busy = std::min(*disk->busy, 1.0);
    }
    add_file_systems(seen);
}

// A device of the kernel's name, or those it is made of (LVM, RAID, encryption).
void DiskLook::add_disks_below(const std::string& name, int depth,
                               std::vector<std::string>& found) const {
    const std::string whole = host_.system("/sys/block/" + name);
    const auto add = [&](const std::string& disk) {
        if (std::find(found.begin(), found.end(), disk) == found.end()) found.push_back(disk);
    };
    if (host_.exists(whole)) {
        const auto slaves = host_.list(whole + "/slaves");
        if (slaves.empty()) return add(name);
        for (const std::string& slave : slaves)
            if (depth < 8) add_disks_below(slave, depth + 1, found);
        return;
    }
    for (const DiskView& disk : disks_)
        if (host_.exists(host_.system("/sys/block/" + disk.name + "/" + name)))
            return add(disk.name);
}

std::vector<std::string> DiskLook::disks_of(const Mount& mount) const {
    // Some file systems (btrfs) have a device number of their own: their source names the disk.
    std::error_code none;
    const auto link =
        std::filesystem::read_symlink(host_.system("/sys/dev/block/" + mount.device), none);
    const std::string name =
        none ? mount.source.substr(mount.source.rfind('/') + 1) : link.filename().string();
    std::vector<std::string> found;
    add_disks_below(name, 0, found);
    return found;
}

void DiskLook::add_file_systems(Seen& seen) {
    seen.other_file_systems.clear();
    std::set<std::string> sources;
    const std::string text = host_.read(host_.system("/proc/self/mountinfo")).value_or("");
    for (const Mount& mount : parse_mounts(text)) {
        const bool on_disk = mount.source.starts_with("/dev/") || mount.type == "zfs";
        // Mounted read-only from a file: an image, not a disk's.
        if (!on_disk || mount.may_hang() || mount.type == "squashfs") continue;
        if (!sources.insert(mount.source).second) continue;
        FileSystemView view{mount.source, mount.point, mount.type, 0, 0, 0};
        if (!space_at(mount.point, view)) continue;
        bool placed = false;
        for (const std::string& name : disks_of(mount)) {
            for (DiskView& disk : seen.disks) {
                if (disk.name != name) continue;
                disk.file_systems.push_back(view);
                placed = true;
            }
        }
        if (!placed) seen.other_file_systems.push_back(std::move(view));
    }
}

}  // namespace lodge
