#pragma once

#include <string>
#include <string_view>

namespace lodge {

// Output is where words go: standard output and standard error, and what stands behind them.
struct Output {
    bool terminal = false;        // standard output is one
    bool error_terminal = false;  // standard error is one
    bool asks = false;            // somebody can answer: input and errors are a terminal
    bool moves = false;           // standard error understands "back to the line's start"
    bool blocks = false;          // it shows UTF-8
    bool colors = false;          // on standard output
    bool error_colors = false;
    bool plain = false;  // what is for standard error goes to standard output, in its order
    bool quiet = false;
    bool json = false;

    // `color`: auto, always, never.
    static Output find(std::string_view color);

    // Whole lines; text for people has gone through printable() line by line before.
    void print(std::string_view text) const;
    // Words for a person on standard output, as lines that end in it on a terminal: no word is cut.
    void say(std::string_view words) const;
    void error(std::string_view text) const;
    // "lodge: words" on standard error, each further line indented.
    void trouble(std::string_view words) const;
    void warning(std::string_view words) const;
    // Headings of a help text: in bold where colours are.
    std::string bold(std::string_view text) const;
};

// Each line of the text made safe for a terminal, line breaks kept.
std::string printable_lines(std::string_view text);

}  // namespace lodge
