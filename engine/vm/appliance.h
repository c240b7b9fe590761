#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/storage/ovf.h"

namespace lodge {

// Appliance is what the description of an OVF becomes in a guest's configuration.
struct Appliance {
    std::vector<std::pair<std::string, std::string>> keys;  // without disks
    std::vector<std::string> disks;  // the key of each of the machine's disks, in their order
    std::vector<std::string> notes;  // what became something else, and what has no place here
};
// Pure. `bridge` "" gives network cards in user mode.
Appliance map_appliance(const OvfMachine& machine, const std::string& bridge);

}  // namespace lodge
