#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/state/views.h"
#include "power/pace.h"
#include "power/sensor_chips.h"

namespace lodge {

// SensorLook reads sensor chips, thermal zones, fans' duty and the kernel's own fans.
class SensorLook {
  public:
    using Time = std::chrono::steady_clock::time_point;

    SensorLook(const Host& host, std::unique_ptr<SensorSource> chips);
    // The hottest of the processor's temperatures, read each five seconds; without any, the
    // hottest thermal zone, each half a minute.
    const std::optional<SensorView>& hottest(Time now);
    // Everything, as often as it may cost; with what each has read lately.
    const std::vector<SensorView>& all(Time now);

  private:
    std::vector<SensorView> zones(const std::vector<SensorView>& chips, bool all) const;
    void add_duties(std::vector<SensorView>& seen) const;
    void add_kernel_fans(std::vector<SensorView>& seen) const;
    void keep_history(Time now);

    const Host& host_;
    std::unique_ptr<SensorSource> chips_;
    std::optional<SensorView> hottest_;
    std::optional<Time> next_;
    Pace pace_;
    std::vector<SensorView> all_;
    std::optional<Time> kept_;
    std::map<std::string, std::shared_ptr<History>> histories_;
};

// Whether a temperature is that near to what it may be, or beyond, that a person should know: 5 °C.
bool is_near_limit(const SensorView& sensor);
// The lowest of a temperature's upper limits.
std::optional<double> limit_of(const SensorView& sensor);

}  // namespace lodge
