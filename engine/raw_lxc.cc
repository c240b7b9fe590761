#include "engine/raw_lxc.h"

#include <algorithm>
#include <array>
#include <utility>

namespace lodge {
namespace {

constexpr std::array<std::string_view, 67> kKnown = {"lxc.apparmor.allow_incomplete",
                                                     "lxc.apparmor.allow_nesting",
                                                     "lxc.apparmor.profile",
                                                     "lxc.apparmor.raw",
                                                     "lxc.arch",
                                                     "lxc.autodev",
                                                     "lxc.autodev.tmpfs.size",
                                                     "lxc.cap.drop",
                                                     "lxc.cap.keep",
                                                     "lxc.console.buffer.size",
                                                     "lxc.console.logfile",
                                                     "lxc.console.path",
                                                     "lxc.console.rotate",
                                                     "lxc.console.size",
                                                     "lxc.devtty.dir",
                                                     "lxc.environment",
                                                     "lxc.environment.hooks",
                                                     "lxc.environment.runtime",
                                                     "lxc.group",
                                                     "lxc.hook.autodev",
                                                     "lxc.hook.clone",
                                                     "lxc.hook.destroy",
                                                     "lxc.hook.mount",
                                                     "lxc.hook.post-stop",
                                                     "lxc.hook.pre-mount",
                                                     "lxc.hook.pre-start",
                                                     "lxc.hook.start",
                                                     "lxc.hook.start-host",
                                                     "lxc.hook.stop",
                                                     "lxc.hook.version",
                                                     "lxc.idmap",
                                                     "lxc.include",
                                                     "lxc.init.cmd",
                                                     "lxc.init.cwd",
                                                     "lxc.init.gid",
                                                     "lxc.init.groups",
                                                     "lxc.init.uid",
                                                     "lxc.kmsg",
                                                     "lxc.log.file",
                                                     "lxc.log.level",
                                                     "lxc.log.syslog",
                                                     "lxc.monitor.unshare",
                                                     "lxc.mount.auto",
                                                     "lxc.mount.entry",
                                                     "lxc.mount.fstab",
                                                     "lxc.no_new_privs",
                                                     "lxc.pty.max",
                                                     "lxc.rootfs.mount",
                                                     "lxc.seccomp.allow_nesting",
                                                     "lxc.seccomp.notify.cookie",
                                                     "lxc.seccomp.notify.proxy",
                                                     "lxc.seccomp.profile",
                                                     "lxc.selinux.context",
                                                     "lxc.selinux.context.keyring",
                                                     "lxc.signal.halt",
                                                     "lxc.signal.reboot",
                                                     "lxc.signal.stop",
                                                     "lxc.start.auto",
                                                     "lxc.start.delay",
                                                     "lxc.start.order",
                                                     "lxc.tty.dir",
                                                     "lxc.tty.max",
                                                     "lxc.uts.name",
                                                     "lxc.monitor.signal.pdeath",
                                                     "lxc.ephemeral",
                                                     "lxc.execute.cmd",
                                                     "lxc.time.offset.boot"};

constexpr std::array<std::string_view, 7> kPrefixes = {
    "lxc.cgroup2.",         "lxc.prlimit.",          "lxc.net.",
    "lxc.sysctl.fs.mqueue", "lxc.sysctl.kernel.msg", "lxc.sysctl.kernel.sem",
    "lxc.sysctl.kernel.shm"};

// Names that LXC 3 dropped, with what it has instead (the deprecation notes of LXC 2.1).
constexpr std::array<std::pair<std::string_view, std::string_view>, 20> kOld = {{
    {"lxc.aa_profile", "lxc.apparmor.profile"},
    {"lxc.aa_allow_incomplete", "lxc.apparmor.allow_incomplete"},
    {"lxc.se_context", "lxc.selinux.context"},
    {"lxc.seccomp", "lxc.seccomp.profile"},
    {"lxc.id_map", "lxc.idmap"},
    {"lxc.mount", "lxc.mount.fstab"},
    {"lxc.pts", "lxc.pty.max"},
    {"lxc.tty", "lxc.tty.max"},
    {"lxc.devttydir", "lxc.devtty.dir"},
    {"lxc.utsname", "lxc.uts.name"},
    {"lxc.haltsignal", "lxc.signal.halt"},
    {"lxc.rebootsignal", "lxc.signal.reboot"},
    {"lxc.stopsignal", "lxc.signal.stop"},
    {"lxc.init_cmd", "lxc.init.cmd"},
    {"lxc.init_uid", "lxc.init.uid"},
    {"lxc.init_gid", "lxc.init.gid"},
    {"lxc.console", "lxc.console.path"},
    {"lxc.loglevel", "lxc.log.level"},
    {"lxc.logfile", "lxc.log.file"},
    {"lxc.syslog", "lxc.log.syslog"},
}};

}  // namespace

std::string raw_lxc_problem(std::string_view key) {
    if (key == "lxc.rootfs.path" || key == "lxc.rootfs.options")
        return "the root file system is given by the key rootfs; this line is not used";
    if (std::find(kKnown.begin(), kKnown.end(), key) != kKnown.end()) return {};
    if (std::any_of(kPrefixes.begin(), kPrefixes.end(),
                    [&](std::string_view prefix) { return key.starts_with(prefix); }))
        return {};
    for (const auto& [old, now] : kOld)
        if (old == key) return "LXC 3 calls this " + std::string(now);
    if (key.starts_with("lxc.network.")) return "LXC 3 calls this lxc.net.<n>.…";
    if (key.starts_with("lxc.limit.")) return "LXC 3 calls this lxc.prlimit.…";
    if (key.starts_with("lxc.cgroup."))
        return "this is for cgroup v1; on a machine with cgroup v2 it is lxc.cgroup2.…";
    return "LXC has no such key";
}

}  // namespace lodge
