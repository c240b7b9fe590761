#pragma once

#include <string>
#include <string_view>

#include "tui/words.h"

namespace lodge {

// The options that every command takes, for the parser; the table of them is global_options().

// What the flag of that name ("json") sets; nullptr when it is none, or takes a word.
bool* global_flag(GlobalOptions& options, std::string_view name);
// "-h,--help": as CLI11 takes it.
std::string global_flag_names(std::string_view name);
// What the option of that name ("color") holds; nullptr when it is none, or a flag.
std::string* global_word(GlobalOptions& options, std::string_view name);
// Whether "--color" has a word behind it.
bool global_takes_word(std::string_view dashed);
// Why an option that takes a word does not take this one; "" when it does.
std::string global_problem(std::string_view dashed, const std::string& word);

}  // namespace lodge
