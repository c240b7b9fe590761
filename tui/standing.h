#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace lodge {

class App;

// Standing is a line at the very top of every screen, over dialogs, consoles and pictures too,
// until its matter is settled: a change on trial that takes itself back unless the person says that
// they are still here. Beside the words it shows what is left of the time, and the keys: K keeps
// it, U takes it back now. In a guest's console, where all keys are the guest's, and while
// something is typed, the mouse still can, and the line says which key leads out.
struct Standing {
    std::string words;  // "eno1 is in the bridge vmbr0"; one line, short
    int64_t until = 0;  // when it lapses: seconds of Host::now_seconds(); 0: it does not
    // What they throw is told in a box; empty: it can't be done now.
    std::function<void()> keep = {}, undo = {};
};

// What is on trial now; asked after each look of State (a second or so), so it waits for nobody.
// What it throws is told in a box, once.
using StandingSource = std::function<std::vector<Standing>(App&)>;

// The table of them (tui/screens/all.cc): a line each.
std::span<const StandingSource> standing_sources();

}  // namespace lodge
