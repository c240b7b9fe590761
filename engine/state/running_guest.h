#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "engine/fd.h"
#include "engine/loop.h"
#include "engine/process.h"
#include "engine/state/counters.h"
#include "engine/state/figures.h"
#include "engine/state/group_use.h"
#include "engine/state/kernel_file.h"
#include "engine/state/views.h"

namespace lodge {

// RunningGuest follows one running guest by its process: what it uses, and its last minutes.
class RunningGuest {
  public:
    using Time = std::chrono::steady_clock::time_point;

    // `counters`: of a guest that is more than its process, also when nothing counts it.
    RunningGuest(const Host& host, const ProcessId& process,
                 const std::optional<GroupCounters>& counters = {});

    const ProcessId& process() const { return process_; }
    // Calls `ended` when the process ends, at once.
    void watch(Loop& loop, std::function<void()> ended);

    // Bytes that its taps have carried, as the host counts them.
    struct Traffic {
        uint64_t from_guest = 0, to_guest = 0;
    };
    // Puts the process's figures into the view. `uptime` is the machine's, in seconds. False when
    // the process has ended.
    bool look(Time now, double uptime, const std::optional<Traffic>& traffic, GuestView& view);

  private:
    void sample(Time now, const GuestView& view);
    void look_at_counters(Time now, GuestView& view);

    ProcessId process_;
    Fd pidfd_;
    Loop::Source end_;
    KernelFile stat_, memory_, io_;
    bool counted_ = false;  // by files of its control groups, if at all
    KernelFile group_cpu_, group_memory_, group_cache_;
    std::optional<GroupUseReader> use_reader_;
    std::optional<GroupUse> use_;  // as last read
    Time used_{};
    TickMeter cpu_;
    Meter read_, write_, in_, out_;
    std::shared_ptr<GuestHistory> history_ = std::make_shared<GuestHistory>();
    std::optional<Time> sampled_;
};

}  // namespace lodge
