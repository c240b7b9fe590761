#include "power/measurement.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "power/meter.h"

namespace lodge {

using namespace std::chrono_literals;

std::optional<Measurement> summarize(const std::vector<double>& blocks) {
    if (blocks.empty()) return std::nullopt;
    Measurement measurement;
    measurement.blocks = static_cast<int>(blocks.size());
    for (const double watts : blocks)
        measurement.watts += watts / static_cast<double>(blocks.size());
    if (blocks.size() < 2) return measurement;
    double squares = 0;
    for (const double watts : blocks)
        squares += (watts - measurement.watts) * (watts - measurement.watts);
    measurement.spread = std::sqrt(squares / static_cast<double>(blocks.size() - 1));
    return measurement;
}

namespace {

// Student's t, two-sided, 95 %, by degrees of freedom; between two of them the larger value.
double student(double freedom) {
    struct Row {
        double freedom, t;
    };
    constexpr Row rows[] = {{1, 12.71}, {2, 4.30},  {3, 3.18},  {4, 2.78},  {5, 2.57},  {6, 2.45},
                            {8, 2.31},  {10, 2.23}, {15, 2.13}, {20, 2.09}, {30, 2.04}, {60, 2.00}};
    double t = rows[0].t;
    for (const Row& row : rows)
        if (freedom >= row.freedom) t = row.t;
    return t;
}

}  // namespace

Verdict compare(const Measurement& before, const Measurement& after) {
    Verdict verdict;
    verdict.saved = before.watts - after.watts;
    if (before.blocks < 2 || after.blocks < 2) {
        verdict.noise = std::abs(verdict.saved);  // one block each tells nothing
        return verdict;
    }
    // Welch: the two may be noisy in different measure.
    const double a = before.spread * before.spread / before.blocks;
    const double b = after.spread * after.spread / after.blocks;
    const double sum = a + b;
    const double freedom =
        sum > 0 ? sum * sum / (a * a / (before.blocks - 1) + b * b / (after.blocks - 1)) : 1000;
    verdict.noise = student(freedom) * std::sqrt(sum);
    verdict.proven = verdict.saved > verdict.noise && verdict.saved > 0;
    return verdict;
}

std::string verdict_words(const Verdict& verdict) {
    return fmt::format("{:.2f} W {}, give or take {:.2f}", std::abs(verdict.saved),
                       verdict.saved >= 0 ? "less" : "more", verdict.noise);
}

namespace {

void choose(const WattView& view, MeterName& meter) {
    meter.source = view.source;
    meter.whole = view.covers == WattView::Covers::machine;
    meter.slow = view.source == outside_source;
}

std::optional<double> watts_of(const std::vector<WattView>& views, const MeterName& meter) {
    for (const WattView& view : views)
        if (view.source == meter.source && view.measured) return view.watts;
    return std::nullopt;
}

}  // namespace

std::optional<Measurement> measure_watts(const Host& host, const PowerConfig& config, int seconds,
                                         MeterName& meter, const MeasurePace& pace) {
    PowerMeters meters(host);
    meters.configure(config);
    // A counter says something from its second look on.
    (void)meters.read(pace.now(), true);
    pace.wait(1s);
    const auto& first = meters.read(pace.now());
    if (meter.source.empty()) {
        const auto best = meters.best();
        if (!best) return std::nullopt;
        choose(first[*best], meter);
    }
    if (!watts_of(first, meter)) return std::nullopt;
    if (pace.begun) pace.begun(meter);
    // Single looks depend on each other, blocks hardly, and answers of a slow meter not at all.
    const int step = meter.slow ? 10 : 1;
    const int length = meter.slow ? step : std::clamp(seconds / 12, 2, 60);
    std::vector<double> blocks, block;
    for (int second = step; second <= seconds; second += step) {
        pace.wait(std::chrono::seconds(step));
        const auto& views = meters.read(pace.now(), meter.slow);
        if (const auto watts = watts_of(views, meter)) block.push_back(*watts);
        if (second % length != 0 || block.empty()) continue;
        double sum = 0;
        for (const double one : block)
            sum += one;
        blocks.push_back(sum / static_cast<double>(block.size()));
        block.clear();
        if (pace.tell) pace.tell(second, blocks.back());
    }
    return summarize(blocks);
}

}  // namespace lodge
