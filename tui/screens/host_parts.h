#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "engine/state/views.h"
#include "tui/canvas.h"
#include "tui/glyphs.h"

namespace lodge {

// HostPart is one part of what the host's screen shows: so many rows, drawn on as many.
struct HostPart {
    int height = 0;
    std::function<void(Area)> draw;
    std::function<int(int width)> height_at = {};  // where the width decides

    int rows(int width) const { return height_at ? height_at(width) : height; }
};

constexpr int part_label = 8;  // cells of a label

// Words behind a label, in as many lines as they need; a line of nothing; a title. Words of any
// origin are safe.
HostPart line_part(std::string_view label, std::string_view words, Paint paint = {});
HostPart gap_part();
HostPart heading_part(std::string_view words);
// Sensors in as many columns as there is room for: alarms first, then the hottest.
HostPart sensors_part(std::vector<SensorView> sensors, int width);

// The machine itself: system, processor, CPUs, memory, what it reads and writes. `roomy`: graphs
// are higher and the parts stand apart.
std::vector<HostPart> machine_parts(const Seen& seen, const Glyphs& glyphs, int width, bool roomy);
// What is in it: sensors, disks with their file systems.
std::vector<HostPart> hardware_parts(const Seen& seen, const Glyphs& glyphs, int width);

}  // namespace lodge
