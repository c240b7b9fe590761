#include "power/sensor_chips.h"

#include <sensors/error.h>
#include <sensors/sensors.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "engine/error.h"
#include "engine/host.h"
#include "engine/units.h"
#include "power/sensor_names.h"
#include "power/sleep.h"

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

// The files of a chip's device: "/sys/class/hwmon/hwmon2/device".
std::string device_folder(const sensors_chip_name* chip) {
    const std::string path = chip->path ? chip->path : "";
    return path.ends_with("/device") ? path : path + "/device";
}

// DriveChips reads the chips that are in drives, and only when that neither wakes the drive nor
// keeps it from going to sleep: a disk that turns, after somebody else has used it
// (Documentation/hwmon/drivetemp.rst: a reading may begin its time until it stands still anew); an
// NVMe drive, which leaves its low power state for each reading, then or once a minute.
class DriveChips {
  public:
    using Clock = std::chrono::steady_clock;
    explicit DriveChips(const Host& host) : host_(host) {}

    // What was read, now or before; `read` reads the chip. `about` is what the chip is called.
    template <class Read>
    std::vector<SensorView> readings(const std::string& about, const std::string& folder, bool nvme,
                                     const Read& read) {
        Drive& drive = drives_[about];
        const auto now = Clock::now();
        if (drive.looked && now - *drive.looked < ten_seconds) return told(drive, about, now);
        drive.looked = now;
        drive.disk = disk_of(host_, folder);
        const std::string about_disk = host_.system("/sys/block/" + drive.disk);
        drive.turns = !nvme && host_.read_line(about_disk + "/queue/rotational") == "1";
        const auto uses = disk_uses(host_, drive.disk);
        const bool used = !uses || uses != drive.uses;
        const bool wanted =
            drive.readings.empty() || used || (!drive.turns && now - drive.time >= minute);
        if (!wanted) return told(drive, about, now);
        drive.asleep = is_suspended(host_, folder) || (drive.turns && sleeps(drive));
        if (!drive.asleep) {
            drive.readings = read();
            drive.time = now;
            drive.uses = uses;
        }
        return told(drive, about, now);
    }

  private:
    static constexpr auto ten_seconds = std::chrono::seconds(10);
    static constexpr auto minute = std::chrono::seconds(60);
    struct Drive {
        std::string disk;
        std::vector<SensorView> readings;
        std::optional<Clock::time_point> looked;
        Clock::time_point time;  // of the readings
        std::optional<uint64_t> uses;
        bool turns = false, asleep = false;
    };

    // One that cannot be asked counts as awake once it has been used since it was looked at first.
    bool sleeps(Drive& drive) const {
        if (const auto still = stands_still(host_, drive.disk)) return *still;
        const auto uses = disk_uses(host_, drive.disk);
        const bool known = drive.uses.has_value();
        if (!known) drive.uses = uses;
        return !known;
    }
    static std::vector<SensorView> told(const Drive& drive, const std::string& about,
                                        Clock::time_point now) {
        std::vector<SensorView> all = drive.readings;
        if (all.empty() && drive.asleep) {
            SensorView sensor;
            sensor.chip = about;
            sensor.label = drive.disk;
            all.push_back(std::move(sensor));
        }
        const auto age = std::chrono::duration_cast<std::chrono::seconds>(now - drive.time).count();
        for (SensorView& sensor : all) {
            sensor.asleep = drive.asleep;
            if (drive.asleep)
                sensor.note = "asleep, not read";
            else if (drive.turns && age >= 60)
                sensor.note = fmt::format("read {} ago: unused since", short_duration(age));
        }
        return all;
    }

    const Host& host_;
    std::map<std::string, Drive> drives_;
};

class LibSensors : public SensorSource {
  public:
    explicit LibSensors(const Host& host) : host_(host), drives_(host) {}
    ~LibSensors() override { clean_up(); }
    LibSensors(const LibSensors&) = delete;
    LibSensors& operator=(const LibSensors&) = delete;

    std::vector<SensorView> read(bool all) override {
        std::vector<SensorView> seen;
        find_chips();
        int place = 0;
        while (ready_) {
            const sensors_chip_name* chip = sensors_get_detected_chips(nullptr, &place);
            if (!chip) break;
            if (all || is_processor(chip->prefix)) add_chip(chip, all, seen);
        }
        return seen;
    }

  private:
    // The library looks for chips once: it is set up again when others are there.
    void find_chips() {
        std::string chips;
        const std::string folder = host_.system("/sys/class/hwmon");
        for (const std::string& name : host_.list(folder)) {
            std::error_code ignored;
            chips += name + " " +
                     std::filesystem::read_symlink(folder + "/" + name, ignored).string() + "\n";
        }
        if (chips_ == chips) return;
        clean_up();
        chips_ = chips;
        sensors_fatal_error = fatal;
        sensors_parse_error = parse_error;
        sensors_parse_error_wfn = parse_error_with_name;
        try {
            ready_ = sensors_init(nullptr) == 0;
        } catch (const Error&) {
            ready_ = false;
        }
    }
    void clean_up() {
        if (ready_) sensors_cleanup();
        ready_ = false;
    }

    void add_chip(const sensors_chip_name* chip, bool all, std::vector<SensorView>& seen) {
        const std::string about = chip_words(chip);
        const std::string_view prefix = chip->prefix;
        const std::string folder = device_folder(chip);
        const auto read = [&] {
            std::vector<SensorView> readings;
            read_chip(chip, about, all, readings);
            return readings;
        };
        std::vector<SensorView> found;
        if (prefix == "drivetemp" || prefix == "nvme") {
            found = drives_.readings(about, folder, prefix == "nvme", read);
        } else if (!is_processor(prefix) && is_suspended(host_, folder)) {
            SensorView sensor;
            sensor.chip = about;
            sensor.asleep = true;
            sensor.note = "asleep, not read";
            found.push_back(std::move(sensor));
        } else {
            found = read();
        }
        const std::string device = all ? device_words(host_, prefix, folder) : "";
        for (SensorView& sensor : found) {
            sensor.name = sensor_name(sensor, device);
            seen.push_back(std::move(sensor));
        }
    }
    static void read_chip(const sensors_chip_name* chip, const std::string& about, bool all,
                          std::vector<SensorView>& seen) {
        int place = 0;
        while (const sensors_feature* feature = sensors_get_features(chip, &place)) {
            for (const Feature& known : features) {
                if (known.type != feature->type) continue;
                if (all || known.kind == Kind::temperature)
                    read_feature(chip, feature, known, about, seen);
            }
        }
    }
    static void read_feature(const sensors_chip_name* chip, const sensors_feature* feature,
                             const Feature& known, const std::string& about,
                             std::vector<SensorView>& seen) {
        auto value = value_of(chip, feature, known.reading[0]);
        if (!value) value = value_of(chip, feature, known.reading[1]);
        if (!value) return;  // nothing is connected, or it is gone
        SensorView sensor;
        sensor.kind = known.kind;
        sensor.chip = about;
        struct Free {
            void operator()(char* text) const { std::free(text); }
        };
        const std::unique_ptr<char, Free> label(sensors_get_label(chip, feature));
        sensor.label = label ? label.get() : feature->name;
        sensor.value = *value;
        // Where nobody set one it is 0: no limit of a voltage, a fan or a power, though the chip
        // raises its alarm all the same.
        bool is_unset = false;
        const auto limit = [&](sensors_subfeature_type type) {
            const auto told = limit_of(chip, feature, type);
            const bool zero = told && *told == 0 && known.kind != Kind::temperature;
            is_unset = is_unset || (zero && type != known.low && known.kind != Kind::fan);
            return zero ? std::nullopt : told;
        };
        sensor.low = limit(known.low);
        sensor.high = limit(known.high);
        sensor.critical = limit(known.critical);
        for (const sensors_subfeature_type alarm : known.alarms)
            if (!is_unset && value_of(chip, feature, alarm).value_or(0) > 0) sensor.alarm = true;
        if (known.kind == Kind::temperature && sensor.critical && *value >= *sensor.critical)
            sensor.alarm = true;
        seen.push_back(std::move(sensor));
    }

    const Host& host_;
    DriveChips drives_;
    std::string chips_ = "none looked for yet";
    bool ready_ = false;
};

class NoSensorChips : public SensorSource {
  public:
    std::vector<SensorView> read(bool) override { return {}; }
};

}  // namespace

std::unique_ptr<SensorSource> machine_sensors(const Host& host) {
    if (!host.system("").empty()) return std::make_unique<NoSensorChips>();
    return std::make_unique<LibSensors>(host);
}

}  // namespace lodge
