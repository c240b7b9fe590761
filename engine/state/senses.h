#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "engine/state/views.h"

namespace lodge {

// Senses is how a State feels the machine's heat and watts. What does it on a real machine is
// power's (power/senses.h), handed down by whoever makes the State.
class Senses {
  public:
    using Time = std::chrono::steady_clock::time_point;

    virtual ~Senses() = default;
    // The hottest of the temperatures that cost next to nothing to read. Cheap: for each look.
    virtual const std::optional<SensorView>& hottest(Time now) = 0;
    // What the machine takes, of what measures the most of it; nullopt when nothing measures.
    // Cheap.
    virtual std::optional<double> watts(Time now) = 0;
    // All sensors, without waking what sleeps.
    virtual std::vector<SensorView> sensors(Time now) = 0;
    // What the power screen shows. `seen` has the guests and the host as last looked at.
    virtual std::shared_ptr<const PowerView> power(const Seen& seen, Time now) = 0;
};

// NoSenses feels nothing.
class NoSenses : public Senses {
  public:
    const std::optional<SensorView>& hottest(Time) override { return none_; }
    std::optional<double> watts(Time) override { return std::nullopt; }
    std::vector<SensorView> sensors(Time) override { return {}; }
    std::shared_ptr<const PowerView> power(const Seen&, Time) override { return nullptr; }

  private:
    std::optional<SensorView> none_;
};

}  // namespace lodge
