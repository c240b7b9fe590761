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
#include "engine/container/rootfs.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/units.h"

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
    limit.lim.max_rfer = static_cast<uint64_t>(bytes);
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

void run_snapshot(Work&, const Values& on) {
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

constexpr ActionKind kinds[] = {
    // path bytes uid gid [privileged]
    {"ct-volume-make", run_make, make_shell},
    // source path [read-only]
    {"ct-subvolume-snapshot", run_snapshot, snapshot_shell},
    // path
    {"ct-subvolume-remove", run_subvolume_remove, subvolume_remove_shell},
};

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

CtVolume next_ct_volume(Engine& engine, const Storage& storage, int guest, const Plan& plan) {
    if (const std::string why = storage.why_unusable(); !why.empty())
        throw Error(Exit::refused, why);
    if (!storage.holds("rootdir"))
        fail(Exit::refused, "storage {} holds no containers (rootdir is not in its content)",
             storage.id());
    for (int number = 0; number < 1000; ++number) {
        const std::string name = fmt::format("{0}/subvol-{0}-disk-{1}.subvol", guest, number);
        const std::string path = storage.path(name);
        if (!engine.host.exists(path) && !makes(plan, path))
            return {storage.id() + ":" + name, path};
    }
    fail(Exit::refused, "guest {} has a thousand volumes on {} already", guest, storage.id());
}

void plan_make_ct_volume(Engine&, const CtVolume& volume, int64_t bytes, const IdMap& map,
                         Plan& plan) {
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
                         int64_t bytes, const IdMap& map, bool read_only, Plan& plan) {
    if (engine.host.is_root() && is_on_btrfs(source) && is_on_btrfs(parent_of(volume.path))) {
        const std::string parent = parent_of(volume.path);
        plan.step("keep the place of " + volume.id,
                  {"mkdir", {{"path", parent}, {"mode", map.empty() ? "700" : "711"}}},
                  Action{"rmdir", {{"path", parent}}});
        Values on{{"source", source}, {"path", volume.path}};
        if (read_only) on.set({"read-only", true});
        plan.step("make " + volume.id + " as a difference to " + source,
                  {"ct-subvolume-snapshot", std::move(on)},
                  Action{"ct-subvolume-remove", {{"path", volume.path}}});
        return;
    }
    plan_make_ct_volume(engine, volume, bytes, map, plan);
    plan_rootfs(engine, {source, volume.path, file_map(engine.host, map), 0}, plan);
}

void plan_remove_ct_volume(Engine& engine, const std::string& path, const IdMap& map, Plan& plan) {
    if (engine.host.is_root() && is_on_btrfs(path)) {
        struct stat found {};
        // The root of a subvolume has that inode always (btrfs(5)).
        if (::stat(path.c_str(), &found) == 0 && found.st_ino == 256) {
            plan.step("remove " + path, {"ct-subvolume-remove", {{"path", path}}});
            plan.step("remove its parent, if it was the last",
                      {"rmdir", {{"path", parent_of(path)}}});
            return;
        }
    }
    plan.step("empty " + path, empty_rootfs(path, file_map(engine.host, map)));
    plan.step("remove it", {"rmdir", {{"path", path}}});
    plan.step("remove its parent, if it was the last", {"rmdir", {{"path", parent_of(path)}}});
}

}  // namespace lodge
