#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/state/kernel_file.h"
#include "engine/state/power_view.h"
#include "power/power_config.h"

namespace lodge {

class Host;
class OutsideMeter;

// EnergyCounter makes watts of a counter of microjoules that begins anew at its range
// (Documentation/power/powercap/powercap.rst).
class EnergyCounter {
  public:
    using Time = std::chrono::steady_clock::time_point;
    // `range`: max_energy_range_uj; 0: not known, then one that began anew tells nothing.
    explicit EnergyCounter(uint64_t range = 0) : range_(range) {}
    // nullopt until there have been two looks half a second apart, and after a time so long that it
    // may have gone round more than once.
    std::optional<double> watts(uint64_t microjoules, Time now);

  private:
    uint64_t range_, last_ = 0;
    Time time_{};
    bool known_ = false;
    std::optional<double> watts_;
};

// WattView::source of the person's own command.
inline constexpr std::string_view outside_source = "command";

// PowerMeters is what measures on this machine: RAPL, power meters of chips and firmware, a battery
// that empties, and what a person gave: a command, or a figure. Nothing is ever made up.
class PowerMeters {
  public:
    using Time = std::chrono::steady_clock::time_point;

    explicit PowerMeters(const Host& host);
    ~PowerMeters();
    PowerMeters(const PowerMeters&) = delete;
    PowerMeters& operator=(const PowerMeters&) = delete;

    // Figures of the person's own. Nothing is run before the next read().
    void configure(const PowerConfig& config);
    // All of them; looks for new ones each minute. `wait`: for the command, at most 10 s; else its
    // answer is had with a later read().
    const std::vector<WattView>& read(Time now, bool wait = false);
    // The one that is read which tells the most of the machine and is measured; its place in what
    // read() gave, nullopt when none measures.
    std::optional<size_t> best() const;
    // That one's figure, reading only what it needs.
    std::optional<double> watts(Time now);
    // Why nothing measures; "" when something does.
    std::string why_none() const;

  private:
    struct Source {
        WattView view;
        int rank = 0;  // how much it tells: the highest is the best
        bool dram = false, package = false;
        std::string folder;
        KernelFile file, other;  // µJ; µW; or µA and µV
        enum class Kind { energy, power, battery } kind = Kind::power;
        EnergyCounter counter;
    };
    void find(Time now);
    void find_rapl();
    void find_chips();
    void find_batteries();
    static void read_source(Source& source, Time now);
    void add_sum();
    void add_outside(Time now, bool wait);

    const Host& host_;
    std::vector<Source> sources_;
    std::vector<WattView> views_;
    std::vector<int> ranks_;  // beside views_
    std::optional<Time> found_, read_;
    PowerConfig config_;
    std::unique_ptr<OutsideMeter> outside_;
};

}  // namespace lodge
