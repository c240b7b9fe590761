#pragma once

#include <functional>
#include <vector>

#include "engine/state/views.h"
#include "tui/canvas.h"
#include "tui/glyphs.h"

namespace lodge {

// HostPart is one part of what the host's screen shows: so many rows, drawn on as many.
struct HostPart {
    int height = 0;
    std::function<void(Area)> draw;
};

// The machine itself: system, processor, CPUs, memory, what it reads and writes. `roomy`: graphs
// are higher and the parts stand apart.
std::vector<HostPart> machine_parts(const Seen& seen, const Glyphs& glyphs, int width, bool roomy);
// What is in it: sensors, disks with their file systems.
std::vector<HostPart> hardware_parts(const Seen& seen, const Glyphs& glyphs, int width);

}  // namespace lodge
