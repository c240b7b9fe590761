#pragma once

#include <span>
#include <vector>

#include "engine/command.h"
#include "engine/plan.h"
#include "engine/trial.h"

namespace lodge {

// The engine's tables of verbs, one line each in engine/actions.cc; main joins the modules' to
// them. all_actions() are these alone.
std::vector<std::span<const ActionKind>> engine_actions();

}  // namespace lodge
