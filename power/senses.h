#pragma once

#include <chrono>
#include <memory>

#include "engine/state/power_view.h"
#include "engine/state/senses.h"
#include "power/blockers.h"
#include "power/cost.h"
#include "power/heat.h"
#include "power/meter.h"
#include "power/residency.h"
#include "power/sensors.h"

namespace lodge {

// PowerSenses is the machine's heat and watts for a State: sensors, meters, idle states, blockers.
// What is not shown is not looked at; what is takes at most 2 ms of a processor a second.
class PowerSenses : public Senses {
  public:
    // `once`: for words that look twice and end, cost does not matter.
    PowerSenses(const Host& host, std::unique_ptr<SensorSource> chips,
                std::unique_ptr<PackageCounters> counters, bool once);

    const std::optional<SensorView>& hottest(Time now) override;
    std::optional<double> watts(Time now) override;
    std::vector<SensorView> sensors(Time now) override;
    std::shared_ptr<const PowerView> power(const Seen& seen, Time now) override;

    const PowerConfig& config() const { return config_; }

  private:
    void read_config(Time now);
    void look_at_tuning(Time now);
    void look_at_meters(PowerView& view, const Seen& seen, Time now);

    const Host& host_;
    PowerConfig config_;
    std::optional<Time> configured_, measured_;
    SensorLook sensors_;
    PowerMeters meters_;
    MeanWatts mean_;
    CoreIdle idle_;
    PackageIdle packages_;
    Frequencies frequencies_;
    Blockers blockers_;
    HeatLook heat_;
    Pace pace_, tuning_pace_;
    std::string profile_;
    std::vector<std::string> others_;
    uint64_t looks_ = 0;
    std::shared_ptr<const PowerView> view_;
};

// Those of the real machine.
std::unique_ptr<PowerSenses> power_senses(const Host& host, bool once = false);

}  // namespace lodge
