#pragma once

#include <span>

#include "engine/command.h"
#include "engine/plan.h"

namespace lodge {

// What can only be done at a start of the machine: the IOMMU switched on, and devices that the
// machine's own drivers never touch.

// words: [device…], [loader]: the one that the person means. Throws Error: nothing is to be
// prepared, the firmware offers no IOMMU, the machine needs the device, or was not started by that
// loader.
Plan plan_prepare(Engine& engine, const Values& words);

std::span<const Command> boot_commands();  // lodge boot show|confirm|revert|recover

}  // namespace lodge
