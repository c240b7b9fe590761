#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tui/canvas.h"
#include "tui/glyphs.h"
#include "tui/theme.h"

namespace lodge {

// Picture is a grid of pixels, 3 bytes each, red first, row by row from the top.
struct Picture {
    int width = 0, height = 0;
    std::vector<uint8_t> rgb;

    Picture() = default;
    Picture(int w, int h);  // black
    bool empty() const { return rgb.empty(); }
    uint8_t* at(int x, int y) { return rgb.data() + place(x, y); }
    const uint8_t* at(int x, int y) const { return rgb.data() + place(x, y); }
    int32_t color(int x, int y) const;  // as Paint has it
    bool operator==(const Picture&) const = default;

  private:
    size_t place(int x, int y) const {
        return (static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x)) * 3;
    }
};

// A part of it; what lies outside is cut off.
Picture part_of(const Picture& picture, const Rect& part);
// Each pixel of the result is the mean of those it stands for; made larger, the nearest one.
Picture scaled(const Picture& picture, Size size);

// The largest cells within `area` that show `pixels` without distorting it: a cell is twice as
// high as it is wide. In the middle.
Rect placed(Size area, Size pixels);

// Draws the whole picture into the area, as large as fits; the rest is blank. Returns where in the
// area it is, for picture_point(). At UTF-8 and 256 colours two pixels a cell (half blocks), at
// fewer colours eight dots a cell (braille); else signs of more or less ink, the lighter the more.
Rect draw_picture(const Area& area, const Picture& picture, GlyphLevel glyphs, ColorLevel colors);

// The pixel that a click on a cell of the area means, within the picture; `where` as draw_picture()
// returned it.
struct Pixel {
    int x = 0, y = 0;
};
Pixel picture_point(const Rect& where, Size pixels, int cell_x, int cell_y);

}  // namespace lodge
