#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/host.h"
#include "tui/picture/picture.h"

namespace lodge {

// ScreenFont is the font of 8x16 pixels that a PC starts with: firmware, boot menus and Linux'
// consoles write in it. It is read from the graphics BIOS that QEMU gives its guests.
class ScreenFont {
  public:
    using Glyph = std::array<uint8_t, 16>;  // a byte a row, the highest bit at the left

    ScreenFont() = default;  // knows no character
    // 256 glyphs in the order of code page 437. Throws nothing: fewer bytes give no font.
    explicit ScreenFont(std::string_view bytes);
    // The font in the file of a graphics BIOS; an empty one when there is none.
    static ScreenFont in_bios(std::string_view file);
    static ScreenFont of(const Host& host);

    bool empty() const { return known_.empty(); }
    // The character, also one of ASCII that a few pixels differ from; 0 for none.
    char32_t find(const Glyph& glyph) const;
    const Glyph& glyph(unsigned char code) const { return glyphs_[code]; }

  private:
    struct Hash {
        size_t operator()(const Glyph& glyph) const;
    };
    std::array<Glyph, 256> glyphs_{};
    std::unordered_map<Glyph, char32_t, Hash> known_;
};

// ScreenText is what stands on a picture of text.
struct ScreenText {
    int columns = 0, rows = 0;
    Size cell;                // pixels of a character
    std::vector<Cell> cells;  // row by row; rgb colours

    const Cell& at(int x, int y) const {
        return cells[static_cast<size_t>(y) * static_cast<size_t>(columns) +
                     static_cast<size_t>(x)];
    }
};

// The text of a picture of which nearly all is text in that font, in cells of 8 or 9 by 16 pixels;
// nullopt for any other. A cell that is no character is two blocks in its colours.
std::optional<ScreenText> read_text(const Picture& picture, const ScreenFont& font);
// Draws it; when the area is smaller, the part that ends with the last line of text. Returns where
// on the area its first cell is (outside of it, when that is cut off).
Rect draw_text(const Area& area, const ScreenText& text, GlyphLevel glyphs, ColorLevel colors);

}  // namespace lodge
