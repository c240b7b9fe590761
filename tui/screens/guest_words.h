#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/state.h"
#include "tui/canvas.h"

namespace lodge {

// How a guest's figures read in the list and in the details.

// Whether anything counts what it uses: a container without control groups says nothing.
bool is_counted(const GuestView& view);
// "1.9/4.0G": what is used inside when the guest tells, else what it holds on the host.
std::string memory_words(const GuestView& view);
// "12M", "" when neither is known.
std::string rate_sum_words(const std::optional<double>& a, const std::optional<double>& b);
std::string rate_words(const std::optional<double>& rate);  // "1.2M/s", "unknown"
// "pending changes, software emulation, snapshot 2d old".
std::string notes_words(const GuestView& view);
// The same for a narrow column: "pending, emulated, snap before-upgrade".
std::string short_notes_words(const GuestView& view);
// History as a graph takes it: the largest of each three seconds; gaps are below 0.
constexpr size_t graph_seconds = 3;
std::vector<float> graph_values(const History& history);
Role state_role(const GuestView& view);
Role note_role(const GuestView& view);

}  // namespace lodge
