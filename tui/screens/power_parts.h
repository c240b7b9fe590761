#pragma once

#include <vector>

#include "engine/state/power_view.h"
#include "tui/screens/host_parts.h"

namespace lodge {

// The parts of the power screen. `roomy`: graphs are higher and the parts stand apart.

// Watts and temperature with their last minutes, cost, warnings.
std::vector<HostPart> watt_parts(const Seen& seen, const Glyphs& glyphs, bool roomy);
// Frequencies and idle states: in a line each, or all of them.
std::vector<HostPart> idle_parts(const PowerView& view, const Glyphs& glyphs, int width, bool all);
// Who keeps the machine from idling deeper; at most so many lines of each kind.
std::vector<HostPart> blocker_parts(const PowerView& view, size_t most);
// Each guest's part of what is measured.
std::vector<HostPart> share_parts(const PowerView& view, const Glyphs& glyphs);
// Everything that measures.
std::vector<HostPart> meter_parts(const PowerView& view);
// Each sensor with its raw name, its limit and its last minutes.
std::vector<HostPart> sensor_parts(const Seen& seen, const Glyphs& glyphs);

}  // namespace lodge
