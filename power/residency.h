#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/state/power_view.h"

namespace lodge {

class Host;

// "0-3,8": numbers of CPUs as the kernel lists them (Documentation/admin-guide/cputopology.rst);
// empty when it is no such list.
std::vector<int> kernel_cpu_list(std::string_view text);

// Whether Linux runs in a virtual machine: its "hypervisor" flag.
bool is_virtual(const Host& host);

// CoreIdle tells how long the cores are in which idle state (Documentation/admin-guide/pm/
// cpuidle.rst). On a machine of many CPUs each look reads some of them, in turn.
class CoreIdle {
  public:
    using Time = std::chrono::steady_clock::time_point;
    explicit CoreIdle(const Host& host) : host_(host) {}
    // idle, idle_driver, no_idle, deepest.
    void look(PowerView& view, Time now);

  private:
    struct State {
        std::string name, about;
        int64_t latency = 0;
        uint64_t time = 0;  // µs
    };
    struct Cpu {
        std::vector<State> states;
        std::optional<Time> looked;
        std::vector<double> shares;  // beside states; empty at the first look
    };
    void read_cpu(int number, Time now);

    const Host& host_;
    std::map<int, Cpu> cpus_;
    size_t turn_ = 0;
};

// TickCounter is a counter of a package's idle state.
struct TickCounter {
    std::string name;    // "PC6"
    uint64_t ticks = 0;  // of the clock beside it
};
// PackageCounters reads those counters, of one package or more, and the clock they count in.
class PackageCounters {
  public:
    virtual ~PackageCounters() = default;
    struct Reading {
        std::vector<TickCounter> counters;  // in the same order each time
        uint64_t clock = 0;                 // ticks
    };
    virtual Reading read() = 0;
    virtual std::string source() const = 0;   // "perf cstate_pkg"
    virtual std::string trouble() const = 0;  // why there are none, "" when there are some
};
// The kernel's: perf's cstate_pkg (arch/x86/events/intel/cstate.c), else what ACPI's LPIT tells in
// sysfs (drivers/acpi/acpi_lpit.c), else the processor's registers by /dev/cpu/N/msr.
std::unique_ptr<PackageCounters> package_counters(const Host& host);

// PackageIdle tells how long the package as a whole was in which state.
class PackageIdle {
  public:
    explicit PackageIdle(std::unique_ptr<PackageCounters> counters)
        : counters_(std::move(counters)) {}
    // packages, package_source, no_packages, deepest_package.
    void look(PowerView& view);

  private:
    std::unique_ptr<PackageCounters> counters_;
    PackageCounters::Reading last_;
};

// Frequencies reads what cpufreq tells of each CPU, some of them a look on a large machine.
class Frequencies {
  public:
    explicit Frequencies(const Host& host) : host_(host) {}
    // cpus, driver, no_frequencies.
    void look(PowerView& view);

  private:
    void read_policy(const std::string& policy);

    const Host& host_;
    std::map<int, CpuView> cpus_;
    size_t turn_ = 0;
};

}  // namespace lodge
