#include <unistd.h>

#include <algorithm>

#include "engine/container/container.h"
#include "engine/container/life.h"
#include "engine/container/net.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/life/ending.h"
#include "engine/state/figures.h"
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
    const std::string memory = ct_group(host, id, "memory"), cpu = ct_group(host, id, "cpuacct"),
                      cpu2 = ct_group2(host, id);
    if (!cpu.empty())
        counters.cpu = cpu + "/cpuacct.usage";
    else if (!cpu2.empty())
        counters.cpu = cpu2 + "/cpu.stat";
    if (memory.empty()) return counters;
    const std::string file = memory + "/memory.usage_in_bytes";
    counters.memory = host.exists(file) ? file : memory + "/memory.current";
    counters.cache = memory + "/memory.stat";
    return counters;
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
