#pragma once

#include "tui/words_run.h"

namespace lodge {

// The steps of a new guest, asked line by line, with numbers to choose by; then what was chosen is
// told, and `guest create` or `demo make` does it. Enter alone takes what stands in brackets.
// Throws Error, also when the person wants nothing any more, or there is nobody.
void create_line_by_line(Engine& engine, CommandTables tables, const Output& output);

}  // namespace lodge
