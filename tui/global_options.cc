#include "tui/global_options.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/text.h"
#include "engine/units.h"

namespace lodge {
namespace {

// A week: who wants longer says 0.
constexpr int64_t most_minutes = 7 * 24 * 60;

const Option options_of_all[] = {
    {.name = "help", .help = "Says what the command does and takes."},
    {.name = "json", .help = "Prints one JSON value; an error is one on standard error."},
    {.name = "dry-run", .help = "Prints what would be done as shell, and does nothing."},
    {.name = "quiet", .help = "Prints nothing unless something goes wrong."},
    {.name = "yes", .help = "Does not ask before it interrupts or destroys."},
    {.name = "detach", .help = "Starts the job and prints its number; does not follow it."},
    {.name = "color",
     .value = "WHEN",
     .help = "auto, always or never; auto obeys NO_COLOR and where the output goes. For the "
             "full screen also mono, 8, 16 or 256.",
     .fallback = "auto"},
    {.name = "glyphs",
     .value = "LEVEL",
     .help = "The full screen's signs: auto, ascii, line or utf8; auto obeys locale and TERM.",
     .fallback = "auto"},
    {.name = "readonly", .help = "The full screen shows everything and changes nothing."},
    {.name = "console",
     .help = "The full screen at the machine's own console: viewing is free, changing wants a "
             "password, and it rests when nobody is there."},
    {.name = "lock-after",
     .value = "MINUTES",
     .help = "With --console: so long without a key, and changing wants the password again; 0 is "
             "never.",
     .fallback = "5"},
    {.name = "rest-after",
     .value = "MINUTES",
     .help = "With --console: so long without a key, and a picture stands that nothing moves on; 0 "
             "is never.",
     .fallback = "10"},
    {.name = "linear",
     .help =
         "In place of the full screen, questions and answers in plain lines: for screen readers, "
         "slow lines and pipes."},
    {.name = "version", .help = "Prints the version."},
};

}  // namespace

bool* global_flag(GlobalOptions& options, std::string_view name) {
    if (name == "help") return &options.help;
    if (name == "json") return &options.json;
    if (name == "dry-run") return &options.dry_run;
    if (name == "quiet") return &options.quiet;
    if (name == "yes") return &options.yes;
    if (name == "detach") return &options.detach;
    if (name == "version") return &options.version;
    if (name == "readonly") return &options.readonly;
    if (name == "linear") return &options.linear;
    if (name == "console") return &options.console;
    return nullptr;
}

std::string global_flag_names(std::string_view name) {
    const std::string dashed = "--" + std::string(name);
    if (name == "help") return "-h," + dashed;
    if (name == "quiet") return "-q," + dashed;
    if (name == "yes") return "-y," + dashed;
    if (name == "version") return "-V," + dashed;
    return dashed;
}

std::string* global_word(GlobalOptions& options, std::string_view name) {
    if (name == "color") return &options.color;
    if (name == "glyphs") return &options.glyphs;
    if (name == "lock-after") return &options.lock_after;
    if (name == "rest-after") return &options.rest_after;
    return nullptr;
}

std::span<const Option> global_options() {
    return options_of_all;
}

std::vector<std::string> global_choices(std::string_view dashed) {
    if (dashed == "--color") return {"auto", "always", "never", "mono", "8", "16", "256"};
    if (dashed == "--glyphs") return {"auto", "ascii", "line", "utf8"};
    return {};
}

bool global_takes_word(std::string_view dashed) {
    return std::any_of(std::begin(options_of_all), std::end(options_of_all),
                       [&](const Option& option) {
                           return !option.value.empty() && dashed.starts_with("--") &&
                                  dashed.substr(2) == option.name;
                       });
}

std::string global_problem(std::string_view dashed, const std::string& word) {
    const auto choices = global_choices(dashed);
    if (choices.empty()) {
        const auto minutes = parse_integer(word);
        if (minutes && *minutes >= 0 && *minutes <= most_minutes) return "";
        return fmt::format("'{}' is not allowed: minutes, 0 (never) to {}", printable(word),
                           most_minutes);
    }
    if (std::find(choices.begin(), choices.end(), word) != choices.end()) return "";
    return fmt::format("'{}' is not allowed: {}", printable(word), join(choices, ", "));
}

}  // namespace lodge
