#include <sensors/error.h>
#include <sensors/sensors.h>

#include <array>
#include <cstdlib>
#include <memory>

#include "engine/error.h"
#include "engine/fd.h"
#include "engine/state/sensor_look.h"

// The only file that knows libsensors.

namespace lodge {
namespace {

using Kind = SensorView::Kind;

// A feature of a chip that is shown: its reading and its limits (sensors(3)).
struct Feature {
    sensors_feature_type type;
    Kind kind;
    std::array<sensors_subfeature_type, 2> reading;
    sensors_subfeature_type low, high, critical;
    std::array<sensors_subfeature_type, 3> alarms;
};
constexpr auto none = SENSORS_SUBFEATURE_UNKNOWN;
constexpr Feature features[] = {
    {SENSORS_FEATURE_TEMP,
     Kind::temperature,
     {SENSORS_SUBFEATURE_TEMP_INPUT, none},
     SENSORS_SUBFEATURE_TEMP_MIN,
     SENSORS_SUBFEATURE_TEMP_MAX,
     SENSORS_SUBFEATURE_TEMP_CRIT,
     {SENSORS_SUBFEATURE_TEMP_ALARM, SENSORS_SUBFEATURE_TEMP_CRIT_ALARM,
      SENSORS_SUBFEATURE_TEMP_EMERGENCY_ALARM}},
    {SENSORS_FEATURE_FAN,
     Kind::fan,
     {SENSORS_SUBFEATURE_FAN_INPUT, none},
     SENSORS_SUBFEATURE_FAN_MIN,
     SENSORS_SUBFEATURE_FAN_MAX,
     none,
     {SENSORS_SUBFEATURE_FAN_ALARM, SENSORS_SUBFEATURE_FAN_FAULT, none}},
    {SENSORS_FEATURE_IN,
     Kind::voltage,
     {SENSORS_SUBFEATURE_IN_INPUT, none},
     SENSORS_SUBFEATURE_IN_MIN,
     SENSORS_SUBFEATURE_IN_MAX,
     SENSORS_SUBFEATURE_IN_CRIT,
     {SENSORS_SUBFEATURE_IN_ALARM, SENSORS_SUBFEATURE_IN_CRIT_ALARM, none}},
    {SENSORS_FEATURE_CURR,
     Kind::current,
     {SENSORS_SUBFEATURE_CURR_INPUT, none},
     SENSORS_SUBFEATURE_CURR_MIN,
     SENSORS_SUBFEATURE_CURR_MAX,
     SENSORS_SUBFEATURE_CURR_CRIT,
     {SENSORS_SUBFEATURE_CURR_ALARM, SENSORS_SUBFEATURE_CURR_CRIT_ALARM, none}},
    {SENSORS_FEATURE_POWER,
     Kind::power,
     {SENSORS_SUBFEATURE_POWER_INPUT, SENSORS_SUBFEATURE_POWER_AVERAGE},
     none,
     SENSORS_SUBFEATURE_POWER_MAX,
     SENSORS_SUBFEATURE_POWER_CRIT,
     {SENSORS_SUBFEATURE_POWER_ALARM, SENSORS_SUBFEATURE_POWER_CRIT_ALARM, none}},
    {SENSORS_FEATURE_HUMIDITY,
     Kind::humidity,
     {SENSORS_SUBFEATURE_HUMIDITY_INPUT, none},
     none,
     none,
     none,
     {none, none, none}},
};

// The library's own handlers print into the picture and end the program.
[[noreturn]] void fatal(const char* where, const char* what) {
    fail(Exit::failed, "libsensors: {}: {}", where, what);
}
void parse_error(const char*, int) {}
void parse_error_with_name(const char*, const char*, int) {}

std::optional<double> value_of(const sensors_chip_name* chip, const sensors_feature* feature,
                               sensors_subfeature_type type) {
    if (type == none) return std::nullopt;
    const sensors_subfeature* part = sensors_get_subfeature(chip, feature, type);
    double value = 0;
    if (!part || (part->flags & SENSORS_MODE_R) == 0 ||
        sensors_get_value(chip, part->number, &value) != 0)
        return std::nullopt;
    return value;
}

// A chip that was never told a limit has the largest number there.
std::optional<double> limit_of(const sensors_chip_name* chip, const sensors_feature* feature,
                               sensors_subfeature_type type) {
    const auto value = value_of(chip, feature, type);
    const bool sound = value && *value > -273 && *value < 60000;
    return sound ? value : std::nullopt;
}

// Chips whose temperatures are registers of the processor.
bool is_processor(std::string_view prefix) {
    return prefix == "coretemp" || prefix == "k10temp" || prefix == "zenpower" ||
           prefix == "cpu_thermal";
}

std::string chip_words(const sensors_chip_name* chip) {
    std::array<char, 128> name{};
    const int size = sensors_snprintf_chip_name(name.data(), name.size(), chip);
    return size > 0 ? std::string(name.data()) : std::string(chip->prefix);
}

class LibSensors : public SensorSource {
  public:
    LibSensors() = default;
    ~LibSensors() override {
        if (ready_.value_or(false)) sensors_cleanup();
    }
    LibSensors(const LibSensors&) = delete;
    LibSensors& operator=(const LibSensors&) = delete;

    std::vector<SensorView> read(bool all) override {
        std::vector<SensorView> seen;
        int place = 0;
        if (!ready_) ready_ = set_up();
        while (*ready_) {
            const sensors_chip_name* chip = sensors_get_detected_chips(nullptr, &place);
            if (!chip) break;
            if (all || is_processor(chip->prefix)) read_chip(chip, all, seen);
        }
        return seen;
    }

  private:
    static bool set_up() {
        sensors_fatal_error = fatal;
        sensors_parse_error = parse_error;
        sensors_parse_error_wfn = parse_error_with_name;
        try {
            return sensors_init(nullptr) == 0;
        } catch (const Error&) {
            return false;
        }
    }
    static void read_chip(const sensors_chip_name* chip, bool all, std::vector<SensorView>& seen) {
        const std::string name = chip_words(chip);
        int place = 0;
        while (const sensors_feature* feature = sensors_get_features(chip, &place)) {
            for (const Feature& known : features) {
                if (known.type != feature->type) continue;
                if (all || known.kind == Kind::temperature)
                    read_feature(chip, feature, known, name, seen);
            }
        }
    }
    static void read_feature(const sensors_chip_name* chip, const sensors_feature* feature,
                             const Feature& known, const std::string& name,
                             std::vector<SensorView>& seen) {
        auto value = value_of(chip, feature, known.reading[0]);
        if (!value) value = value_of(chip, feature, known.reading[1]);
        if (!value) return;  // nothing is connected, or it sleeps
        SensorView sensor;
        sensor.kind = known.kind;
        sensor.chip = name;
        struct Free {
            void operator()(char* text) const { std::free(text); }
        };
        const std::unique_ptr<char, Free> label(sensors_get_label(chip, feature));
        sensor.label = label ? label.get() : feature->name;
        sensor.value = *value;
        sensor.low = limit_of(chip, feature, known.low);
        sensor.high = limit_of(chip, feature, known.high);
        sensor.critical = limit_of(chip, feature, known.critical);
        for (const sensors_subfeature_type alarm : known.alarms)
            if (value_of(chip, feature, alarm).value_or(0) > 0) sensor.alarm = true;
        if (known.kind == Kind::temperature && sensor.critical && *value >= *sensor.critical)
            sensor.alarm = true;
        seen.push_back(std::move(sensor));
    }

    std::optional<bool> ready_;  // empty: not set up yet
};

}  // namespace

std::unique_ptr<SensorSource> machine_sensors() {
    return std::make_unique<LibSensors>();
}

}  // namespace lodge
