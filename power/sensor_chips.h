#pragma once

#include <memory>
#include <vector>

#include "engine/state/views.h"

namespace lodge {

class Host;

// SensorSource reads sensor chips. Of the real machine it is libsensors', which knows no other root
// than the real one: a test hands in readings of its own.
class SensorSource {
  public:
    virtual ~SensorSource() = default;
    // All readings; or those only that cost next to nothing: of the processor. Others take
    // milliseconds on a slow bus. What sleeps is not read but told as asleep.
    virtual std::vector<SensorView> read(bool all) = 0;
};

// The real machine's chips; one that finds none when libsensors cannot be set up, or the host's
// files are not the real machine's.
std::unique_ptr<SensorSource> machine_sensors(const Host& host);

}  // namespace lodge
