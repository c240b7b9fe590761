#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lodge {

// GroupCounters is where the kernel counts what a running guest uses, and what it may use, when
// that is not its process alone but control groups: full paths, "" for none. Of version 1 and 2
// (cgroup-v1/memory.rst, cgroup-v1/pids.rst, scheduler/sched-bwc.rst, cgroup-v2.rst in the kernel's
// Documentation).
struct GroupCounters {
    std::string cpu;               // cpuacct.usage or cpu.stat
    std::string memory;            // memory.usage_in_bytes or memory.current
    std::string cache;             // memory.stat
    std::string memory_limit;      // memory.limit_in_bytes or memory.max
    std::string swap, swap_limit;  // memory.swap.*; of version 1 memory and swap together
    bool swap_with_memory = false;
    std::string kills;             // memory.oom_control or memory.events
    std::string pids, pids_limit;  // pids.current, pids.max
    std::string quota, period;     // cpu.cfs_quota_us, cpu.cfs_period_us; or cpu.max, ""
    std::string throttle;          // cpu.stat
    std::string pressure;          // the folder of cpu.pressure, memory.pressure, io.pressure
    bool any() const { return !cpu.empty() || !memory.empty(); }
};

// Pressure is how much of the last ten seconds some task waited, 0…1 (Documentation/accounting/
// psi.rst).
struct Pressure {
    double cpu = 0, memory = 0, io = 0;
};

// GroupUse is what a running guest uses of what its control groups allow. What is not counted, or
// has no limit, is an empty optional.
struct GroupUse {
    struct Share {
        int64_t used = 0;
        std::optional<int64_t> limit;
    };
    // Bytes, without what the kernel can take back at once; bytes; processes with their threads.
    std::optional<Share> memory, swap, pids;
    std::optional<double> cpus;       // processors' worth of time
    std::optional<double> throttled;  // seconds that it waited for that limit since its start
    int64_t killed = 0;               // processes killed for want of memory since its start
    std::optional<Pressure> pressure;
};
// "out of memory: 3 killed"; "" when nothing was.
std::string killed_words(const GroupUse& use);
// A line of words for each thing that is counted: "Memory", "412M of 2.0G" ….
std::vector<std::pair<std::string, std::string>> use_lines(const GroupUse& use);

}  // namespace lodge
