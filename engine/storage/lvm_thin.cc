#include "engine/storage/lvm_thin.h"

#include <algorithm>

#include "engine/error.h"
#include "engine/host.h"
#include "engine/units.h"

// What a thin pool holds: names, paths, listing, space. What is changed in it: lvm_thin_plan.cc.

namespace lodge {
namespace {

constexpr auto fresh = std::chrono::seconds(10);
// From here on a pool is nearly full, in percent.
constexpr double much = 85;

}  // namespace

LvmThinStorage::LvmThinStorage(const Host& host, std::string id, Values options)
    : DeviceStorage(std::move(id), "lvmthin", std::move(options)), host_(host) {}

std::string LvmThinStorage::why_unusable() const {
    if (!enabled()) return fmt::format("storage {} is disabled in storage.cfg", id());
    for (const char* key : {"vgname", "thinpool"}) {
        const std::string name = options().text(key, "");
        if (name.empty()) return fmt::format("storage {} has no {} in storage.cfg", id(), key);
        if (!is_lvm_name(name))
            return fmt::format("storage {}: {} '{}' is no name that LVM allows", id(), key,
                               printable(name));
    }
    if (!host_.is_root()) return fmt::format("storage {}: only root can use LVM", id());
    if (!host_.program("lvs"))
        return fmt::format("storage {} needs the program lvs (package {})", id(),
                           package_of("lvs"));
    return {};
}

void LvmThinStorage::require_usable(std::string_view what) const {
    if (const std::string why = why_unusable(); !why.empty())
        fail(Exit::refused, "cannot {}: {}", what, why);
}

LvmThinStorage::Volumes LvmThinStorage::look(std::string_view what) const {
    require_usable(what);
    Volumes volumes = list_logical_volumes(host_, group());
    (void)pool(volumes);
    return volumes;
}

const LogicalVolume& LvmThinStorage::pool(const Volumes& volumes) const {
    const LogicalVolume* found = find_volume(volumes, pool_name());
    if (!found)
        fail(Exit::missing, "storage {}: there is no thin pool {}/{}", id(), group(), pool_name());
    if (found->kind != 't')
        fail(Exit::refused, "storage {}: {}/{} is no thin pool (lvs calls it '{}')", id(), group(),
             pool_name(), found->kind);
    return *found;
}

const LogicalVolume& LvmThinStorage::seen_pool() const {
    const auto now = std::chrono::steady_clock::now();
    if (seen_.empty() || now - seen_at_ > fresh) {
        seen_ = look("see how much is free");
        seen_at_ = now;
    }
    return pool(seen_);
}

StorageSpace LvmThinStorage::space() const {
    const LogicalVolume& all = seen_pool();
    StorageSpace space;
    space.total = all.size;
    space.used = all.used();
    space.available = all.size - space.used;
    return space;
}

std::string LvmThinStorage::warning() const {
    const LogicalVolume& all = seen_pool();
    // lvs(8), the 9th mark of lv_attr.
    if (all.health == 'D') return "it is full: what guests write is lost";
    if (all.health == 'M') return "its metadata is read-only: lvconvert --repair";
    if (all.health == 'F') return "it has failed";
    if (all.metadata_percent > much)
        return fmt::format("its metadata is {:.0f} % full: lvextend --poolmetadatasize",
                           all.metadata_percent);
    return "";
}

std::string LvmThinStorage::path(std::string_view name) const {
    if (!lvm_owner(name))
        fail(Exit::usage, "'{}' is not the name of a volume on {}", printable(name), id());
    return fmt::format("/dev/{}/{}", group(), name);
}

VolumeInfo LvmThinStorage::describe(const LogicalVolume& one) const {
    VolumeInfo volume;
    volume.id = id() + ":" + one.name;
    volume.path = fmt::format("/dev/{}/{}", group(), one.name);
    volume.format = "raw";
    volume.content = "images";
    volume.owner = lvm_owner(one.name).value_or(0);
    volume.size = one.size;
    volume.used = one.used();
    // The blocks of a base that is gone live on in its clones: it needs nothing of it.
    if (one.origin.starts_with("base-")) volume.backing = id() + ":" + one.origin;
    return volume;
}

VolumeInfo LvmThinStorage::info(std::string_view name) const {
    const std::string at = path(name);
    const Volumes volumes = look("look at " + id() + ":" + printable(name));
    const LogicalVolume* found = find_volume(volumes, name);
    if (!found) fail(Exit::not_found, "there is no volume {}:{} ({} is not there)", id(), name, at);
    if (found->kind != 'V' || found->pool != pool_name())
        fail(Exit::refused, "{}:{} is no volume: {}/{} is no thin volume of the pool {}", id(),
             name, group(), name, pool_name());
    return describe(*found);
}

std::vector<VolumeInfo> LvmThinStorage::list() const {
    std::vector<VolumeInfo> volumes;
    for (const LogicalVolume& one : look("list " + id()))
        if (one.kind == 'V' && one.pool == pool_name() && lvm_owner(one.name))
            volumes.push_back(describe(one));
    return volumes;
}

std::string LvmThinStorage::name_of(const VolumeInfo& volume) const {
    const auto named = VolumeId::parse(volume.id);
    if (!named || named->storage != id())
        fail(Exit::refused, "{} is no volume of {}", printable(volume.id), id());
    (void)path(named->name);
    return named->name;
}

bool LvmThinStorage::can_snapshot(const VolumeInfo& volume) const {
    return !name_of(volume).starts_with("base-");
}

bool LvmThinStorage::has_snapshot(const VolumeInfo& volume, std::string_view name) const {
    const Volumes volumes = look("look at " + volume.id);
    return find_volume(volumes, lvm_snapshot_name(name_of(volume), name)) != nullptr;
}

VolumeInfo LvmThinStorage::snapshot_volume(const VolumeInfo& disk, std::string_view name) const {
    const Volumes volumes = look("look at " + disk.id);
    const std::string wanted = lvm_snapshot_name(name_of(disk), name);
    const LogicalVolume* found = find_volume(volumes, wanted);
    if (!found)
        fail(Exit::not_found, "{} has no snapshot {} ({}/{} is not there)", disk.id,
             printable(name), group(), wanted);
    VolumeInfo volume = describe(*found);
    volume.owner = disk.owner;
    return volume;
}

void LvmThinStorage::warn_of_space(Plan& plan, const Volumes& volumes, int64_t more) const {
    const LogicalVolume& all = pool(volumes);
    const std::string name = fmt::format("{}/{}", group(), pool_name());
    const auto full = [](double percent) { return percent > much; };
    if (full(all.data_percent) || full(all.metadata_percent))
        plan.warn(
            fmt::format("the thin pool {} is {:.0f} % full (its metadata {:.0f} %): when it "
                        "is full, what guests write fails",
                        name, all.data_percent, all.metadata_percent));
    int64_t promised = more;
    for (const LogicalVolume& one : volumes)
        if (one.kind == 'V' && one.pool == pool_name() && lvm_owner(one.name)) promised += one.size;
    if (promised > all.size)
        plan.warn(
            fmt::format("the volumes of the thin pool {} may grow to {} together, and it has "
                        "{}: see that it does not run full",
                        name, short_size(promised), short_size(all.size)));
}

void LvmThinStorage::require_room(const Volumes& volumes, int64_t bytes,
                                  const std::string& what) const {
    const LogicalVolume& all = pool(volumes);
    if (const int64_t left = all.size - all.used(); bytes > left)
        fail(Exit::missing, "cannot {}: it takes {} and the thin pool {}/{} has only {} left", what,
             short_size(bytes), group(), pool_name(), short_size(left));
}

}  // namespace lodge
