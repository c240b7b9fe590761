#pragma once

#include <string>

namespace lodge {

// GroupCounters is where the kernel counts what a running guest uses, when that is not its process
// alone but a control group: full paths, "" for none.
struct GroupCounters {
    std::string cpu;     // cpuacct.usage or cpu.stat
    std::string memory;  // memory.usage_in_bytes or memory.current
    std::string cache;   // memory.stat
    bool any() const { return !cpu.empty() || !memory.empty(); }
};

}  // namespace lodge
