#pragma once

#include <span>

#include "engine/command.h"

namespace lodge {

// What main joins of this half of the module: `lodge power status|sensors|watts|idle|cost|config`.
std::span<const Command> power_sight_commands();
// `lodge keeper run`: what happens while nobody looks.
std::span<const Command> keeper_commands();

}  // namespace lodge
