#include "passthrough/boot_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "engine/units.h"

namespace lodge {
namespace {

constexpr std::string_view kFirst = "# Lodge adds what its devices need:";
constexpr std::string_view kVariable = "GRUB_CMDLINE_LINUX_DEFAULT";

// As isspace() of the kernel has it.
bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool has_word(const std::vector<std::string>& words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines = split(text, '\n');
    if (!lines.empty() && lines.back().empty()) lines.pop_back();
    return lines;
}

std::string text_of(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines)
        text += line + "\n";
    return text;
}

// In double quotes of a shell.
std::string quoted(std::string_view word) {
    std::string text;
    for (const char c : word) {
        if (c == '"' || c == '\\' || c == '$' || c == '`') text += '\\';
        text += c;
    }
    return text;
}

std::string unquoted(std::string_view word) {
    std::string text;
    for (size_t i = 0; i < word.size(); ++i) {
        if (word[i] == '\\' && i + 1 < word.size()) ++i;
        text += word[i];
    }
    return text;
}

std::string grub_start() {
    return fmt::format("{0}=\"${0} ", kVariable);
}

}  // namespace

std::vector<std::string> kernel_words(std::string_view line) {
    std::vector<std::string> words;
    std::string word;
    bool in_quotes = false;
    for (const char c : line) {
        if (is_space(c) && !in_quotes) {
            if (!word.empty()) words.push_back(std::move(word));
            word.clear();
            continue;
        }
        if (c == '"') in_quotes = !in_quotes;
        word += c;
    }
    if (!word.empty()) words.push_back(std::move(word));
    return words;
}

std::string kernel_word_name(std::string_view word) {
    std::string name(word.substr(0, word.find('=')));
    std::erase(name, '"');
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

bool is_kernel_word(std::string_view word) {
    if (word.empty() || std::count(word.begin(), word.end(), '"') % 2 != 0) return false;
    if (std::any_of(word.begin(), word.end(), [](unsigned char c) { return c < ' ' || c == 127; }))
        return false;
    const auto words = kernel_words(word);
    return words.size() == 1 && words[0] == word;
}

std::string with_kernel_words(std::string_view line, const std::vector<std::string>& words) {
    // A line break ends the line; what follows it would be lost.
    std::string text(line);
    while (!text.empty() && is_space(text.back()))
        text.pop_back();
    auto there = kernel_words(text);
    for (const std::string& word : words) {
        if (has_word(there, word)) continue;
        there.push_back(word);
        if (!text.empty()) text += ' ';
        text += word;
    }
    return text;
}

std::vector<std::string> contradicting_words(std::string_view line,
                                             const std::vector<std::string>& words) {
    std::vector<std::string> found;
    for (const std::string& one : kernel_words(line))
        for (const std::string& word : words)
            if (one != word && kernel_word_name(one) == kernel_word_name(word) &&
                !has_word(found, one))
                found.push_back(one);
    return found;
}

std::string grub_lines(const std::vector<std::string>& words) {
    std::string text(kFirst);
    text += "\n" + grub_start();
    for (size_t i = 0; i < words.size(); ++i)
        text += (i > 0 ? " " : "") + quoted(words[i]);
    return text + "\"\n";
}

std::vector<std::string> words_of_grub_lines(std::string_view text) {
    const auto lines = lines_of(text);
    for (size_t i = 0; i + 1 < lines.size(); ++i) {
        const std::string start = grub_start();
        if (lines[i] != kFirst || !lines[i + 1].starts_with(start) ||
            !lines[i + 1].ends_with('"') || lines[i + 1].size() <= start.size())
            continue;
        const std::string_view inside = lines[i + 1];
        return kernel_words(
            unquoted(inside.substr(start.size(), inside.size() - start.size() - 1)));
    }
    return {};
}

std::string with_grub_lines(std::string_view text, const std::vector<std::string>& words) {
    auto lines = lines_of(text);
    for (size_t i = 0; i + 1 < lines.size();)
        if (lines[i] == kFirst && lines[i + 1].starts_with(grub_start()))
            lines.erase(lines.begin() + static_cast<ptrdiff_t>(i),
                        lines.begin() + static_cast<ptrdiff_t>(i) + 2);
        else
            ++i;
    return text_of(lines) + grub_lines(words);
}

namespace {

// The value of a line "options …"; nullopt for another line.
std::optional<std::string_view> options_in(std::string_view line) {
    const std::string_view words = trim(line);
    constexpr std::string_view key = "options";
    if (!words.starts_with(key) || words.size() == key.size() || !is_space(words[key.size()]))
        return std::nullopt;
    return trim(words.substr(key.size()));
}

}  // namespace

std::string entry_options(std::string_view text) {
    std::string all;
    for (const std::string& line : lines_of(text))
        if (const auto options = options_in(line))
            all += (all.empty() ? "" : " ") + std::string(*options);
    return all;
}

std::string with_entry_options(std::string_view text, const std::vector<std::string>& words) {
    const auto there = kernel_words(entry_options(text));
    std::vector<std::string> missing;
    for (const std::string& word : words)
        if (!has_word(there, word) && !has_word(missing, word)) missing.push_back(word);
    if (missing.empty()) return std::string(text);
    auto lines = lines_of(text);
    const auto last = std::find_if(lines.rbegin(), lines.rend(),
                                   [](const std::string& line) { return options_in(line); });
    if (last == lines.rend())
        lines.push_back("options " + join(missing, " "));
    else
        *last = with_kernel_words(*last, missing);
    return text_of(lines);
}

std::string text_diff(std::string_view path, std::string_view before, std::string_view after) {
    if (before == after) return "";
    const auto was = lines_of(before), is = lines_of(after);
    size_t same = 0, same_end = 0;
    while (same < was.size() && same < is.size() && was[same] == is[same])
        ++same;
    while (same_end + same < was.size() && same_end + same < is.size() &&
           was[was.size() - 1 - same_end] == is[is.size() - 1 - same_end])
        ++same_end;
    constexpr size_t around = 3;
    const size_t first = same > around ? same - around : 0;
    const size_t more = std::min(same_end, around);
    const auto range = [&](size_t lines) {
        const size_t count = lines - same_end + more - first;
        return fmt::format("{},{}", count == 0 ? first : first + 1, count);
    };
    std::string text = fmt::format(
        "--- {}\n+++ {}\n@@ -{} +{} @@\n", before.empty() ? std::string_view("/dev/null") : path,
        after.empty() ? std::string_view("/dev/null") : path, range(was.size()), range(is.size()));
    for (size_t i = first; i < same; ++i)
        text += " " + was[i] + "\n";
    for (size_t i = same; i < was.size() - same_end; ++i)
        text += "-" + was[i] + "\n";
    for (size_t i = same; i < is.size() - same_end; ++i)
        text += "+" + is[i] + "\n";
    for (size_t i = was.size() - same_end; i < was.size() - same_end + more; ++i)
        text += " " + was[i] + "\n";
    return text;
}

}  // namespace lodge
