#pragma once

#include <cstdint>
#include <vector>

#include "engine/state/power_view.h"
#include "engine/state/views.h"
#include "power/power_config.h"

namespace lodge {

// MeanWatts is the mean of what was measured, each figure for as long as it stood.
class MeanWatts {
  public:
    // `seconds` since the figure before; longer than a minute counts as not seen.
    void add(double watts, double seconds);
    double watts() const { return seconds_ > 0 ? joules_ / seconds_ : 0; }
    double seconds() const { return seconds_; }

  private:
    double joules_ = 0, seconds_ = 0;
};

// What the watts come to over a day and a month of 365/12 days. `whole`: they are of the whole
// machine.
CostView cost_of(double watts, int64_t seconds, bool whole, const PowerConfig& config);

// Each guest's part, and the machine's own, by the processor time that each had of all that was
// busy: who has half of it has half of the energy, that of idling included. The parts add up. In
// the order of their size, the machine's own last.
std::vector<EnergyView> energy_shares(const Seen& seen, double watts);

}  // namespace lodge
