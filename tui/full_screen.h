#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "tui/glyphs.h"
#include "tui/theme.h"
#include "tui/words.h"

namespace lodge {

struct Engine;

// FullScreenWishes is what the person said on the command line.
struct FullScreenWishes {
    std::optional<ColorLevel> colors;
    std::optional<GlyphLevel> glyphs;
    bool readonly = false;
    bool console = false;  // the machine's own: a password, an idle picture
    // There: so long without a key until it is locked, and until it rests; 0: never.
    std::chrono::minutes lock_after{5}, rest_after{10};
};

// Runs the full screen on this terminal until the person quits or the terminal is gone; returns the
// exit status. Throws Error when this is no terminal that can show it.
int run_full_screen(Engine& engine, CommandTables tables, const FullScreenWishes& wishes);

}  // namespace lodge
