#include "power/sight_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "engine/units.h"
#include "power/sensors.h"

namespace lodge {

std::string sensor_value_words(const SensorView& sensor, double value) {
    switch (sensor.kind) {
        case SensorView::Kind::temperature:
            return fmt::format("{:.0f} C", value);
        case SensorView::Kind::fan:
            return fmt::format("{:.0f} rpm", value);
        case SensorView::Kind::voltage:
            return fmt::format("{:.2f} V", value);
        case SensorView::Kind::current:
            return fmt::format("{:.2f} A", value);
        case SensorView::Kind::power:
            return watt_words(value);
        case SensorView::Kind::humidity:
        case SensorView::Kind::duty:
            break;
    }
    return fmt::format("{:.0f}%", value);
}

std::string sensor_words(const SensorView& sensor) {
    return sensor.asleep ? "asleep" : sensor_value_words(sensor, sensor.value);
}

std::string sensor_limit_words(const SensorView& sensor) {
    if (sensor.critical) return "of " + sensor_value_words(sensor, *sensor.critical);
    if (sensor.high) return "of " + sensor_value_words(sensor, *sensor.high);
    return sensor.low ? "at least " + sensor_value_words(sensor, *sensor.low) : "";
}

std::string sensor_state_words(const SensorView& sensor) {
    if (sensor.alarm) return "ALARM";
    if (is_near_limit(sensor))
        return sensor.value >= limit_of(sensor).value_or(sensor.value) ? "above its limit"
                                                                       : "near its limit";
    return sensor.note;
}

const std::string& sensor_title(const SensorView& sensor) {
    return sensor.name.empty() ? sensor.label : sensor.name;
}

std::string sensor_raw_words(const SensorView& sensor) {
    return sensor.label.empty() ? sensor.chip : sensor.chip + " " + sensor.label;
}

std::string watt_words(double watts) {
    return watts < 9.995 ? fmt::format("{:.2f} W", watts) : fmt::format("{:.1f} W", watts);
}

std::string hertz_words(int64_t kilohertz) {
    if (kilohertz < 1000000) return fmt::format("{} MHz", kilohertz / 1000);
    return fmt::format("{:.2f} GHz", static_cast<double>(kilohertz) / 1e6);
}

std::string share_words(std::optional<double> share) {
    return share ? fmt::format("{:5.1f}%", *share * 100) : "";
}

std::string rate_count_words(double rate) {
    return fmt::format("{:.0f}/s", rate);
}

std::string frequencies_words(const PowerView& view) {
    if (!view.no_frequencies.empty()) return view.no_frequencies;
    std::optional<int64_t> least, most;
    std::set<std::string> governors, preferences;
    size_t online = 0;
    for (const CpuView& cpu : view.cpus) {
        if (!cpu.online) continue;
        ++online;
        if (!cpu.governor.empty()) governors.insert(cpu.governor);
        if (!cpu.preference.empty()) preferences.insert(cpu.preference);
        if (!cpu.now) continue;
        least = std::min(least.value_or(*cpu.now), *cpu.now);
        most = std::max(most.value_or(*cpu.now), *cpu.now);
    }
    std::string words = counted(online, "CPU");
    if (least)
        words += " at " + hertz_words(*least) + (*most > *least ? " to " + hertz_words(*most) : "");
    for (const auto& governor : governors)
        words += ", " + governor;
    for (const auto& preference : preferences)
        words += ", " + preference;
    return printable(fmt::format("{} ({})", words, view.driver));
}

std::string idle_words(const PowerView& view) {
    if (!view.no_idle.empty()) return view.no_idle;
    const bool looked = std::any_of(view.idle.begin(), view.idle.end(),
                                    [](const auto& state) { return state.share.has_value(); });
    if (!looked) return "not known before the second look";
    if (view.deepest.empty()) return "the cores never idle";
    const auto deepest = std::find_if(view.idle.begin(), view.idle.end(), [&](const auto& state) {
        return state.name == view.deepest;
    });
    return fmt::format("the cores reach {} for {:.0f}% of the time", view.deepest,
                       deepest->share.value_or(0) * 100);
}

std::string package_words(const PowerView& view) {
    if (!view.no_packages.empty()) return view.no_packages;
    const bool looked = std::any_of(view.packages.begin(), view.packages.end(),
                                    [](const auto& state) { return state.share.has_value(); });
    if (!looked) return "not known before the second look";
    if (view.deepest_package.empty()) return "the package never idles";
    const auto deepest =
        std::find_if(view.packages.begin(), view.packages.end(),
                     [&](const auto& state) { return state.name == view.deepest_package; });
    return fmt::format("the package reaches {} for {:.0f}% of the time", view.deepest_package,
                       deepest->share.value_or(0) * 100);
}

std::string month_words(const CostView& cost) {
    if (!cost.month) return "";
    return fmt::format("{:.2f} {} a month at {:.2f} {} a kWh", *cost.month, cost.currency,
                       *cost.tariff, cost.currency);
}

std::string_view blocker_kind_words(BlockerView::Kind kind) {
    switch (kind) {
        case BlockerView::Kind::aspm:
            return "link";
        case BlockerView::Kind::runtime:
            return "device";
        case BlockerView::Kind::interrupt:
            return "interrupt";
        case BlockerView::Kind::process:
            return "process";
        case BlockerView::Kind::timer:
            break;
    }
    return "timer";
}

std::string blockers_words(const PowerView& view) {
    size_t links = 0, devices = 0;
    double wakeups = 0;
    for (const BlockerView& one : view.blockers) {
        links += one.kind == BlockerView::Kind::aspm ? 1 : 0;
        devices += one.kind == BlockerView::Kind::runtime ? 1 : 0;
        wakeups += one.kind == BlockerView::Kind::process ? one.rate : 0;
    }
    return fmt::format("{} without ASPM, {} that may not sleep, {:.0f} wakeups a second",
                       counted(links, "link"), counted(devices, "device"), wakeups);
}

}  // namespace lodge
