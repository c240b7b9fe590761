// The help of the full screen: made from the table of commands and the screens' own keys.
#include <fmt/format.h>

#include <algorithm>

#include "tui/app.h"
#include "tui/help.h"
#include "tui/screen_keys.h"

namespace lodge {
namespace {

void add(std::string& text, std::string_view keys, std::string_view words, int width = 14) {
    text += fmt::format("  {:<{}} {}\n", keys, width, words);
}

}  // namespace

void App::open_help() {
    std::string text =
        fmt::format("# {}\n{}\n\n", screen_kinds()[place_].name, screen_kinds()[place_].help);
    const Chosen chosen = screen().chosen();
    for (const OwnKey& own : screen().own_keys())
        add(text, own.key, own.help);
    for (const Command* command : commands_of(chosen.subject))
        if (const std::string keys = command_key_words(*command); !keys.empty())
            add(text, keys, fmt::format("{}: {}", command->label, command->help));
    text += "\n# Moving\n";
    for (const ScreenKeys& line : moving_keys())
        add(text, line.keys, line.words);
    text += "\n# Everywhere\n";
    for (const ScreenKeys& line : everywhere_keys())
        add(text, line.keys, line.words);
    text += "\n# All commands\nThe same by words in a shell: lodge guest start 101\n";
    for (const auto& table : tables_)
        for (const Command& command : table)
            add(text, command_words(command), command.help, 22);
    open(text_dialog(*this, "Help", text));
}

}  // namespace lodge
