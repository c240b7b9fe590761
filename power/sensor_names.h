#pragma once

#include <string>
#include <string_view>

#include "engine/state/views.h"

namespace lodge {

class Host;

// What a sensor is, in a person's words: "CPU core 0", "disk sda (WDC WD40EFRX)". `device` is what
// device_words() says of its device. "" where nothing better than the label is known.
std::string sensor_name(const SensorView& sensor, std::string_view device);

// The device of a chip in words, "" for none: "nvme0n1 (Samsung SSD 980)", "enp1s0". `prefix` is
// the driver's name for the chip.
std::string device_words(const Host& host, std::string_view prefix, const std::string& folder);

}  // namespace lodge
