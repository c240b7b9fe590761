#pragma once

#include "tui/words.h"

namespace lodge {

struct Engine;

// Runs Lodge as questions and answers in plain lines on standard input and output: the same
// commands, nothing moves, nothing is drawn. Returns the exit status when the person quits or the
// input ends.
int run_linear(Engine& engine, CommandTables tables, bool readonly);

}  // namespace lodge
