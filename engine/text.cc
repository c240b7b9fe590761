#include "engine/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace lodge {
namespace {

// Length of the well-formed UTF-8 sequence that starts at text[0] (RFC 3629), 0 when there is none.
size_t sequence_length(std::string_view text, char32_t& point) {
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) {
        point = first;
        return 1;
    }
    const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
    point = first & (0x7fU >> length);
    for (size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return 0;
        point = point << 6 | (byte(i) & 0x3fU);
    }
    constexpr std::array<char32_t, 5> least = {0, 0, 0x80, 0x800, 0x10000};
    if (point < least[length] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return 0;
    return length;
}

}  // namespace

char32_t take_character(std::string_view& text) {
    char32_t character = 0;
    const size_t length = sequence_length(text, character);
    text.remove_prefix(length == 0 ? 1 : length);
    return length == 0 ? no_character : character;
}

void append_character(std::string& text, char32_t character) {
    const auto tail = [&](int shift) {
        text += static_cast<char>(0x80 | ((character >> shift) & 0x3f));
    };
    if (character < 0x80) {
        text += static_cast<char>(character);
    } else if (character < 0x800) {
        text += static_cast<char>(0xc0 | (character >> 6));
        tail(0);
    } else if (character < 0x10000) {
        text += static_cast<char>(0xe0 | (character >> 12));
        tail(6);
        tail(0);
    } else {
        text += static_cast<char>(0xf0 | ((character >> 18) & 0x07));
        tail(12);
        tail(6);
        tail(0);
    }
}

// wcwidth(3) wants a locale, which a program that is to
// start in a millisecond does not load; these are the ranges that names and file names use (Unicode
// 15, EastAsianWidth.txt, and general category Mn).
int character_width(char32_t point) {
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

bool is_unsafe(char32_t point) {
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x61c ||
           (point >= 0x200e && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
           (point >= 0x2066 && point <= 0x2069);
}

std::string printable(std::string_view text) {
    const auto plain = [](char c) { return c >= 0x20 && c < 0x7f; };
    const auto first = std::find_if_not(text.begin(), text.end(), plain);
    std::string safe(text.begin(), first);
    text.remove_prefix(safe.size());
    safe.reserve(safe.size() + text.size());
    while (!text.empty()) {
        char32_t point = 0;
        const size_t length = sequence_length(text, point);
        if (length != 0 && !is_unsafe(point)) {
            safe += text.substr(0, length);
            text.remove_prefix(length);
            continue;
        }
        for (size_t i = 0; i < (length == 0 ? 1 : length); ++i)
            safe += fmt::format("\\x{:02X}", static_cast<unsigned char>(text[i]));
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return safe;
}

int text_width(std::string_view text) {
    int width = 0;
    while (!text.empty()) {
        if (static_cast<unsigned char>(text.front()) < 0x80) {
            ++width;
            text.remove_prefix(1);
            continue;
        }
        const char32_t character = take_character(text);
        width += character == no_character ? 1 : character_width(character);
    }
    return width;
}

std::string fit_text(std::string_view text, int width) {
    if (text_width(text) <= width) return std::string(text);
    if (width < 1) return "";
    std::string cut;
    int used = 0;
    for (;;) {
        const std::string_view before = text;
        const char32_t character = take_character(text);
        used += character == no_character ? 1 : character_width(character);
        if (used > width - 1) return cut + "~";
        cut += before.substr(0, before.size() - text.size());
    }
}

}  // namespace lodge
