#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/state/views.h"

namespace lodge {

class Host;

// SensorSource reads sensor chips. Of the real machine it is libsensors', which knows no other root
// than the real one: a test hands in readings of its own.
class SensorSource {
  public:
    virtual ~SensorSource() = default;
    // All readings; or those only that cost next to nothing: of the processor. Others wake a disk
    // or take milliseconds on a slow bus.
    virtual std::vector<SensorView> read(bool all) = 0;
};

// The real machine's chips; one that finds none when libsensors cannot be set up.
std::unique_ptr<SensorSource> machine_sensors();

// SensorLook reads sensor chips and thermal zones.
class SensorLook {
  public:
    using Time = std::chrono::steady_clock::time_point;

    SensorLook(const Host& host, std::unique_ptr<SensorSource> chips);
    // The hottest of the processor's temperatures, read each five seconds; without any, the
    // hottest thermal zone, each half a minute.
    const std::optional<SensorView>& hottest(Time now);
    // Everything, read now.
    std::vector<SensorView> all();

  private:
    std::vector<SensorView> zones(const std::vector<SensorView>& chips, bool all) const;

    const Host& host_;
    std::unique_ptr<SensorSource> chips_;
    std::optional<SensorView> hottest_;
    std::optional<Time> next_;
};

}  // namespace lodge
