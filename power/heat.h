#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "engine/state/power_view.h"
#include "engine/state/views.h"
#include "power/pace.h"
#include "power/power_config.h"

namespace lodge {

class Host;

// HeatLook tells how near the machine is to being slowed down by heat, and by whom it is hot.
class HeatLook {
  public:
    using Time = std::chrono::steady_clock::time_point;
    explicit HeatLook(const Host& host) : host_(host), pace_(std::chrono::seconds(2), 0.0002) {}
    // heat, from what was seen of the host and the guests and from view.shares.
    void look(PowerView& view, const Seen& seen, const PowerConfig& config, Time now);

  private:
    int64_t throttle_count() const;
    std::string held_back() const;

    const Host& host_;
    Pace pace_;
    int64_t throttled_ = 0;
    std::optional<int64_t> before_;
    std::optional<Time> grew_;
    std::string held_;
};

// HeatSwitch is a switch with hysteresis: on from `above` on, off below `below`.
class HeatSwitch {
  public:
    HeatSwitch(double above, double below) : above_(above), below_(below) {}
    // Whether it is on after that temperature; one that is not known changes nothing.
    bool feel(std::optional<double> celsius);
    bool on() const { return on_; }
    void set(bool on) { on_ = on; }

  private:
    double above_, below_;
    bool on_ = false;
};

// "above 85 C guests' CPU weight is 20, until it is below 75 C".
std::string heat_rule_words(const HeatRule& rule);

}  // namespace lodge
