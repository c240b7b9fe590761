#pragma once

#include <string>

#include "engine/plan.h"
#include "engine/values.h"

// What the verbs of change and snapshot do, room by room; only their two tables include this.
namespace lodge {

// change_config.cc
void run_config_set(Work& work, const Values& on);
std::string shell_config_set(const Values& on);
void run_apply_pending(Work& work, const Values& on);
std::string shell_apply_pending(const Values& on);

}  // namespace lodge
