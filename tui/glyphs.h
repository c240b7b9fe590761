#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "tui/canvas.h"

namespace lodge {

enum class GlyphLevel { ascii, line, full };  // plain ASCII; line drawing; blocks and braille

// Glyphs are the signs that a terminal of one level can show.
struct Glyphs {
    GlyphLevel level;
    char32_t horizontal, vertical, corner_nw, corner_ne, corner_sw, corner_se;
    char32_t mark, cursor, up, down, left, right, more, branch, branch_last, cut;
};
const Glyphs& glyphs_of(GlyphLevel level);
std::string_view glyph_level_word(GlyphLevel level);
// "ascii", "line", "utf8"; nullopt for anything else.
std::optional<GlyphLevel> parse_glyph_level(std::string_view word);
// What fits a terminal: `term` is TERM, `utf8` whether the locale's encoding is UTF-8.
GlyphLevel glyph_level_for(std::string_view term, bool utf8);

// A frame around the area with a title in its upper edge; returns what is inside.
Area draw_frame(Area area, const Glyphs& glyphs, std::string_view title, Paint paint = Role::frame);
// A bar of `width` cells, share 0…1: "####----".
void draw_gauge(Area area, int x, int y, int width, double share, const Glyphs& glyphs,
                Paint paint = Role::graph);
// The same as text, for a cell of a table.
std::string gauge_words(double share, int width, const Glyphs& glyphs);
// History as a graph that fills the area, the newest value at the right; `top` is the value of its
// upper edge. Values below 0 are gaps. One row of ASCII shows ".:-=+*#%@" steps.
void draw_graph(Area area, std::span<const float> values, float top, const Glyphs& glyphs,
                Paint paint = Role::graph);
// A graph of one row as text, for a cell of a table.
std::string graph_words(std::span<const float> values, float top, int width, const Glyphs& glyphs);

}  // namespace lodge
