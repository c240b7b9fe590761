#pragma once

#include <span>
#include <vector>

#include "engine/command.h"
#include "engine/device.h"
#include "engine/plan.h"

// What main joins of this module.
namespace lodge {

std::span<const Command> device_commands();  // commands.cc
std::span<const Command> boot_commands();    // prepare.cc
std::vector<std::span<const ActionKind>> passthrough_action_tables();
std::span<const DeviceKind* const> passthrough_devices();  // kinds.cc

}  // namespace lodge
