#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "power/power_config.h"

namespace lodge {

struct Engine;

// ProfileSwitch lets a profile stand in for a while and puts back what was before. What is to be
// put back is on disk first, below the run folder, for whoever comes after a crash.
class ProfileSwitch {
  public:
    explicit ProfileSwitch(Engine& engine);  // takes up what an earlier one left
    // The profile that stands in now, "" none.
    const std::string& now() const { return now_; }
    // Lets this one stand in, "" none. Only what has no risk is set, as nobody may be there to
    // answer a trial; nothing while a trial goes on. What could not be done is said in words, and
    // not tried again before another profile is wanted.
    std::vector<std::string> turn(const std::string& profile);

  private:
    void put_back(std::vector<std::string>& said);
    void set(const std::string& profile, std::vector<std::string>& said);

    Engine& engine_;
    std::string now_, refused_;
};
// The one that stands in, as ProfileSwitch left it on disk; "" none.
std::string standing_profile(const Host& host);

// Conditions chooses the profile that the person wants now: of heat, else of no guest.
class Conditions {
  public:
    using Time = std::chrono::steady_clock::time_point;
    // Without a guest for so long: a guest that restarts is no condition.
    static constexpr std::chrono::seconds settled{60};
    // "" none. `hot` as the heat rule has it; `guests` that run.
    std::string wanted(const PowerConfig& config, bool hot, size_t guests, Time now);

  private:
    std::optional<Time> alone_since_;
};

}  // namespace lodge
