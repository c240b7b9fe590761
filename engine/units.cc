#include "engine/units.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace lodge {
namespace {

constexpr std::string_view kUnits = "KMGTPE";
constexpr std::string_view kSpace = " \t\n\v\f\r";
constexpr auto kMax = std::numeric_limits<int64_t>::max();

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_word(std::string_view text, std::string_view word) {
    if (text.size() != word.size()) return false;
    for (size_t i = 0; i < text.size(); ++i)
        if (lower(text[i]) != word[i]) return false;
    return true;
}

}  // namespace

std::optional<int64_t> parse_size(std::string_view text) {
    int64_t unit = 1;
    if (!text.empty()) {
        const size_t letter = kUnits.substr(0, 4).find(text.back());
        if (letter != std::string_view::npos) {
            unit = int64_t{1} << (10 * (letter + 1));
            text.remove_suffix(1);
        }
    }
    const size_t point = text.find('.');
    const std::string_view whole = text.substr(0, point);
    if (whole.empty() || !is_digit(whole.front())) return std::nullopt;
    const auto count = parse_integer(whole);
    if (!count || *count > kMax / unit) return std::nullopt;
    int64_t bytes = *count * unit;
    if (point != std::string_view::npos) {
        const std::string_view digits = text.substr(point + 1);
        if (digits.empty()) return std::nullopt;
        long double fraction = 0;
        long double place = 1;
        for (const char c : digits) {
            if (!is_digit(c)) return std::nullopt;
            place /= 10;
            fraction += (c - '0') * place;
        }
        // A hair more, so that 0.1 of a unit written in decimal is not one byte short.
        const auto rest = static_cast<int64_t>(fraction * static_cast<long double>(unit) + 1e-7L);
        if (rest > kMax - bytes) return std::nullopt;
        bytes += rest;
    }
    return bytes;
}

std::string print_size(int64_t bytes) {
    size_t unit = 0;
    while (bytes != 0 && unit < 4 && bytes % 1024 == 0) {
        bytes /= 1024;
        ++unit;
    }
    return unit == 0 ? fmt::format("{}", bytes) : fmt::format("{}{}", bytes, kUnits[unit - 1]);
}

std::string short_size(int64_t bytes) {
    if (bytes < 0)
        return bytes == std::numeric_limits<int64_t>::min() ? "-8.0E" : "-" + short_size(-bytes);
    if (bytes < 1024) return fmt::format("{}", bytes);
    auto value = static_cast<double>(bytes);
    size_t unit = 0;
    // Terabytes reach four digits before the next letter, so that disks stay in one unit.
    const auto limit = [&] { return unit == 4 ? 9999.5 : unit == 0 ? 1024 : 1023.5; };
    while (value >= limit() && unit < kUnits.size()) {
        value /= 1024;
        ++unit;
    }
    if (value < 9.95) return fmt::format("{:.1f}{}", value, kUnits[unit - 1]);
    return fmt::format("{:.0f}{}", value, kUnits[unit - 1]);
}

std::string short_duration(int64_t seconds) {
    if (seconds < 0) seconds = 0;
    if (seconds >= 86400) return fmt::format("{}d", seconds / 86400);
    if (seconds >= 3600) return fmt::format("{}h", seconds / 3600);
    if (seconds >= 60) return fmt::format("{}m", seconds / 60);
    return fmt::format("{}s", seconds);
}

std::string counted_words(int64_t count, std::string_view one) {
    // "process" -> "processes"
    const std::string_view end = one.ends_with('s') || one.ends_with('x') ? "es" : "s";
    return fmt::format("{} {}{}", count, one, count == 1 ? "" : end);
}

std::optional<bool> parse_boolean(std::string_view text) {
    for (const std::string_view word : {"1", "on", "yes", "true"})
        if (same_word(text, word)) return true;
    for (const std::string_view word : {"0", "off", "no", "false"})
        if (same_word(text, word)) return false;
    return std::nullopt;
}

std::optional<int64_t> parse_integer(std::string_view text) {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || text.empty())
        return std::nullopt;
    return value;
}

std::optional<double> parse_number(std::string_view text) {
    // from_chars also takes "inf" and "nan", which no setting means.
    if (text.empty() || !(is_digit(text.back()) || text.back() == '.')) return std::nullopt;
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
        return std::nullopt;
    return value;
}

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts;
    for (;;) {
        const size_t at = text.find(separator);
        parts.emplace_back(text.substr(0, at));
        if (at == std::string_view::npos) return parts;
        text.remove_prefix(at + 1);
    }
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
    std::string text;
    for (size_t i = 0; i < parts.size(); ++i) {
        if (i != 0) text += separator;
        text += parts[i];
    }
    return text;
}

std::string_view trim(std::string_view text) {
    const size_t first = text.find_first_not_of(kSpace);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::string shell_quote(std::string_view text) {
    constexpr std::string_view safe =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%_+=:,./-";
    if (!text.empty() && text.find_first_not_of(safe) == std::string_view::npos)
        return std::string(text);
    std::string quoted = "'";
    for (const char c : text) {
        if (c == '\'')
            quoted += "'\\''";
        else
            quoted += c;
    }
    return quoted + "'";
}

std::string shell_line(const std::vector<std::string>& argv) {
    std::string line;
    for (const std::string& word : argv) {
        if (!line.empty()) line += ' ';
        line += shell_quote(word);
    }
    return line;
}

}  // namespace lodge
