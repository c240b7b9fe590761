#pragma once

#include <string>
#include <vector>

#include "engine/schema.h"
#include "tui/output.h"
#include "tui/words.h"

namespace lodge {

// `lodge --help`, `lodge guest --help`, `lodge guest start --help`.
std::string program_help(CommandTables tables, const Output& output);
std::string subject_help(CommandTables tables, std::string_view subject, const Output& output);
std::string command_help(const Command& command, const Output& output);
// `lodge help …`: nothing, a subject, a command, "keys [vm|ct]", "key NAME". Throws
// Error(Exit::usage or not_found).
std::string help_about(CommandTables tables, const std::vector<std::string>& words,
                       const Output& output);
// One key of a configuration with its parts, for both kinds of guest that have it.
std::string key_help(std::string_view key, const Output& output);
// "net0 … net31" for an indexed field.
std::string key_words(const Field& field);
// What a subject is, in a sentence.
std::string_view subject_words(std::string_view subject);

}  // namespace lodge
