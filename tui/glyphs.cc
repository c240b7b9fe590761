#include "tui/glyphs.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

#include "engine/text.h"

namespace lodge {
namespace {

constexpr Glyphs levels[] = {
    {.level = GlyphLevel::ascii,
     .horizontal = U'-',
     .vertical = U'|',
     .corner_nw = U'+',
     .corner_ne = U'+',
     .corner_sw = U'+',
     .corner_se = U'+',
     .mark = U'*',
     .cursor = U'>',
     .up = U'^',
     .down = U'v',
     .left = U'<',
     .right = U'>',
     .more = U'>',
     .branch = U'|',
     .branch_last = U'`',
     .cut = U'~'},
    {.level = GlyphLevel::line,
     .horizontal = U'─',
     .vertical = U'│',
     .corner_nw = U'┌',
     .corner_ne = U'┐',
     .corner_sw = U'└',
     .corner_se = U'┘',
     .mark = U'*',
     .cursor = U'>',
     .up = U'^',
     .down = U'v',
     .left = U'<',
     .right = U'>',
     .more = U'>',
     .branch = U'├',
     .branch_last = U'└',
     .cut = U'~'},
    {.level = GlyphLevel::full,
     .horizontal = U'─',
     .vertical = U'│',
     .corner_nw = U'┌',
     .corner_ne = U'┐',
     .corner_sw = U'└',
     .corner_se = U'┘',
     .mark = U'●',
     .cursor = U'▸',
     .up = U'▲',
     .down = U'▼',
     .left = U'◂',
     .right = U'▸',
     .more = U'›',
     .branch = U'├',
     .branch_last = U'└',
     .cut = U'~'},
};

constexpr std::string_view level_words[] = {"ascii", "line", "utf8"};

// How much of the graph's height `value` fills, in `steps` of the whole; a value above zero is
// never nothing, so that it is seen.
int filled(float value, float top, int steps) {
    if (!(value > 0) || !(top > 0)) return 0;
    const float share = std::min(value / top, 1.0F);
    return std::max(1, static_cast<int>(std::lround(share * static_cast<float>(steps))));
}

// Eighths of a cell from its lower edge: U+2581 … U+2588.
char32_t block(int eighths) {
    return eighths <= 0 ? U' ' : static_cast<char32_t>(0x2580 + std::min(eighths, 8));
}

// Two columns of four dots, filled from below (U+2800 and a bit a dot; Unicode 15, chapter 21).
char32_t braille(int left, int right) {
    static constexpr std::array<char32_t, 5> lefts = {0, 0x40, 0x44, 0x46, 0x47};
    static constexpr std::array<char32_t, 5> rights = {0, 0x80, 0xa0, 0xb0, 0xb8};
    const char32_t dots = lefts[static_cast<size_t>(std::clamp(left, 0, 4))] |
                          rights[static_cast<size_t>(std::clamp(right, 0, 4))];
    return dots == 0 ? U' ' : 0x2800 + dots;
}

void graph_in_braille(const Area& area, std::span<const float> values, float top, Paint paint) {
    const int dots = area.height() * 4;
    const auto value_at = [&](int back) {  // columns of dots from the right edge
        return back < static_cast<int>(values.size())
                   ? filled(values[values.size() - 1 - static_cast<size_t>(back)], top, dots)
                   : 0;
    };
    for (int x = 0; x < area.width(); ++x) {
        const int right = value_at((area.width() - 1 - x) * 2);
        const int left = value_at((area.width() - 1 - x) * 2 + 1);
        for (int y = 0; y < area.height(); ++y) {
            const int below = (area.height() - 1 - y) * 4;
            area.set(x, y, Cell{braille(left - below, right - below), 0, 1, paint});
        }
    }
}

// One value a column: ASCII rises in steps of a cell's height by these signs.
void graph_in_ascii(const Area& area, std::span<const float> values, float top, Paint paint) {
    static constexpr std::u32string_view signs = U" .:-=+*#";
    const int steps = static_cast<int>(signs.size()) - 1;
    for (int x = 0; x < area.width(); ++x) {
        const auto back = static_cast<size_t>(area.width() - 1 - x);
        const int height = back < values.size() ? filled(values[values.size() - 1 - back], top,
                                                         area.height() * steps)
                                                : 0;
        for (int y = 0; y < area.height(); ++y) {
            const int here = std::clamp(height - (area.height() - 1 - y) * steps, 0, steps);
            area.set(x, y, Cell{signs[static_cast<size_t>(here)], 0, 1, paint});
        }
    }
}

int gauge_cells(double share, int width) {
    return static_cast<int>(std::clamp(share, 0.0, 1.0) * width);
}

char32_t gauge_sign(int place, double share, int width, const Glyphs& glyphs) {
    const bool full = glyphs.level == GlyphLevel::full;
    if (place < gauge_cells(share, width)) return full ? U'█' : U'#';
    return full ? U'░' : U'-';
}

}  // namespace

const Glyphs& glyphs_of(GlyphLevel level) {
    return levels[static_cast<size_t>(level)];
}

std::string_view glyph_level_word(GlyphLevel level) {
    return level_words[static_cast<size_t>(level)];
}

std::optional<GlyphLevel> parse_glyph_level(std::string_view word) {
    for (const auto level : {GlyphLevel::ascii, GlyphLevel::line, GlyphLevel::full})
        if (word == glyph_level_word(level)) return level;
    return std::nullopt;
}

GlyphLevel glyph_level_for(std::string_view term, bool utf8) {
    if (!utf8) return GlyphLevel::ascii;
    // The console's fonts of 256 signs have lines and few blocks; real serial terminals have none.
    if (term == "linux") return GlyphLevel::line;
    for (const std::string_view poor : {"vt1", "vt2", "vt5", "ansi", "dumb", "wy"})
        if (term.starts_with(poor)) return GlyphLevel::ascii;
    return GlyphLevel::full;
}

Area draw_frame(Area area, const Glyphs& glyphs, std::string_view title, Paint paint) {
    const int right = area.width() - 1, bottom = area.height() - 1;
    const auto set = [&](int x, int y, char32_t sign) { area.set(x, y, Cell{sign, 0, 1, paint}); };
    for (int x = 1; x < right; ++x) {
        set(x, 0, glyphs.horizontal);
        set(x, bottom, glyphs.horizontal);
    }
    for (int y = 1; y < bottom; ++y) {
        set(0, y, glyphs.vertical);
        set(right, y, glyphs.vertical);
    }
    set(0, 0, glyphs.corner_nw);
    set(right, 0, glyphs.corner_ne);
    set(0, bottom, glyphs.corner_sw);
    set(right, bottom, glyphs.corner_se);
    if (!title.empty() && area.width() > 6) {
        const Area edge = area.part(2, 0, area.width() - 4, 1);
        int x = edge.put(0, 0, " ", paint);
        x = edge.put(x, 0, title, Role::heading);
        edge.put(x, 0, " ", paint);
    }
    return area.part(1, 1, area.width() - 2, area.height() - 2);
}

void draw_gauge(Area area, int x, int y, int width, double share, const Glyphs& glyphs,
                Paint paint) {
    for (int i = 0; i < width; ++i) {
        Paint cell = paint;
        if (i >= gauge_cells(share, width)) cell.role = Role::frame;
        area.set(x + i, y, Cell{gauge_sign(i, share, width, glyphs), 0, 1, cell});
    }
}

std::string gauge_words(double share, int width, const Glyphs& glyphs) {
    std::string words;
    for (int i = 0; i < width; ++i)
        append_character(words, gauge_sign(i, share, width, glyphs));
    return words;
}

void draw_graph(Area area, std::span<const float> values, float top, const Glyphs& glyphs,
                Paint paint) {
    if (glyphs.level != GlyphLevel::full) {
        graph_in_ascii(area, values, top, paint);
        return;
    }
    if (area.height() > 1) {
        graph_in_braille(area, values, top, paint);
        return;
    }
    for (int x = 0; x < area.width(); ++x) {
        const auto back = static_cast<size_t>(area.width() - 1 - x);
        const int eighths =
            back < values.size() ? filled(values[values.size() - 1 - back], top, 8) : 0;
        area.set(x, 0, Cell{block(eighths), 0, 1, paint});
    }
}

std::string graph_words(std::span<const float> values, float top, int width, const Glyphs& glyphs) {
    Canvas row(Size{width, 1});
    draw_graph(row.all(), values, top, glyphs);
    std::string words;
    for (int x = 0; x < width; ++x)
        append_character(words, row.at(x, 0).text);
    return words;
}

}  // namespace lodge
