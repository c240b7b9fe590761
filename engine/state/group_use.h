#pragma once

#include "engine/state/counters.h"
#include "engine/state/kernel_file.h"

namespace lodge {

// GroupUseReader reads what a running guest's control groups count, again and again.
class GroupUseReader {
  public:
    explicit GroupUseReader(const GroupCounters& counters);
    GroupUse read();

  private:
    std::optional<Pressure> read_pressure();
    int64_t read_kills(const std::optional<GroupUse::Share>& memory);

    bool swap_with_memory_;
    std::string kills_file_;  // of version 1
    int reads_ = 0;
    int64_t killed_ = 0;
    KernelFile memory_, cache_, memory_limit_, swap_, swap_limit_, kills_, peak_, pids_,
        pids_limit_, quota_, period_, throttle_, cpu_pressure_, memory_pressure_, io_pressure_;
};

}  // namespace lodge
