#pragma once

#include <span>

#include "engine/command.h"
#include "engine/plan.h"

namespace lodge {

// What main joins of this module: its words, and the verbs of its plans.
std::span<const Command> power_commands();
std::span<const ActionKind> power_actions();

}  // namespace lodge
