#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/state/power_view.h"
#include "power/pace.h"

namespace lodge {

class Host;
struct Seen;

// InterruptCount is a line of /proc/interrupts: how often on all CPUs together.
struct InterruptCount {
    std::string name;  // "127", "LOC"
    std::string what;  // "enp1s0", "Local timer interrupts"
    uint64_t count = 0;
};
std::vector<InterruptCount> parse_interrupts(std::string_view text);

// Timers of the kernel that are due within a second, by the function they call
// (/proc/timer_list, kernel/time/timer_list.c).
std::map<std::string, int> parse_timers(std::string_view text);

// Whatever it reads, it is files of sysfs and procfs that wake nothing: never a device's
// configuration space, which resumes the device (pci_config_pm_runtime_get).

// Devices whose link has no ASPM, or that may not be suspended.
std::vector<BlockerView> device_blockers(const Host& host);

// BusyLook counts interrupts, and how often each process was put on a processor, between two looks.
class BusyLook {
  public:
    using Time = std::chrono::steady_clock::time_point;
    explicit BusyLook(const Host& host) : host_(host) {}
    // The busiest, at least once a second; nothing at the first look. `seen` names guests.
    std::vector<BlockerView> look(const Seen& seen, Time now);

  private:
    void add_interrupts(std::vector<BlockerView>& found, double seconds);
    void add_processes(std::vector<BlockerView>& found, const Seen& seen, double seconds);
    uint64_t runs_of(const std::string& process, std::map<int, uint64_t>& tasks) const;

    const Host& host_;
    std::optional<Time> looked_;
    std::map<std::string, uint64_t> interrupts_;
    std::map<int, uint64_t> tasks_;  // by thread
};

// Blockers is who keeps the machine from idling deeper, looked at no oftener than it may cost.
class Blockers {
  public:
    using Time = std::chrono::steady_clock::time_point;
    Blockers(const Host& host, bool once)
        : host_(host),
          busy_(host),
          device_pace_(std::chrono::seconds(10), once ? 1 : 0.0003),
          busy_pace_(std::chrono::milliseconds(once ? 300 : 3000), once ? 1 : 0.0004) {}
    // blockers, blocker_notes.
    void look(PowerView& view, const Seen& seen, Time now);

  private:
    const Host& host_;
    BusyLook busy_;
    Pace device_pace_, busy_pace_;
    std::vector<BlockerView> devices_, busies_, timers_;
};

}  // namespace lodge
