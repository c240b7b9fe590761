#include "tui/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/command.h"
#include "engine/units.h"

namespace lodge {
namespace {

double part_of(const Progress& progress) {
    if (progress.total <= 0) return 0;
    const double part = static_cast<double>(progress.done) / static_cast<double>(progress.total);
    return std::clamp(part, 0.0, 1.0);
}

// What is still in percent would say the same twice.
bool is_percent(const Progress& progress) {
    return progress.unit == "%";
}

std::string rate_words(const Progress& progress) {
    // In the first second a rate is a guess.
    if (progress.seconds < 1 || progress.done <= 0 || is_percent(progress)) return "";
    const double rate = static_cast<double>(progress.done) / progress.seconds;
    if (progress.unit != "bytes") return "";
    return short_size(static_cast<int64_t>(rate)) + "/s";
}

std::string left_words(const Progress& progress) {
    if (progress.seconds < 1 || progress.done <= 0 || progress.total <= progress.done) return "";
    // Of time itself, the rest is known at once.
    const double rest = static_cast<double>(progress.total - progress.done);
    const double seconds =
        progress.unit == "s" ? rest : rest * progress.seconds / static_cast<double>(progress.done);
    if (seconds > 86400.0 * 99) return "";
    return short_duration(std::llround(seconds)) + " left";
}

std::string bar(double part, int cells, bool blocks) {
    static constexpr std::string_view eighths[] = {"",       "\u258f", "\u258e", "\u258d",
                                                   "\u258c", "\u258b", "\u258a", "\u2589"};
    std::string text = "[";
    int left = cells;
    if (blocks) {
        const int eighth = static_cast<int>(part * cells * 8);
        for (int i = 0; i < eighth / 8; ++i)
            text += "\u2588";
        left -= eighth / 8;
        if (eighth % 8 != 0) {
            text += eighths[eighth % 8];
            --left;
        }
    } else {
        const int full = static_cast<int>(part * cells);
        text.append(static_cast<size_t>(full), '#');
        left -= full;
    }
    text.append(static_cast<size_t>(std::max(0, left)), ' ');
    return text + "]";
}

}  // namespace

std::string amount_words(int64_t amount, std::string_view unit) {
    if (unit == "bytes") return short_size(amount);
    if (unit == "%") return fmt::format("{}%", amount);
    if (unit == "s") return short_duration(amount);
    return unit.empty() ? std::to_string(amount) : fmt::format("{} {}", amount, printable(unit));
}

std::string progress_words(const Progress& progress) {
    std::vector<std::string> words;
    if (progress.total > 0 && is_percent(progress)) {
        words.push_back(fmt::format("{:.0f}%", part_of(progress) * 100));
    } else if (progress.total > 0) {
        words.push_back(fmt::format("{} of {}", amount_words(progress.done, progress.unit),
                                    amount_words(progress.total, progress.unit)));
    } else if (progress.done > 0) {
        words.push_back(amount_words(progress.done, progress.unit));
    }
    for (const std::string& more : {rate_words(progress), left_words(progress)})
        if (!more.empty()) words.push_back(more);
    return join(words, "  ");
}

std::string progress_line(const Progress& progress, int width, bool blocks) {
    width = std::max(width, 1);
    const std::string step = printable(progress.step);
    std::string what = printable(progress.title);
    if (!step.empty()) what += ": " + step;
    if (progress.number > 0 && progress.steps > 1)
        what = fmt::format("{}/{} {}", progress.number, progress.steps, what);
    const std::string words = progress_words(progress);
    const int words_width = text_width(words);
    if (words.empty()) return fit_text(what, width);
    constexpr int least_name = 12, least_bar = 6, most_bar = 24;
    // The numbers first, then the name, then a bar of what is left.
    int room = width - words_width;
    if (room < least_name) return fit_text(words, width);
    room -= 2;
    const int name = std::min(text_width(what), std::max(least_name, room - least_bar - 4));
    const int cells = progress.total > 0 ? std::min(most_bar, room - name - 4) : 0;
    if (cells < least_bar) return fit_text(what, room) + "  " + words;
    return fit_text(what, name) + "  " + bar(part_of(progress), cells, blocks) + "  " + words;
}

}  // namespace lodge
