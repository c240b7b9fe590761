#include "power/sensor_names.h"

#include "engine/host.h"
#include "engine/units.h"
#include "power/sleep.h"

namespace lodge {
namespace {

// Chips and labels as their drivers have them (Documentation/hwmon/, drivers/thermal/). A label
// that ends in "*" is a beginning; "%" in the words is what stands there, "@" the device. An empty
// label is any. First fit wins.
struct Name {
    std::string_view chip, label, words;
};
constexpr Name names[] = {
    {"coretemp", "Package id *", "CPU package %"},
    {"coretemp", "Core *", "CPU core %"},
    {"k10temp", "Tctl", "CPU, as its fan control takes it"},
    {"k10temp", "Tdie", "CPU die"},
    {"k10temp", "Tccd*", "CPU chiplet %"},
    {"k10temp", "", "CPU"},
    {"zenpower", "Tdie", "CPU die"},
    {"zenpower", "SVI2_P_Core", "CPU cores"},
    {"zenpower", "SVI2_P_SoC", "CPU without its cores"},
    {"cpu_thermal", "", "CPU"},
    {"soc_thermal", "", "CPU"},
    {"x86_pkg_temp", "", "CPU package"},
    {"nvme", "Composite", "NVMe @"},
    {"nvme", "Sensor *", "NVMe @, sensor %"},
    {"nvme", "", "NVMe @"},
    {"drivetemp", "", "disk @"},
    {"amdgpu", "edge", "GPU"},
    {"amdgpu", "junction", "GPU, hottest spot"},
    {"amdgpu", "mem", "GPU memory"},
    {"amdgpu", "PPT", "GPU with CPU on the same chip"},
    {"amdgpu", "vddgfx", "GPU supply"},
    {"amdgpu", "vddnb", "CPU supply"},
    {"i915", "", "GPU"},
    {"nouveau", "", "GPU"},
    {"iwlwifi*", "", "Wi-Fi card"},
    {"ath1*", "", "Wi-Fi card"},
    {"mt7*", "", "Wi-Fi card"},
    {"pch_*", "", "chipset"},
    {"acpitz", "", "mainboard, as its firmware tells"},
    {"acpi_fan", "", "fan of the firmware"},
    {"jc42", "", "memory module"},
    {"spd5118", "", "memory module"},
    {"lm75", "", "mainboard"},
    {"power_meter", "", "whole machine"},
    {"corsairpsu", "power total", "power supply"},
    {"nct*", "SYSTIN", "mainboard"},
    {"nct*", "CPUTIN", "CPU, by the mainboard's sensor"},
    {"nct*", "AUXTIN*", "mainboard, extra %"},
    {"nct*", "PECI Agent 0*", "CPU, by its own sensor"},
    {"nct*", "TSI0_TEMP", "CPU, by its own sensor"},
    {"INT3400 Thermal", "", "firmware's thermal policy"},
    {"TCPU", "", "CPU, as its firmware tells"},
    {"*", "SEN*", "mainboard, firmware's sensor %"},
    {"*", "remote1", "CPU, by the mainboard's sensor"},
    {"*", "Remote 1 temperature", "CPU, by the mainboard's sensor"},
};

bool fits(std::string_view pattern, std::string_view text, std::string_view& rest) {
    if (pattern.empty()) return true;
    if (!pattern.ends_with('*')) return pattern == text;
    pattern.remove_suffix(1);
    if (!text.starts_with(pattern)) return false;
    rest = text.substr(pattern.size());
    return true;
}

std::string filled(std::string_view words, std::string_view rest, std::string_view device) {
    std::string name;
    for (const char c : words) {
        if (c == '%')
            name += rest;
        else if (c == '@')
            name += device;
        else
            name += c;
    }
    return std::string(trim(name));
}

// "temp1", "fan2", "in0", "pwm3": a label that no driver and no sensors.conf gave.
std::string plain_name(std::string_view label) {
    struct Kind {
        std::string_view begins, words;
    };
    constexpr Kind kinds[] = {{"temp", "temperature "},     {"fan", "fan "},
                              {"pwm", "fan control "},      {"in", "voltage "},
                              {"curr", "current "},         {"power", "power "},
                              {"intrusion", "case opened "}};
    for (const Kind& kind : kinds) {
        if (!label.starts_with(kind.begins)) continue;
        const auto number = parse_integer(label.substr(kind.begins.size()));
        if (number) return std::string(kind.words) + std::to_string(*number);
    }
    return "";
}

}  // namespace

std::string sensor_name(const SensorView& sensor, std::string_view device) {
    // "coretemp-isa-0000": the driver's name has no "-" (hwmon_is_bad_char, include/linux/hwmon.h).
    std::string_view chip = std::string_view(sensor.chip).substr(0, sensor.chip.find('-'));
    if (chip.starts_with("thermal_zone") || chip.starts_with("cooling_device")) chip = sensor.label;
    for (const Name& name : names) {
        std::string_view rest;
        std::string_view ignored;
        if (!fits(name.chip, chip, ignored) || !fits(name.label, sensor.label, rest)) continue;
        return filled(name.words, rest, device);
    }
    std::string plain = plain_name(sensor.label);
    if (!device.empty())
        return plain.empty() ? std::string(device) : fmt::format("{}, {}", device, plain);
    return plain;
}

std::string device_words(const Host& host, std::string_view prefix, const std::string& folder) {
    if (prefix == "nvme" || prefix == "drivetemp") {
        const std::string disk = disk_of(host, folder);
        const std::string model(trim(host.read_line(folder + "/model")));
        if (disk.empty()) return model;
        return model.empty() ? disk : fmt::format("{} ({})", disk, model);
    }
    const auto links = host.list(folder + "/net");
    return links.empty() ? "" : links[0];
}

}  // namespace lodge
