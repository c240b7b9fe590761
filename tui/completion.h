#pragma once

#include <string>
#include <vector>

#include "tui/words.h"

namespace lodge {

struct Engine;

// The script that bash reads; it asks `lodge complete` for the words.
std::string bash_completion();
// `lodge complete LINE CURRENT`: what may stand at the end of the command line, a line each, cut to
// what bash would put in place of CURRENT, its idea of the last word.
std::string complete_words(CommandTables tables, Engine& engine,
                           const std::vector<std::string>& words);
// The candidates for the last of `words` (those behind "lodge"), whole and unquoted.
std::vector<std::string> candidates(CommandTables tables, Engine& engine,
                                    const std::vector<std::string>& words);

}  // namespace lodge
