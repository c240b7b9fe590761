#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "engine/host.h"

namespace lodge {

// WizardMeter is what the wizard compares by: the meter of the firmware, else a battery that
// empties, else the processor's own counters (RAPL, K: Documentation/power/powercap/powercap.rst).
class WizardMeter {
  public:
    using Time = std::chrono::steady_clock::time_point;
    explicit WizardMeter(const Host& host);
    bool measures() const { return !files_.empty(); }
    // The mean since the last call, or what it is now. nullopt at the first call of a counter, when
    // it began anew without a known range, and when it does not answer.
    std::optional<double> watts(Time now);

  private:
    struct Counter {
        long long range = 0, last = -1;
    };
    void find_counters();

    const Host& host_;
    std::vector<std::string> files_;
    std::vector<Counter> counters_;  // beside files_; empty: they say microwatts
    Time last_{};
};

}  // namespace lodge
