// How values of a form are stepped and completed.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "engine/units.h"
#include "tui/form.h"

namespace lodge {
namespace {

// A folder with more entries than this is not read to its end.
constexpr size_t most_names = 5000;

// A quarter of the power of two below, at least 1: 1, 2, 3, 4, 5 … 8, 10, 12 … 2048, 2560.
int64_t step_at(int64_t value) {
    int64_t power = 1;
    while (power <= value / 2)
        power *= 2;
    return std::max<int64_t>(1, power / 4);
}

int64_t one_step(int64_t value, int by) {
    if (by > 0) return value + step_at(value);
    // Down by the step that leads up to here.
    return value - step_at(value - step_at(value));
}

std::string home_expanded(const std::string& path) {
    const char* home = std::getenv("HOME");
    if (home == nullptr || !path.starts_with("~/")) return path;
    return home + path.substr(1);
}

}  // namespace

std::string stepped_number(std::string_view text, int by, std::optional<double> min,
                           std::optional<double> max) {
    const auto number = parse_number(text.empty() ? "0" : text);
    if (!number || std::abs(*number) > 1e15) return "";
    double next = static_cast<double>(one_step(static_cast<int64_t>(*number), by));
    if (text.empty() && min && by > 0) next = *min;
    next = std::clamp(next, min.value_or(0), max.value_or(1e15));
    return fmt::format("{:.0f}", next);
}

std::string stepped_size(std::string_view text, int by) {
    const auto bytes = parse_size(text.empty() ? "0" : text);
    if (!bytes || *bytes > int64_t{1} << 60) return "";
    constexpr int64_t gib = int64_t{1} << 30;
    const int64_t unit = *bytes > gib || (*bytes == gib && by > 0) ? gib : 1 << 20;
    const int64_t next = std::max<int64_t>(1, one_step(*bytes / unit, by));
    return print_size(next * unit);
}

PathEnding complete_path(const std::string& typed) {
    namespace fs = std::filesystem;
    PathEnding ending{typed, {}};
    const std::string path = home_expanded(typed);
    const size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "" : path.substr(0, slash + 1);
    const std::string begun = path.substr(folder.size());
    std::error_code trouble;
    fs::directory_iterator entry(folder.empty() ? "." : folder, trouble);
    for (; !trouble && entry != fs::directory_iterator() && ending.names.size() < most_names;
         entry.increment(trouble)) {
        const std::string name = entry->path().filename().string();
        // Hidden ones only when they are asked for.
        if (!name.starts_with(begun) || (begun.empty() && name.starts_with("."))) continue;
        std::error_code unknown;
        ending.names.push_back(folder + name + (entry->is_directory(unknown) ? "/" : ""));
    }
    if (ending.names.empty()) return ending;
    std::sort(ending.names.begin(), ending.names.end());
    const std::string &first = ending.names.front(), &last = ending.names.back();
    const auto differ = std::mismatch(first.begin(), first.end(), last.begin(), last.end());
    ending.path = std::string(first.begin(), differ.first);
    return ending;
}

std::string to_text(const PathEnding& ending) {
    std::string text = ending.path;
    for (const std::string& name : ending.names)
        text += '\0' + name;
    return text;
}

PathEnding path_ending(std::string_view text) {
    std::vector<std::string> parts = split(text, '\0');
    PathEnding ending{std::move(parts.front()), {}};
    ending.names.assign(std::make_move_iterator(parts.begin() + 1),
                        std::make_move_iterator(parts.end()));
    return ending;
}

}  // namespace lodge
