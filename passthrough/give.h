#pragma once

#include "engine/plan.h"

namespace lodge {

// words: device, guest, [seconds] of a trial, [port]. Throws Error with the findings that block it.
Plan plan_give(Engine& engine, const Values& words);
// words: device
Plan plan_take_back(Engine& engine, const Values& words);

}  // namespace lodge
