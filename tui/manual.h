#pragma once

#include <string>
#include <string_view>

#include "tui/words.h"

namespace lodge {

// Habit is a command of Proxmox VE's tools and what does the same here.
struct Habit {
    std::string_view theirs, ours;
};
std::span<const Habit> habits();

// The manual page lodge(1) as roff for man(7), from the tables of commands and the schemas.
std::string manual_page(CommandTables tables);
// Text as roff shows it: backslashes, dashes and a dot at a line's start made safe.
std::string roff_text(std::string_view text);

}  // namespace lodge
