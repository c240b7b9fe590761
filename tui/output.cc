#include "tui/output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "engine/units.h"
#include "engine/wrap.h"

namespace lodge {
namespace {

std::string_view environment(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

bool is_utf8() {
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
        const std::string_view value = environment(name);
        if (value.empty()) continue;
        return value.find("UTF-8") != std::string_view::npos ||
               value.find("utf8") != std::string_view::npos;
    }
    return false;
}

void write(std::FILE* file, std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), file);
    std::fflush(file);
}

// Where lines are not broken for a person to read.
constexpr int endless = 1 << 20;

std::string labelled(std::string_view label, std::string_view colour, bool colours, int width,
                     std::string_view words) {
    std::string text;
    for (const std::string& line : split(printable_lines(words), '\n'))
        text += (text.empty() ? std::string(label) + " " : "  ") + line + "\n";
    std::string lines;
    for (const std::string& line : wrapped(text, width - 2))
        lines += (lines.empty() || line.starts_with("  ") ? "" : "  ") + line + "\n";
    if (colours) lines.replace(0, label.size(), fmt::format("\x1b[{}m{}\x1b[0m", colour, label));
    return lines;
}

}  // namespace

Output Output::find(std::string_view color) {
    Output output;
    output.terminal = ::isatty(STDOUT_FILENO) == 1;
    output.error_terminal = ::isatty(STDERR_FILENO) == 1;
    output.asks = output.error_terminal && ::isatty(STDIN_FILENO) == 1;
    const std::string_view term = environment("TERM");
    const bool able = !term.empty() && term != "dumb";
    output.moves = output.error_terminal && able;
    output.blocks = is_utf8() && term != "linux" && !term.starts_with("vt");
    const bool wanted =
        color == "always" || (color == "auto" && able && environment("NO_COLOR").empty());
    output.colors = wanted && (output.terminal || color == "always");
    output.error_colors = wanted && (output.error_terminal || color == "always");
    return output;
}

void Output::print(std::string_view text) const {
    write(stdout, text);
}

void Output::say(std::string_view words) const {
    print(wrap_text(printable_lines(words), terminal ? terminal_columns() - 1 : endless, 0));
}

void Output::error(std::string_view text) const {
    write(plain ? stdout : stderr, text);
}

void Output::trouble(std::string_view words) const {
    error(labelled("lodge:", "1;31", error_colors, error_terminal ? terminal_columns() : endless,
                   words));
}

void Output::warning(std::string_view words) const {
    error(labelled("warning:", "33", error_colors, error_terminal ? terminal_columns() : endless,
                   words));
}

std::string Output::bold(std::string_view text) const {
    return colors ? fmt::format("\x1b[1m{}\x1b[0m", text) : std::string(text);
}

std::string printable_lines(std::string_view text) {
    std::string safe;
    for (const std::string& line : split(text, '\n'))
        safe += printable(line) + "\n";
    safe.pop_back();
    return safe;
}

}  // namespace lodge
