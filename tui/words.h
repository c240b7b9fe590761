#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/command.h"
#include "engine/values.h"

namespace lodge {

using CommandTables = std::span<const std::span<const Command>>;

// GlobalOptions are the options that every command takes.
struct GlobalOptions {
    bool help = false;
    bool version = false;
    bool json = false;
    bool dry_run = false;
    bool quiet = false;
    bool yes = false;
    bool detach = false;
    bool readonly = false;
    bool linear = false;
    bool console = false;
    std::string color = "auto";                       // auto, always, never; mono, 8, 16, 256
    std::string glyphs = "auto";                      // auto, ascii, line, utf8
    std::string lock_after = "5", rest_after = "10";  // minutes; 0: never
};

// The global options as the table knows others, for parsing, help, manual and completion.
std::span<const Option> global_options();

// What the global option ("--color") may be; empty for one that takes no word, and for all others.
std::vector<std::string> global_choices(std::string_view dashed);

// ParsedWords is a command line taken apart. `command` is nullptr when only global options stand
// there, or when `other` is a word outside the tables: "help", "manual", "completion", "complete".
struct ParsedWords {
    const Command* command = nullptr;
    std::string other;
    std::vector<std::string> rest;  // the words after `other`, or after a subject without a verb
    std::string subject;            // a subject that stands alone
    Values values;
    GlobalOptions options;
};

// Throws Error(Exit::usage) that names the wrong word and, where one is near, what was meant.
ParsedWords parse_words(CommandTables tables, const std::vector<std::string>& words);

// "guest start"; only the subject when the command has no verb.
std::string command_words(const Command& command);
// "lodge guest start GUEST… [--timeout SECONDS]".
std::string usage_line(const Command& command);
// "GUEST…", "[NAME]": how an operand is written in help.
std::string operand_words(const Operand& operand);
// "--timeout SECONDS".
std::string option_words(const Option& option);
// The word among `known` that is most like `word`, "" when none is near (at most 2 slips).
std::string nearest_word(std::string_view word, const std::vector<std::string_view>& known);
// The subjects of all tables in their order, each once.
std::vector<std::string_view> subjects_of(CommandTables tables);

// Commands that only words can do: following a job.
std::span<const Command> tui_commands();

}  // namespace lodge
