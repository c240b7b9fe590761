#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace lodge {

class Host;
struct PowerConfig;

// Measurement is what the machine took over a time: the mean of blocks of equal length, and how far
// the blocks lie apart, which is the noise that a difference has to stand out of.
struct Measurement {
    double watts = 0;   // mean
    double spread = 0;  // standard deviation of the blocks
    int blocks = 0;
};
// nullopt for no blocks.
std::optional<Measurement> summarize(const std::vector<double>& blocks);

// Verdict is how one measurement compares with another.
struct Verdict {
    double saved = 0;     // watts less than before; negative: more
    double noise = 0;     // 95 % of differences by chance alone lie within it (Welch's t)
    bool proven = false;  // saved is beyond the noise
};
Verdict compare(const Measurement& before, const Measurement& after);
std::string verdict_words(const Verdict& verdict);  // "0.82 W less, give or take 0.31"

// MeterName is the meter that measurements are compared by, chosen once.
struct MeterName {
    std::string source;  // "RAPL intel-rapl:0"; "" none was chosen yet
    bool whole = false;  // it tells of all that the machine takes, not of the processor alone
    bool slow = false;   // asked each ten seconds only (a person's command)
};

// How time passes; a test's own goes at once.
struct MeasurePace {
    using Time = std::chrono::steady_clock::time_point;
    std::function<Time()> now;
    std::function<void(std::chrono::milliseconds)> wait;
    std::function<void(const MeterName& meter)> begun;   // it is known what measures; may be empty
    std::function<void(int second, double watts)> tell;  // after each block; may be empty
};

// Measures for so many seconds (10 to 3600) by the meter of that name; chooses the one that tells
// the most of the machine when none is named. nullopt when nothing measures here, or when the named
// one does not any more: two meters are never compared with each other.
std::optional<Measurement> measure_watts(const Host& host, const PowerConfig& config, int seconds,
                                         MeterName& meter, const MeasurePace& pace);

}  // namespace lodge
