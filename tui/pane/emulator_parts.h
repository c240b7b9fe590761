#pragma once

#include <vterm.h>

#include <memory>

#include "engine/fd.h"
#include "tui/pane/emulator.h"

namespace lodge {

// What emulator.cc and emulator_keys.cc share and nobody else sees.
struct Emulator::Machine {
    std::unique_ptr<VTerm, Owned<vterm_free>> terminal;
    VTermScreen* screen = nullptr;  // the terminal's
};

}  // namespace lodge
