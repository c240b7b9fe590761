#include <unistd.h>

#include <algorithm>

#include "engine/container/container.h"
#include "engine/container/life.h"
#include "engine/container/net.h"
#include "engine/container/use.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/life/ending.h"
#include "engine/state/figures.h"
#include "engine/state/group_use.h"
#include "engine/store.h"
#include "engine/units.h"
#include "engine/vm/change.h"
#include "engine/vm/life.h"
#include "engine/vm/scrollback.h"
#include "engine/vm/vm.h"

// How a container is, by files of the run folder and of the kernel: nobody has to be asked.

namespace lodge {
namespace {

using std::chrono::milliseconds;

class CtFollowing : public Following {
  public:
    std::optional<ProcessId> process(const Host& host, int id) const override {
        return ct_process(host, id);
    }
    Sighting sighting(Engine& engine, const Guest& guest, const std::optional<ProcessId>& process,
                      const Said& said) const override {
        constexpr int64_t mib = 1 << 20;
        const Host& host = engine.host;
        Sighting seen;
        seen.memory_limit = guest.config.integer("memory") * mib;
        if (process) {
            seen.pid = process->pid;
            const AboutRun about = vm_about(host, guest.id);
            seen.state = ct_is_frozen(host, guest.id) ? GuestState::paused
                         : about.started              ? GuestState::running
                                                      : GuestState::starting;
            // A start that was killed saw nothing run, and nobody else writes that it does.
            if (seen.state == GuestState::starting && said.job == 0)
                if (const auto init = ct_init(host, *process);
                    init && ct_has_begun(host, *process, *init))
                    seen.state = GuestState::running;
            seen.notes = about.notes;
            // A container that talks for months is not attached to and not started: whoever looks
            // tidies up.
            trim_scrollback(guest_log_folder(host, guest.id) + "/serial0.log");
        } else {
            clean_if_ended(engine, guest.id, ct_clean, seen);
            note_last_end(host, guest.id, "its monitor was killed", seen);
        }
        if (has_pending(guest.config)) seen.notes.emplace_back("pending changes");
        if (const auto lock = guest.config.current.get("lock"))
            seen.notes.push_back(*lock == "mounted" ? "mounted at " + ct_mount_place(host, guest.id)
                                                    : "lock: " + printable(*lock));
        return seen;
    }
    std::vector<std::string> macs(const Guest& guest) const override {
        std::vector<std::string> macs;
        for (const std::string& key : guest.config.indexed("net"))
            macs.push_back(ct_mac(guest.config, guest.id, key));
        return macs;
    }
};

// One look at what a list shows: the same files that are followed while someone looks all the time.
void look_at_figures(const Host& host, const Guest& guest, const GroupCounters& counters,
                     Sighting& seen) {
    if (!counters.cpu.empty())
        seen.cpu_seconds = group_cpu_seconds(host.read(counters.cpu).value_or(""));
    if (!counters.memory.empty()) {
        const auto used = static_cast<int64_t>(number_of(host.read(counters.memory).value_or("")));
        seen.memory_resident =
            std::max<int64_t>(used - group_cache(host.read(counters.cache).value_or("")), 0);
    }
    const auto monitor = ct_process(host, guest.id);
    const double uptime =
        parse_number(split(host.read_line(host.system("/proc/uptime")), ' ').front()).value_or(0);
    if (monitor)
        seen.uptime = std::max<int64_t>(
            0, static_cast<int64_t>(uptime - static_cast<double>(monitor->start) /
                                                 static_cast<double>(::sysconf(_SC_CLK_TCK))));
}

}  // namespace

const Schema& CtKind::schema() const {
    return container_schema();
}

std::optional<ProcessId> ct_process(const Host& host, int id) {
    return vm_process(host, id);
}

GroupCounters ct_counters(const Host& host, int id) {
    GroupCounters counters;
    const CtGroups groups = ct_groups(host, id);
    const auto version1 = [&](const char* controller) {
        const auto found = groups.version1.find(controller);
        return found == groups.version1.end() ? std::string() : found->second + "/";
    };
    const std::string two = groups.version2.empty() ? "" : groups.version2 + "/";
    const auto has2 = [&](const char* controller) {
        return groups.controllers2.contains(controller);
    };
    if (const std::string cpu = version1("cpuacct"); !cpu.empty())
        counters.cpu = cpu + "cpuacct.usage";
    else if (!two.empty())
        counters.cpu = two + "cpu.stat";
    if (const std::string memory = version1("memory"); !memory.empty()) {
        counters.memory = memory + "memory.usage_in_bytes";
        counters.cache = memory + "memory.stat";
        counters.memory_limit = memory + "memory.limit_in_bytes";
        counters.swap = memory + "memory.memsw.usage_in_bytes";
        counters.swap_limit = memory + "memory.memsw.limit_in_bytes";
        counters.swap_with_memory = true;
        counters.kills = memory + "memory.oom_control";
    } else if (has2("memory")) {
        counters.memory = two + "memory.current";
        counters.cache = two + "memory.stat";
        counters.memory_limit = two + "memory.max";
        counters.swap = two + "memory.swap.current";
        counters.swap_limit = two + "memory.swap.max";
        counters.kills = two + "memory.events";
    }
    const std::string pids = has2("pids") ? two : version1("pids");
    if (!pids.empty()) {
        counters.pids = pids + "pids.current";
        counters.pids_limit = pids + "pids.max";
    }
    if (const std::string cpu = version1("cpu"); !cpu.empty()) {
        counters.quota = cpu + "cpu.cfs_quota_us";
        counters.period = cpu + "cpu.cfs_period_us";
        counters.throttle = cpu + "cpu.stat";
    } else if (has2("cpu")) {
        counters.quota = two + "cpu.max";
        counters.throttle = two + "cpu.stat";
    }
    counters.pressure = groups.version2;
    return counters;
}

std::optional<GroupUse> ct_use(const Host& host, int id) {
    const GroupCounters counters = ct_counters(host, id);
    return counters.any() ? std::optional(GroupUseReader(counters).read()) : std::nullopt;
}

const Following* CtKind::following() const {
    static const CtFollowing following;
    return &following;
}

Sighting CtKind::look(Engine& engine, const Guest& guest) const {
    const auto process = ct_process(engine.host, guest.id);
    Sighting seen = following()->sighting(engine, guest, process, {});
    if (process) look_at_figures(engine.host, guest, ct_counters(engine.host, guest.id), seen);
    return seen;
}

}  // namespace lodge
