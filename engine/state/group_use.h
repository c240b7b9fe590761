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

    bool swap_with_memory_;
    KernelFile memory_, cache_, memory_limit_, swap_, swap_limit_, kills_, pids_, pids_limit_,
        quota_, period_, throttle_, cpu_pressure_, memory_pressure_, io_pressure_;
};

}  // namespace lodge
