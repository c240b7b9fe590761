#include "power/sensors.h"

#include <algorithm>

#include "engine/error.h"
#include "engine/host.h"
#include "engine/units.h"
#include "power/sensor_names.h"

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
    : host_(host), chips_(std::move(chips)), pace_(1s, 0.0005) {}

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
        // Zones of one type are one chip, which is called like them (thermal_hwmon.c).
        std::string chip_name = type;
        std::replace(chip_name.begin(), chip_name.end(), '-', '_');
        const bool chip = std::any_of(chips.begin(), chips.end(), [&](const SensorView& sensor) {
            return sensor.chip.starts_with(chip_name + "-");
        });
        if (chip || (core && type == "x86_pkg_temp")) continue;
        const auto degrees = number_in(host_, zone + "/temp");
        if (!degrees || *degrees <= -40000 || *degrees >= 200000) continue;  // not connected
        SensorView sensor;
        sensor.chip = name;
        sensor.label = type;
        sensor.value = *degrees / 1000;
        read_limits(host_, zone, sensor);
        sensor.alarm = sensor.critical && sensor.value >= *sensor.critical;
        sensor.name = sensor_name(sensor, "");
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

// How hard a fan is driven, which libsensors does not read: 0…255, by whom 0 none (full speed),
// 1 a person, 2 and more the chip (Documentation/hwmon/sysfs-interface.rst).
void SensorLook::add_duties(std::vector<SensorView>& seen) const {
    const std::string folder = host_.system("/sys/class/hwmon");
    for (const std::string& chip : host_.list(folder)) {
        for (const std::string& file : host_.list(folder + "/" + chip)) {
            if (!file.starts_with("pwm") || !parse_integer(file.substr(3))) continue;
            const std::string path = folder + "/" + chip + "/" + file;
            const auto duty = number_in(host_, path);
            if (!duty || *duty < 0 || *duty > 255) continue;
            SensorView sensor;
            sensor.kind = SensorView::Kind::duty;
            sensor.chip = host_.read_line(folder + "/" + chip + "/name");
            sensor.label = file;
            sensor.value = *duty / 255 * 100;
            if (const auto by = number_in(host_, path + "_enable"))
                sensor.note = *by < 1 ? "full speed" : *by < 2 ? "set by hand" : "automatic";
            sensor.name = sensor_name(sensor, "");
            seen.push_back(std::move(sensor));
        }
    }
}

// Fans that the kernel itself switches (Documentation/driver-api/thermal/sysfs-api.rst).
void SensorLook::add_kernel_fans(std::vector<SensorView>& seen) const {
    const std::string folder = host_.system("/sys/class/thermal");
    for (const std::string& name : host_.list(folder)) {
        if (!name.starts_with("cooling_device")) continue;
        const std::string device = folder + "/" + name;
        const std::string type = host_.read_line(device + "/type");
        if (type != "Fan" && type != "pwm-fan") continue;
        const auto now = number_in(host_, device + "/cur_state");
        const auto most = number_in(host_, device + "/max_state");
        if (!now || !most || *most < 1) continue;
        SensorView sensor;
        sensor.kind = SensorView::Kind::duty;
        sensor.chip = name;
        sensor.label = type;
        sensor.value = std::clamp(*now / *most, 0.0, 1.0) * 100;
        sensor.note = *most < 2 ? (*now > 0 ? "on" : "off")
                                : fmt::format("step {:.0f} of {:.0f}", *now, *most);
        sensor.name = "fan of the firmware";
        seen.push_back(std::move(sensor));
    }
}

// What was not seen while nobody looked is a gap.
void SensorLook::keep_history(Time now) {
    const auto passed = kept_ ? std::chrono::duration_cast<std::chrono::seconds>(now - *kept_) : 1s;
    kept_ = now;
    const auto seconds = static_cast<size_t>(std::clamp<int64_t>(passed.count(), 1, 3600));
    constexpr size_t looked_all_the_time = 35;
    for (SensorView& sensor : all_) {
        auto& history = histories_[fmt::format("{} {} {}", sensor.chip,
                                               static_cast<int>(sensor.kind), sensor.label)];
        if (!history) history = std::make_shared<History>();
        const bool gap = seconds > looked_all_the_time;
        if (gap) history->add_gap(seconds - 1);
        if (sensor.asleep)
            history->add_gap(gap ? 1 : seconds);
        else
            history->add(sensor.value, gap ? 1 : seconds);
        sensor.history = history;
    }
}

const std::vector<SensorView>& SensorLook::all(Time now) {
    if (!pace_.due(now)) return all_;
    pace_.run(now, [&] {
        all_ = chips_->read(true);
        for (SensorView& zone : zones(all_, true))
            all_.push_back(std::move(zone));
        add_duties(all_);
        add_kernel_fans(all_);
        keep_history(now);
    });
    return all_;
}

std::optional<double> limit_of(const SensorView& sensor) {
    if (!sensor.high && !sensor.critical) return std::nullopt;
    return std::min(sensor.high.value_or(1e9), sensor.critical.value_or(1e9));
}

bool is_near_limit(const SensorView& sensor) {
    constexpr double near = 5;
    const auto limit = limit_of(sensor);
    return sensor.kind == SensorView::Kind::temperature && !sensor.asleep &&
           (sensor.alarm || (limit && sensor.value >= *limit - near));
}

}  // namespace lodge
