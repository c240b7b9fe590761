#pragma once

#include "tests/screens/machine_lines.h"
#include "tests/screens/machine_text.h"

namespace lodge::machine_text {

// The block "power" of a Machine's text (machine.h).
void read_power(const Block& block, MachineText& machine);

}  // namespace lodge::machine_text
