#pragma once

#include <string>
#include <vector>

#include "tui/canvas.h"
#include "tui/glyphs.h"
#include "tui/key.h"

namespace lodge {

// TabWord is one of several things that a line of tabs offers: "2 Devices", "Snapshots".
struct TabWord {
    std::string words;
    Key hit;                 // what a click on it is
    std::string brief = {};  // what stands for it where there is no room: "2"; "" for none
};

// Cells that they take with all words whole.
int tabs_width(const std::vector<TabWord>& tabs);
// From `x` of the row on, the one at `at` marked; returns the x behind them. Where they do not fit,
// the others are brief, or those around the marked one are shown, with signs that there are more.
int draw_tabs(const Area& row, int x, const std::vector<TabWord>& tabs, size_t at,
              const Glyphs& glyphs);

}  // namespace lodge
