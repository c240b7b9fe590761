#include "engine/command.h"

#include <algorithm>

#include "engine/units.h"

namespace lodge {
namespace {

// Length of the UTF-8 sequence that begins with this byte; what is none counts as one byte.
size_t sequence_length(char first, size_t left) {
    const auto byte = static_cast<unsigned char>(first);
    const size_t length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc2 ? 2 : 1;
    return std::min(length, left);
}

char32_t decode(std::string_view sequence) {
    const auto first = static_cast<unsigned char>(sequence[0]);
    if (sequence.size() == 1) return first;
    char32_t point = first & (0x7fU >> sequence.size());
    for (size_t i = 1; i < sequence.size(); ++i)
        point = point << 6 | (static_cast<unsigned char>(sequence[i]) & 0x3fU);
    return point;
}

// Cells that a terminal gives to a character. wcwidth(3) wants a locale, which a program that is to
// start in a millisecond does not load; these are the ranges that names and file names use (Unicode
// 15, EastAsianWidth.txt, and general category Mn).
int cells(char32_t point) {
    struct Range {
        char32_t from, to;
    };
    static constexpr Range none[] = {{0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},
                                     {0x610, 0x61a},   {0x64b, 0x65f},   {0x1ab0, 0x1aff},
                                     {0x1dc0, 0x1dff}, {0x200b, 0x200d}, {0x20d0, 0x20ff},
                                     {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}};
    static constexpr Range two[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},
                                    {0xa960, 0xa97f},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},
                                    {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
                                    {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff},
                                    {0x20000, 0x3fffd}};
    const auto within = [point](const Range& range) {
        return point >= range.from && point <= range.to;
    };
    if (point < 0x300) return 1;
    if (std::any_of(std::begin(none), std::end(none), within)) return 0;
    return std::any_of(std::begin(two), std::end(two), within) ? 2 : 1;
}

bool is_right(const std::string& title) {
    return !title.empty() && title[0] == '-';
}

void put(std::string& line, const std::string& text, int width, bool right, bool last) {
    const auto gap = static_cast<size_t>(std::max(0, width - text_width(text)));
    if (right) line.append(gap, ' ');
    line += text;
    if (!right && !last) line.append(gap, ' ');
    if (!last) line += "  ";
}

}  // namespace

const Command* find_command(std::span<const std::span<const Command>> tables,
                            std::span<const std::string> words, size_t& taken) {
    taken = 0;
    if (words.empty()) return nullptr;
    for (const auto& table : tables)
        for (const Command& command : table) {
            if (words.size() >= 2 && command.subject == words[0] && command.verb == words[1]) {
                taken = 2;
                return &command;
            }
        }
    for (const auto& table : tables)
        for (const Command& command : table)
            if (!command.short_form.empty() && command.short_form == words[0]) {
                taken = 1;
                return &command;
            }
    return nullptr;
}

int text_width(std::string_view text) {
    int width = 0;
    for (size_t at = 0; at < text.size();) {
        const size_t length = sequence_length(text[at], text.size() - at);
        width += cells(decode(text.substr(at, length)));
        at += length;
    }
    return width;
}

std::string fit_text(std::string_view text, int width) {
    if (text_width(text) <= width) return std::string(text);
    std::string cut;
    int used = 0;
    for (size_t at = 0; at < text.size();) {
        const size_t length = sequence_length(text[at], text.size() - at);
        used += cells(decode(text.substr(at, length)));
        if (used > width - 1) break;
        cut += text.substr(at, length);
        at += length;
    }
    return width < 1 ? std::string() : cut + "~";
}

std::string format_table(const std::vector<std::string>& titles,
                         const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::string> names;
    std::vector<int> widths;
    for (const std::string& title : titles) {
        names.push_back(is_right(title) ? title.substr(1) : title);
        widths.push_back(text_width(names.back()));
    }
    for (const auto& row : rows)
        for (size_t i = 0; i < row.size() && i < widths.size(); ++i)
            widths[i] = std::max(widths[i], text_width(row[i]));
    std::string text;
    const auto add = [&](const std::vector<std::string>& row) {
        std::string line;
        for (size_t i = 0; i < row.size() && i < widths.size(); ++i)
            put(line, row[i], widths[i], is_right(titles[i]), i + 1 == row.size());
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + '\n';
    };
    add(names);
    for (const auto& row : rows)
        add(row);
    return text;
}

}  // namespace lodge
