#include "engine/container/volume.h"

#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "engine/container/container.h"
#include "engine/container/image.h"
#include "engine/container/rootfs.h"
#include "engine/container/volume_root.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/storage/device_storage.h"
#include "engine/store.h"
#include "engine/units.h"
#include "engine/vm/change.h"
#include "engine/vm/creation.h"

namespace lodge {
namespace {

std::string parent_of(const std::string& path) {
    return path.substr(0, path.rfind('/'));
}

// The nearest folder above that is there: where a new one will lie.
std::string standing(std::string folder) {
    while (folder.size() > 1 && ::access(folder.c_str(), F_OK) != 0)
        folder = parent_of(folder).empty() ? "/" : parent_of(folder);
    return folder;
}

Fd open_parent(const std::string& path) {
    Fd fd(::open(parent_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) fail_errno(errno, "cannot open " + parent_of(path));
    return fd;
}

// ioctl(2) of btrfs, linux/btrfs.h.
bool make_subvolume(const std::string& path) {
    const Fd parent = open_parent(path);
    btrfs_ioctl_vol_args wish{};
    std::strncpy(wish.name, path.substr(path.rfind('/') + 1).c_str(), sizeof wish.name - 1);
    return ::ioctl(parent.get(), BTRFS_IOC_SUBVOL_CREATE, &wish) == 0;
}

// Only where quotas are on; the answer says whether the limit holds.
bool limit_subvolume(const std::string& path, int64_t bytes) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    btrfs_ioctl_qgroup_limit_args limit{};
    limit.lim.flags = BTRFS_QGROUP_LIMIT_MAX_RFER;
    // All ones lift it (btrfs-qgroup(8), fs/btrfs/qgroup.c).
    limit.lim.max_rfer = bytes > 0 ? static_cast<uint64_t>(bytes) : UINT64_MAX;
    return fd && ::ioctl(fd.get(), BTRFS_IOC_QGROUP_LIMIT, &limit) == 0;
}

void make_way(const Host& host, const std::string& path, bool privileged) {
    const std::string parent = parent_of(path);
    host.make_folder(parent);
    // A container's own root may make programs that run as root: this machine's users must not
    // reach them. An unprivileged one's root has to pass, and is nobody here.
    if (::chmod(parent.c_str(), privileged ? 0700 : 0711) != 0)
        fail_errno(errno, "cannot set the mode of " + parent);
    if (!privileged && host.is_root())
        for (std::string folder = parent_of(parent); folder.size() > host.state_folder().size();
             folder = parent_of(folder)) {
            struct stat found {};
            if (::stat(folder.c_str(), &found) == 0 && (found.st_mode & 0111) != 0111)
                ::chmod(folder.c_str(), (found.st_mode & 07777) | 0111);
        }
}

void run_make(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const std::string& path = on.text("path");
    make_way(host, path, on.flag("privileged"));
    const bool btrfs = is_on_btrfs(parent_of(path));
    if (!(btrfs ? make_subvolume(path) : ::mkdir(path.c_str(), 0755) == 0))
        fail_errno(errno, "cannot make " + path);
    const int64_t bytes = on.integer("bytes", 0);
    if (bytes > 0 && !(btrfs && limit_subvolume(path, bytes)))
        work.say(fmt::format("its size of {} is not enforced: {}", print_size(bytes),
                             btrfs ? "this btrfs has no quotas (btrfs quota enable)"
                                   : "folders of this file system have none"));
    if (host.is_root()) {
        if (::chown(path.c_str(), static_cast<uid_t>(on.integer("uid", 0)),
                    static_cast<gid_t>(on.integer("gid", 0))) != 0)
            fail_errno(errno, "cannot hand over " + path);
    }
    if (::chmod(path.c_str(), 0755) != 0) fail_errno(errno, "cannot set the mode of " + path);
}
std::string make_shell(const Values& on) {
    return fmt::format("btrfs subvolume create {0} || install -d -m 755 -o {1} -g {2} {0}",
                       shell_quote(on.text("path")), on.text("uid"), on.text("gid"));
}

std::string no_quota_words(int64_t bytes) {
    return fmt::format(
        "its size of {} is not enforced: this btrfs has no quotas (btrfs quota enable)",
        print_size(bytes));
}

void run_snapshot(Work& work, const Values& on) {
    const std::string& path = on.text("path");
    const Fd source(::open(on.text("source").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!source) fail_errno(errno, "cannot open " + on.text("source"));
    const Fd parent = open_parent(path);
    btrfs_ioctl_vol_args_v2 wish{};
    wish.fd = source.get();
    if (on.flag("read-only")) wish.flags = BTRFS_SUBVOL_RDONLY;
    std::strncpy(wish.name, path.substr(path.rfind('/') + 1).c_str(), sizeof wish.name - 1);
    if (::ioctl(parent.get(), BTRFS_IOC_SNAP_CREATE_V2, &wish) != 0)
        fail_errno(errno,
                   fmt::format("cannot make a snapshot of {} as {}", on.text("source"), path));
    if (const int64_t bytes = on.integer("bytes", 0); bytes > 0 && !limit_subvolume(path, bytes))
        work.say(no_quota_words(bytes));
}
std::string snapshot_shell(const Values& on) {
    std::vector<std::string> words{"btrfs", "subvolume", "snapshot"};
    if (on.flag("read-only")) words.emplace_back("-r");
    words.insert(words.end(), {on.text("source"), on.text("path")});
    return shell_line(words);
}

void run_subvolume_remove(Work&, const Values& on) {
    const std::string& path = on.text("path");
    if (::access(path.c_str(), F_OK) != 0) return;
    const Fd parent = open_parent(path);
    btrfs_ioctl_vol_args wish{};
    std::strncpy(wish.name, path.substr(path.rfind('/') + 1).c_str(), sizeof wish.name - 1);
    if (::ioctl(parent.get(), BTRFS_IOC_SNAP_DESTROY, &wish) != 0)
        fail_errno(errno, "cannot remove the subvolume " + path);
}
std::string subvolume_remove_shell(const Values& on) {
    return shell_line({"btrfs", "subvolume", "delete", on.text("path")});
}

// 0 takes the limit away.
void run_limit(Work& work, const Values& on) {
    const int64_t bytes = on.integer("bytes");
    const std::string& path = on.text("path");
    if (!is_on_btrfs(path)) return;
    if (!limit_subvolume(path, bytes)) work.say(no_quota_words(bytes));
}
std::string limit_shell(const Values& on) {
    const int64_t bytes = on.integer("bytes");
    return shell_line(
        {"btrfs", "qgroup", "limit", bytes > 0 ? std::to_string(bytes) : "none", on.text("path")});
}

constexpr ActionKind kinds[] = {
    // path bytes uid gid [privileged]
    {"ct-volume-make", run_make, make_shell},
    // source path [read-only] [bytes]
    {"ct-subvolume-snapshot", run_snapshot, snapshot_shell},
    // path bytes
    {"ct-volume-limit", run_limit, limit_shell},
    // path
    {"ct-subvolume-remove", run_subvolume_remove, subvolume_remove_shell},
};

// The top of a subvolume has that inode always (btrfs(5)).
bool is_subvolume(const std::string& path) {
    struct stat found {};
    return ::stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode) && found.st_ino == 256 &&
           is_on_btrfs(path);
}

// By the file system's own number: stat(2) and statfs(2) give each subvolume another one.
std::string btrfs_number(const std::string& path) {
    const Fd fd(::open(standing(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    btrfs_ioctl_fs_info_args facts{};
    if (!fd || ::ioctl(fd.get(), BTRFS_IOC_FS_INFO, &facts) != 0) return "";
    return {reinterpret_cast<const char*>(facts.fsid), sizeof facts.fsid};
}

bool on_one_btrfs(const std::string& path, const std::string& other) {
    const std::string number = btrfs_number(path);
    return !number.empty() && number == btrfs_number(parent_of(other));
}

bool makes(const Plan& plan, const std::string& path) {
    return std::any_of(plan.steps.begin(), plan.steps.end(),
                       [&](const Step& step) { return step.action.on.text("path", "") == path; });
}

}  // namespace

std::span<const ActionKind> ct_volume_actions() {
    return kinds;
}

bool is_on_btrfs(const std::string& folder) {
    struct statfs found {};
    return ::statfs(standing(folder).c_str(), &found) == 0 && found.f_type == BTRFS_SUPER_MAGIC;
}

IdMap file_map(const Host& host, const IdMap& map) {
    return host.is_root() ? IdMap{} : map;
}

CtFormat ct_format_for(Engine& engine, const Storage& storage, int64_t bytes,
                       std::string_view wish) {
    const Host& host = engine.host;
    if (device_storage(storage)) {
        if (!wish.empty() && wish != "raw")
            fail(Exit::usage, "--format {} is not allowed on {}: its volumes are raw",
                 printable(wish), storage.id());
        if (bytes <= 0)
            fail(Exit::usage, "a volume on {} needs a size: --disk {}:8", storage.id(),
                 storage.id());
        return CtFormat::device;
    }
    if (wish == "subvol") return CtFormat::folder;
    if (wish == "raw") {
        if (!host.is_root())
            fail(Exit::refused, "only root mounts raw images: a container of yours is a folder");
        if (bytes <= 0) fail(Exit::usage, "a raw image needs a size: --disk 8G");
        return CtFormat::image;
    }
    if (!wish.empty())
        fail(Exit::usage, "--format {} is not allowed for a container: raw or subvol",
             printable(wish));
    const std::string top = storage.options().text("path", "");
    const bool can = host.is_root() && host.exists(host.system("/dev/loop-control")) &&
                     host.program("mkfs.ext4").has_value();
    return bytes > 0 && can && !is_on_btrfs(top) ? CtFormat::image : CtFormat::folder;
}

CtVolume next_ct_volume(Engine& engine, const Storage& storage, int guest, const Plan& plan,
                        CtFormat format) {
    if (const std::string why = storage.why_unusable(); !why.empty())
        throw Error(Exit::refused, why);
    if (!storage.holds("rootdir"))
        fail(Exit::refused, "storage {} holds no containers (rootdir is not in its content)",
             storage.id());
    if (format == CtFormat::device) {
        Plan probe = plan;
        const std::string id = storage.plan_allocate(probe, guest, 1 << 20, "raw");
        return {id, storage.path(id.substr(storage.id().size() + 1)), format};
    }
    for (int number = 0; number < 1000; ++number) {
        // One number, one volume.
        const std::string folder = fmt::format("{0}/subvol-{0}-disk-{1}.subvol", guest, number);
        const std::string image = fmt::format("{0}/vm-{0}-disk-{1}.raw", guest, number);
        const auto is_free = [&](const std::string& name) {
            const std::string path = storage.path(name);
            return !engine.host.exists(path) && !makes(plan, path);
        };
        if (!is_free(folder) || !is_free(image)) continue;
        const std::string& name = format == CtFormat::image ? image : folder;
        return {storage.id() + ":" + name, storage.path(name), format};
    }
    fail(Exit::refused, "guest {} has a thousand volumes on {} already", guest, storage.id());
}

void plan_make_ct_volume(Engine& engine, const CtVolume& volume, int64_t bytes, const IdMap& map,
                         Plan& plan) {
    if (volume.format == CtFormat::image) return plan_make_image(engine, volume, bytes, map, plan);
    if (volume.format == CtFormat::device)
        return plan_make_device(engine, volume, bytes, map, plan);
    Values on{{"path", volume.path},
              {"bytes", bytes},
              {"uid", int64_t{map.outside_uid(0).value_or(0)}},
              {"gid", int64_t{map.outside_gid(0).value_or(0)}}};
    if (map.empty()) on.set({"privileged", true});
    if (bytes > 0 && !is_on_btrfs(parent_of(volume.path)))
        plan.warn(
            fmt::format("size {} is not enforced: folders of the file system at {} have no "
                        "quotas that Lodge sets",
                        print_size(bytes), standing(parent_of(volume.path))));
    // When it was the first, its parent is of no use either.
    const std::string parent = parent_of(volume.path);
    plan.step("keep the place of " + volume.id, {"mkdir", {{"path", parent}}},
              Action{"rmdir", {{"path", parent}}});
    plan.step("make the volume " + volume.id, {"ct-volume-make", std::move(on)},
              Action{"rmdir", {{"path", volume.path}}});
}

void plan_copy_ct_volume(Engine& engine, const std::string& source, const CtVolume& volume,
                         int64_t bytes, const IdMap& map, bool read_only, Plan& plan, int running) {
    if (volume.format == CtFormat::image)
        return plan_copy_image(engine, source, volume, read_only, running, plan);
    if (engine.host.is_root() && is_subvolume(source) && on_one_btrfs(source, volume.path)) {
        const std::string parent = parent_of(volume.path);
        plan.step("keep the place of " + volume.id,
                  {"mkdir", {{"path", parent}, {"mode", map.empty() ? "700" : "711"}}},
                  Action{"rmdir", {{"path", parent}}});
        Values on{{"source", source}, {"path", volume.path}};
        if (read_only) on.set({"read-only", true});
        if (bytes > 0) on.set({"bytes", bytes});
        plan.step("make " + volume.id + " as a difference to " + source,
                  {"ct-subvolume-snapshot", std::move(on)},
                  Action{"ct-subvolume-remove", {{"path", volume.path}}});
        return;
    }
    plan_make_ct_volume(engine, volume, bytes, map, plan);
    plan_rootfs(engine, {source, volume.path, file_map(engine.host, map), 0}, plan);
}

void plan_remove_ct_volume(Engine& engine, const std::string& path, const IdMap& map, Plan& plan,
                           const std::string& like) {
    const std::string& sample = like.empty() ? path : like;
    const auto parent = [&] {
        plan.step("remove its parent, if it was the last", {"rmdir", {{"path", parent_of(path)}}});
    };
    if (is_image_volume(sample)) {
        plan.step("delete " + path, {"remove", {{"path", path}}});
        return parent();
    }
    if (engine.host.is_root() && is_subvolume(sample)) {
        plan.step("remove " + path, {"ct-subvolume-remove", {{"path", path}}});
        return parent();
    }
    plan.step("empty " + path, empty_rootfs(path, file_map(engine.host, map)));
    plan.step("remove it", {"rmdir", {{"path", path}}});
    parent();
}

std::string plan_new_mount(Engine& engine, int guest, const IdMap& map, const std::string& key,
                           const std::string& value, Plan& plan) {
    const std::string wanted = volume_of(value);
    const size_t colon = wanted.find(':');
    if (colon == std::string::npos || colon == 0 || wanted.front() == '/' ||
        !parse_number(wanted.substr(colon + 1)))
        return value;
    const Storage& storage = engine.storages.get(wanted.substr(0, colon));
    const int64_t bytes = disk_size(wanted.substr(colon + 1));
    const CtFormat format = ct_format_for(engine, storage, bytes, "");
    const CtVolume volume = next_ct_volume(engine, storage, guest, plan, format);
    plan_make_ct_volume(engine, volume, bytes, map, plan);
    std::string named = value;
    named.replace(named.find(wanted), wanted.size(), volume.id);
    Properties parts = Properties::parse(*container_schema().find(key), named);
    parts.set("size", print_size(bytes));
    return parts.print();
}

}  // namespace lodge
