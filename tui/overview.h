#pragma once

#include "engine/command.h"

namespace lodge {

struct Engine;

// What `lodge` says without words: the machine, its guests, and how to begin.
Report overview(Engine& engine);

}  // namespace lodge
