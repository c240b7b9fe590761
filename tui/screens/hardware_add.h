#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tui/hardware.h"
#include "tui/schema_form.h"

namespace lodge {

class App;

// HardwareAddition is something that a guest can be given more of.
struct HardwareAddition {
    std::string_view label;
    std::string_view stems;    // of the key: the first that has room: "ide sata"
    std::string_view value;    // what its form begins with; "@" is a storage for disks
    std::string_view command;  // of the table, that does it instead of a form
    std::string_view help;
};

// Those that a kind of guest knows.
std::vector<std::reference_wrapper<const HardwareAddition>> hardware_additions(
    const Schema& schema);
// The key it gets; "" when there is no room.
std::string key_for_addition(const HardwareAddition& addition, const Config& config,
                             const HardwareEdits& edits);
// Its value, with what this machine has.
std::string value_for_addition(const HardwareAddition& addition, std::string_view key,
                               const Schema& schema, App& app);

// What parts could be on this machine: bridges, volumes.
Suggestions hardware_suggestions(App& app);

}  // namespace lodge
