#pragma once

#include <optional>
#include <string>

#include "engine/state/power_view.h"
#include "engine/state/views.h"

// How what is seen of heat and watts reads, on screens and in words.
namespace lodge {

// "41 C", "1200 rpm", "1.05 V": in the sensor's unit.
std::string sensor_value_words(const SensorView& sensor, double value);
// The reading; "asleep" for one that was not read.
std::string sensor_words(const SensorView& sensor);
// "of 100 C", "at least 300 rpm", "" without limits.
std::string sensor_limit_words(const SensorView& sensor);
// "ALARM", "near its limit", "asleep", "automatic", …; "" when there is nothing to say.
std::string sensor_state_words(const SensorView& sensor);
// What it is called: a person's words, else the label.
const std::string& sensor_title(const SensorView& sensor);
// "coretemp-isa-0000 Package id 0": how the kernel calls it.
std::string sensor_raw_words(const SensorView& sensor);

std::string watt_words(double watts);                  // "14.2 W"
std::string hertz_words(int64_t kilohertz);            // "3.40 GHz", "800 MHz"
std::string share_words(std::optional<double> share);  // " 83.1%", "" for not known
std::string rate_count_words(double rate);             // "12/s"
// "4 CPUs at 0.80 to 3.40 GHz, powersave, balance_power (intel_pstate)".
std::string frequencies_words(const PowerView& view);
// "C6 for 83% of the time"; or why there is nothing to tell.
std::string idle_words(const PowerView& view);
std::string package_words(const PowerView& view);
// The money of a month: "2.31 EUR a month at 0.32 EUR a kWh"; "" without a tariff.
std::string month_words(const CostView& cost);
std::string_view blocker_kind_words(BlockerView::Kind kind);
// "4 devices without ASPM, 12 that may not sleep, 1234 wakeups a second".
std::string blockers_words(const PowerView& view);

}  // namespace lodge
