#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/units.h"
#include "passthrough/handed.h"

// Before and after: a controller inside the processor may take the machine's sensors and its boost
// along (reported of N100-class SoCs whose SATA controller was handed over).

namespace lodge {
namespace {

using Readings = std::map<std::string, std::string>;

bool lies_below(const std::string& path, const std::vector<std::string>& folders) {
    return std::any_of(folders.begin(), folders.end(), [&](const std::string& folder) {
        return path == folder || path.starts_with(folder + "/");
    });
}

// Chips and zones by name, clocks by policy. What belongs to the devices that go is left out.
Readings take_readings(const Host& host, const std::vector<std::string>& going) {
    Readings readings;
    const auto line = [&](const std::string& path) { return host.read_line(host.system(path)); };
    std::map<std::string, int> chips;
    for (const std::string& name : host.list(host.system("/sys/class/hwmon"))) {
        const std::string folder = "/sys/class/hwmon/" + name;
        if (!lies_below(real_path(host, folder), going)) ++chips[line(folder + "/name")];
    }
    for (const auto& [chip, count] : chips)
        readings["sensor chip " + chip] = std::to_string(count);
    for (const std::string& name : host.list(host.system("/sys/class/thermal"))) {
        const std::string folder = "/sys/class/thermal/" + name;
        if (name.starts_with("thermal_zone") && !lies_below(real_path(host, folder), going))
            readings["thermal zone " + line(folder + "/type")] = "there";
    }
    const std::string policies = "/sys/devices/system/cpu/cpufreq";
    for (const std::string& name : host.list(host.system(policies)))
        // Not scaling_max_freq: a person or a profile sets that one, and bios_limit moves it too.
        for (const char* file : {"cpuinfo_max_freq", "bios_limit"})
            if (const std::string value = line(policies + "/" + name + "/" + file); !value.empty())
                readings[name + " " + file] = value;
    return readings;
}

std::string path_of(const Host& host, const Values& on) {
    return before_path(host, static_cast<int>(on.integer("guest")));
}

// How often the processors were slowed down by heat since the machine started
// (arch/x86/kernel/cpu/mce/therm_throt.c).
int64_t throttled(const Host& host) {
    int64_t times = 0;
    const std::string folder = host.system("/sys/devices/system/cpu");
    for (const std::string& name : host.list(folder))
        if (name.starts_with("cpu"))
            times += parse_integer(host.read_line(folder + "/" + name +
                                                  "/thermal_throttle/core_throttle_count"))
                         .value_or(0);
    return times;
}

// What was there and is not, or is less.
std::vector<std::string> losses(const Readings& before, const Readings& now) {
    std::vector<std::string> lost;
    for (const auto& [what, value] : before) {
        const auto found = now.find(what);
        if (found == now.end()) {
            lost.push_back(what + " is gone");
            continue;
        }
        const auto was = parse_integer(value), is = parse_integer(found->second);
        if (was && is && *is < *was)
            lost.push_back(fmt::format("{} fell from {} to {}", what, *was, *is));
    }
    return lost;
}

}  // namespace

std::string before_path(const Host& host, int guest) {
    return fmt::format("{}/before-{}", handed_folder(host), guest);
}

void run_device_look(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const nlohmann::json seen = {{"readings", take_readings(host, on.list("going"))},
                                 {"throttled", throttled(host)}};
    host.write_volatile(path_of(host, on), seen.dump(2) + "\n");
}

void run_device_compare(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const auto text = host.read(path_of(host, on));
    const auto before = nlohmann::json::parse(text.value_or(""), nullptr, false);
    if (!before.is_object() || !before.contains("readings"))
        fail(Exit::failed, "what this machine had before cannot be read: {}", path_of(host, on));
    const auto lost =
        losses(before["readings"].get<Readings>(), take_readings(host, on.list("going")));
    const int64_t slowed = throttled(host) - before.value("throttled", int64_t{0});
    if (slowed > 0 && !on.flag("again"))
        work.say(
            fmt::format("warning: heat slowed the processors down {} meanwhile; lodge power "
                        "sensors shows how warm they are",
                        slowed == 1 ? "once" : fmt::format("{} times", slowed)));
    if (!on.flag("keep") && !on.flag("again")) host.remove(path_of(host, on));
    if (lost.empty()) return;
    fail(Exit::refused,
         "this machine lost something with the device, so it is taken back: {}; the device is part "
         "of what keeps this machine cool, and cannot be handed over here",
         printable(join(lost, "; ")));
}

}  // namespace lodge
