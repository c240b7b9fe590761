#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <thread>

#include "engine/cgroup.h"
#include "engine/container/life.h"
#include "engine/container/use.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/scope.h"
#include "engine/units.h"

// A container's control groups: liblxc makes them, with limits; Lodge reads them, and takes away
// what a monitor that was killed leaves.

namespace lodge {
namespace {

using std::chrono::milliseconds;

// Below the kernel's root for root; a user's are below the group that they were started in.
std::string below(const Host& host, int id) {
    if (host.is_root()) return fmt::format("/{}/{}", guests_group(host), id);
    const std::string own = host.read_line(guest_run_folder(host, id) + "/group");
    return own.empty() ? "" : fmt::format("{}/{}/{}", own, guests_group(host), id);
}

// The group of version 2 that a process is in.
std::string group_of(const Host& host, const std::string& pid) {
    for (const std::string& line :
         split(host.read(host.system("/proc/" + pid + "/cgroup")).value_or(""), '\n'))
        if (line.starts_with("0::")) return line.substr(3);
    return "";
}

bool put(const std::string& file, std::string_view value) {
    const Fd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
    return fd &&
           ::write(fd.get(), value.data(), value.size()) == static_cast<ssize_t>(value.size());
}

void kill_all(const Host& host, const std::string& folder) {
    for (const std::string& line : split(host.read(folder + "/cgroup.procs").value_or(""), '\n'))
        if (const auto pid = parse_integer(line); pid && *pid > 1)
            if (const auto process = identify(host, static_cast<pid_t>(*pid)))
                if (const Fd pidfd = open_process(host, *process); pidfd)
                    signal_process(pidfd, SIGKILL);
}

// Removes a group with those in it, which only rmdir does.
void remove_group(const Host& host, const std::string& folder, bool kill) {
    std::error_code trouble;
    for (auto it = std::filesystem::directory_iterator(folder, trouble);
         !trouble && it != std::filesystem::directory_iterator(); it.increment(trouble))
        if (it->is_directory(trouble)) remove_group(host, it->path().string(), kill);
    for (int tries = 0; ::rmdir(folder.c_str()) != 0 && errno == EBUSY && tries < 100; ++tries) {
        if (kill) kill_all(host, folder);
        std::this_thread::sleep_for(milliseconds(2));
    }
}

}  // namespace

std::string ct_group(const Host& host, int id, std::string_view controller) {
    const std::string mine = below(host, id);
    if (mine.empty()) return "";
    const GroupRoots roots = group_roots(host);
    if (const auto root = roots.version1.find(std::string(controller));
        root != roots.version1.end())
        return root->second + mine;
    if (roots.controllers2.contains(std::string(controller))) return roots.version2 + mine;
    return "";
}

std::string ct_group2(const Host& host, int id) {
    const std::string mine = below(host, id);
    const std::string root = group_roots(host).version2;
    return mine.empty() || root.empty() ? "" : root + mine;
}

std::string delegated_group(const Host& host) {
    const std::string root = group_roots(host).version2, own = group_of(host, "self");
    const bool given = !root.empty() && !own.empty() &&
                       ::access((root + own + "/cgroup.procs").c_str(), W_OK) == 0;
    return given ? own : "";
}

std::string user_systemd_group(const Host& host) {
    if (host.is_root()) return "";
    // user@.service and the slices that it is in have these names everywhere (user@.service(5)).
    const auto user = host.uid();
    const std::string group = fmt::format("/user.slice/user-{0}.slice/user@{0}.service", user);
    const std::string root = group_roots(host).version2;
    const bool runs = host.exists(host.system(fmt::format("/run/user/{}/systemd/private", user)));
    return runs && !root.empty() && host.exists(root + group) ? group : "";
}

std::string make_own_scope(const Host& host, const std::string& unit, pid_t pid) {
    const Bus bus = open_bus(false);
    ScopeRequest request(bus.get(), unit, {pid}, {}, true);
    request.finish(std::chrono::seconds(30));
    return group_of(host, std::to_string(pid));
}

CtGroups ct_groups(const Host& host, int id) {
    const std::string mine = below(host, id);
    if (mine.empty()) return {};
    GroupRoots roots = group_roots(host);
    CtGroups groups;
    for (const auto& [controller, root] : roots.version1)
        groups.version1[controller] = root + mine;
    if (!roots.version2.empty()) groups.version2 = roots.version2 + mine;
    groups.controllers2 = std::move(roots.controllers2);
    return groups;
}

bool ct_is_frozen(const Host& host, int id) {
    if (const std::string folder = ct_group(host, id, "freezer"); !folder.empty())
        return host.read_line(folder + "/freezer.state") == "FROZEN";
    const std::string folder = ct_group2(host, id);
    const std::string events =
        folder.empty() ? "" : host.read(folder + "/cgroup.events").value_or("");
    return events.find("frozen 1") != std::string::npos;
}

void ct_freeze(const Host& host, int id, bool frozen) {
    const std::string version1 = ct_group(host, id, "freezer"), version2 = ct_group2(host, id);
    const std::string file =
        version1.empty() ? version2 + "/cgroup.freeze" : version1 + "/freezer.state";
    const std::string_view value = version1.empty() ? (frozen ? "1" : "0")
                                   : frozen         ? "FROZEN"
                                                    : "THAWED";
    if (version1.empty() && version2.empty())
        fail(Exit::missing, "the container has no control group by which it could be paused");
    if (!put(file, value)) fail_errno(errno, fmt::format("cannot write {} to {}", value, file));
    for (int tries = 0; ct_is_frozen(host, id) != frozen; ++tries) {
        if (tries == 1000)
            fail(Exit::failed, "{} says no '{}' after 10 s: a process waits for a device", file,
                 value);
        // Version 1 freezes one process after the other: one that waits for another that is frozen
        // already (vfork) never comes to the place where it would stop. Let go, it does.
        if (frozen && !version1.empty() && tries % 100 == 99) {
            put(file, "THAWED");
            std::this_thread::sleep_for(milliseconds(10));
            put(file, value);
        }
        std::this_thread::sleep_for(milliseconds(tries < 20 ? 1 : 10));
    }
}

void remove_ct_groups(const Host& host, int id) {
    const std::string mine = below(host, id);
    if (mine.empty()) return;
    const GroupRoots roots = group_roots(host);
    std::set<std::string> tops;
    for (const auto& [controller, folder] : roots.version1)
        tops.insert(folder);
    if (!roots.version2.empty()) tops.insert(roots.version2);
    for (const std::string& top : tops) {
        // What is frozen does not die; what dies elsewhere first leaves less to do here.
        if (host.exists(top + mine + "/freezer.state"))
            put(top + mine + "/freezer.state", "THAWED");
        remove_group(host, top + mine, true);
        remove_group(host, top + mine + ".monitor", false);
        remove_group(host, top + mine + ".end", false);
        // The last guest out; others' groups in it keep it.
        ::rmdir((top + mine.substr(0, mine.rfind('/'))).c_str());
    }
}

namespace {

// Where version 1 refuses a limit below what is used, version 2 kills (cgroup-v2.rst, memory.max):
// the kernel is asked to take back what it can (memory.reclaim, since Linux 5.19), and what then
// still does not fit is refused here.
bool leaves_room(const Host& host, const std::string& folder, const std::string& file,
                 const std::string& value) {
    const auto wanted = parse_integer(value);
    if (file != "memory.max" || !wanted) return true;
    const auto used = [&] {
        return parse_integer(host.read_line(folder + "/memory.current")).value_or(0);
    };
    if (const int64_t now = used(); now > *wanted)
        put(folder + "/memory.reclaim", std::to_string(now - *wanted));
    const bool fits = used() <= *wanted;
    errno = EBUSY;
    return fits;
}

}  // namespace

Action ct_limits_action(int id, const std::vector<GroupLimit>& limits) {
    Values on{{"guest", id}};
    for (const GroupLimit& limit : limits)
        on.add("limits", fmt::format("{} {} {}", limit.controller, limit.file, limit.value));
    return {"ct-limits", std::move(on)};
}

void run_ct_limits(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const int id = static_cast<int>(on.integer("guest"));
    auto left = on.list("limits");
    std::string trouble;
    // Memory, and memory with swap, must be changed in the order that keeps the one below the
    // other, which differs between more and less: what is refused is tried again after the rest.
    for (size_t round = 0; round < 2 && !left.empty(); ++round) {
        std::vector<std::string> refused;
        for (const std::string& line : left) {
            const auto first = line.find(' '), second = line.find(' ', first + 1);
            const std::string folder = ct_group(host, id, line.substr(0, first));
            const std::string file = folder + "/" + line.substr(first + 1, second - first - 1);
            if (folder.empty()) continue;
            const std::string value = line.substr(second + 1);
            if (leaves_room(host, folder, line.substr(first + 1, second - first - 1), value) &&
                put(file, value))
                continue;
            trouble = fmt::format("cannot write {} to {}: {}", value, file, errno_words(errno));
            refused.push_back(line);
        }
        left = std::move(refused);
    }
    if (!left.empty())
        fail(Exit::failed, "{}{}", trouble,
             trouble.find("memory") == std::string::npos
                 ? ""
                 : "; less memory than the container uses now cannot be set while it runs");
}

}  // namespace lodge
