#pragma once

#include <string>
#include <vector>

#include "power/knob.h"

namespace lodge {

// What this machine lacks of what is usually tuned, a line each with the reason where it can be
// known: a virtual machine, a driver that is not loaded, firmware.
std::vector<std::string> missing_words(const Host& host, const std::vector<Knob>& knobs);

// What Secure Boot's lockdown forbids here; "" nothing, as it is off.
std::string lockdown_words(const Host& host);

}  // namespace lodge
