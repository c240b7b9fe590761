#include "engine/state/sensor_look.h"

#include <algorithm>

#include "engine/error.h"
#include "engine/host.h"
#include "engine/units.h"

namespace lodge {
namespace {

using namespace std::chrono_literals;

// A number of a small file; nullopt when it cannot be read: a zone may be switched off.
std::optional<double> number_in(const Host& host, const std::string& path) {
    try {
        return parse_number(host.read_line(path));
    } catch (const Error&) {
        return std::nullopt;
    }
}

// Zones whose temperature is a register of the processor's (the rest asks firmware).
bool is_processor(const std::string& type) {
    return type == "x86_pkg_temp" || type.starts_with("cpu") || type.starts_with("soc");
}

// Trip points (Documentation/ABI/testing/sysfs-class-thermal).
void read_limits(const Host& host, const std::string& zone, SensorView& sensor) {
    for (int i = 0; i < 16; ++i) {
        const std::string point = fmt::format("{}/trip_point_{}_", zone, i);
        const std::string type = host.read_line(point + "type");
        if (type.empty()) return;
        const auto limit = number_in(host, point + "temp");
        if (!limit || *limit <= 0) continue;
        auto& place = type == "critical" ? sensor.critical : sensor.high;
        if (type == "critical" || type == "hot" || type == "passive")
            place = std::min(place.value_or(1e9), *limit / 1000);
    }
}

}  // namespace

SensorLook::SensorLook(const Host& host, std::unique_ptr<SensorSource> chips)
    : host_(host), chips_(std::move(chips)) {}

// Many zones show up among the chips as well: those are left out here.
std::vector<SensorView> SensorLook::zones(const std::vector<SensorView>& chips, bool all) const {
    const bool core = std::any_of(chips.begin(), chips.end(), [](const SensorView& sensor) {
        return sensor.chip.starts_with("coretemp");
    });
    std::vector<SensorView> found;
    const std::string folder = host_.system("/sys/class/thermal");
    for (const std::string& name : host_.list(folder)) {
        const std::string zone = folder + "/" + name;
        if (!name.starts_with("thermal_zone")) continue;
        const std::string type = host_.read_line(zone + "/type");
        if (!all && !is_processor(type)) continue;
        const auto files = host_.list(zone);
        const bool chip = std::any_of(files.begin(), files.end(), [](const std::string& file) {
            return file.starts_with("hwmon");
        });
        if ((chip && !chips.empty()) || (core && type == "x86_pkg_temp")) continue;
        const auto degrees = number_in(host_, zone + "/temp");
        if (!degrees || *degrees <= -40000 || *degrees >= 200000) continue;  // not connected
        SensorView sensor;
        sensor.chip = name;
        sensor.label = type;
        sensor.value = *degrees / 1000;
        read_limits(host_, zone, sensor);
        sensor.alarm = sensor.critical && sensor.value >= *sensor.critical;
        found.push_back(std::move(sensor));
    }
    return found;
}

const std::optional<SensorView>& SensorLook::hottest(Time now) {
    // Setting the library up takes milliseconds: not before the first picture stands.
    if (!next_) next_ = now + 500ms;
    if (now < *next_) return hottest_;
    std::vector<SensorView> seen = chips_->read(false);
    if (!hottest_of(seen)) seen = zones(seen, false);
    const bool processor = hottest_of(seen).has_value();
    if (!processor) seen = zones({}, true);
    hottest_ = hottest_of(seen);
    next_ = now + (processor ? 5s : 30s);
    return hottest_;
}

std::vector<SensorView> SensorLook::all() {
    std::vector<SensorView> seen = chips_->read(true);
    for (SensorView& zone : zones(seen, true))
        seen.push_back(std::move(zone));
    return seen;
}

}  // namespace lodge
