#pragma once

#include <ctime>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/error.h"
#include "engine/units.h"

// The lines of a Machine's text and how deep they stand.
namespace lodge::machine_text {

// Line is one line: its first word, the others, and how deep it stands.
struct Line {
    int number = 0;
    size_t depth = 0;
    std::string text;
    std::vector<std::string> words;

    [[noreturn]] void wrong(std::string_view why) const {
        fail(Exit::usage, "line {}: {}: {}", number, text, why);
    }
    const std::string& word(size_t index) const {
        if (index >= words.size()) wrong("a word is missing");
        return words[index];
    }
    // All from the word on, as it was written.
    std::string rest(size_t index) const {
        return join({words.begin() + static_cast<long>(std::min(index, words.size())), words.end()},
                    " ");
    }
    int64_t size(size_t index) const {
        const auto value = parse_size(word(index));
        if (!value) wrong("no size: " + word(index));
        return *value;
    }
    double number_at(size_t index) const {
        std::string text_of = word(index);
        const bool percent = !text_of.empty() && text_of.back() == '%';
        if (percent) text_of.pop_back();
        const auto value = parse_number(text_of);
        if (!value) wrong("no number: " + word(index));
        return percent ? *value / 100 : *value;
    }
    int whole(size_t index) const {
        const auto value = parse_integer(word(index));
        if (!value) wrong("no whole number: " + word(index));
        return static_cast<int>(*value);
    }
    // "12d 3h 4m 5s"
    int64_t duration(size_t index) const {
        int64_t seconds = 0;
        for (size_t i = index; i < words.size(); ++i) {
            const std::string& one = words[i];
            const auto count = parse_integer(std::string_view(one).substr(0, one.size() - 1));
            const auto unit = std::string_view("smhd").find(one.back());
            if (!count || unit == std::string_view::npos) wrong("no duration: " + one);
            seconds += *count * std::vector<int64_t>{1, 60, 3600, 86400}[unit];
        }
        return seconds;
    }
    // "2026-03-01 16:28:00", UTC
    int64_t time(size_t index) const {
        tm parts{};
        const std::string written = word(index) + " " + word(index + 1);
        const char* end = ::strptime(written.c_str(), "%Y-%m-%d %H:%M:%S", &parts);
        if (!end || *end != '\0') wrong("no time such as 2026-03-01 16:28:00");
        return ::timegm(&parts);
    }
    // "… name value name value": the size behind a name
    std::optional<double> named(std::string_view name) const {
        for (size_t i = 1; i + 1 < words.size(); ++i)
            if (words[i] == name) {
                if (words[i + 1].ends_with('%')) return number_at(i + 1);
                return static_cast<double>(size(i + 1));
            }
        return std::nullopt;
    }
};

// Block is a line and those that stand deeper below it.
struct Block {
    Line line;
    std::vector<Block> inner;
};

inline std::vector<Line> lines_of(std::string_view text) {
    std::vector<Line> lines;
    int number = 0;
    for (const std::string& raw : split(text, '\n')) {
        ++number;
        if (trim(raw).empty() || raw.starts_with("#")) continue;
        Line line{number, raw.find_first_not_of(' '), std::string(trim(raw)), {}};
        for (const std::string& word : split(line.text, ' '))
            if (!word.empty()) line.words.push_back(word);
        lines.push_back(std::move(line));
    }
    return lines;
}

inline std::vector<Block> blocks_of(const std::vector<Line>& lines, size_t& at, size_t depth) {
    std::vector<Block> blocks;
    while (at < lines.size() && lines[at].depth >= depth) {
        Block block{lines[at], {}};
        ++at;
        if (at < lines.size() && lines[at].depth > block.line.depth)
            block.inner = blocks_of(lines, at, lines[at].depth);
        blocks.push_back(std::move(block));
    }
    return blocks;
}

// What a line that begins with a word does.
using Words = std::map<std::string_view, std::function<void(const Line&)>>;

inline void obey(const Line& line, const Words& words) {
    const auto found = words.find(line.word(0));
    if (found == words.end()) line.wrong("not known here");
    found->second(line);
}

}  // namespace lodge::machine_text
