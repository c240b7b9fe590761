#include "tui/picture/picture.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace lodge {
namespace {

// How light a pixel is, 0…255 (ITU-R BT.601).
int light(const uint8_t* rgb) {
    return (rgb[0] * 299 + rgb[1] * 587 + rgb[2] * 114) / 1000;
}

int light_of(const Picture& picture, int x, int y) {
    return light(picture.at(x, y));
}

struct Range {
    int dark = 0, bright = 255;
};

// What is dark and what is bright in this picture: a dim one is still seen.
Range range_of(const Picture& picture) {
    Range range{255, 0};
    for (int y = 0; y < picture.height; ++y)
        for (int x = 0; x < picture.width; ++x) {
            range.dark = std::min(range.dark, light_of(picture, x, y));
            range.bright = std::max(range.bright, light_of(picture, x, y));
        }
    return range;
}

void draw_half_blocks(const Area& area, const Picture& small) {
    for (int y = 0; y < area.height(); ++y)
        for (int x = 0; x < area.width(); ++x) {
            Cell cell{U'\u2580', 0, 1, {}};  // the upper half
            cell.paint.fg = small.color(x, 2 * y);
            cell.paint.bg = small.color(x, 2 * y + 1);
            if (cell.paint.fg == cell.paint.bg) cell.text = U' ';
            area.set(x, y, cell);
        }
}

// A dot where a pixel stands out from the mean around it: text is seen, and so are edges.
void draw_braille(const Area& area, const Picture& small) {
    // Bits of U+2800 by row and column (Unicode 15, chapter 21).
    static constexpr std::array<std::array<char32_t, 2>, 4> dots = {
        {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}};
    const Range range = range_of(small);
    const int middle = (range.dark + range.bright + 1) / 2;
    for (int y = 0; y < area.height(); ++y)
        for (int x = 0; x < area.width(); ++x) {
            char32_t sign = 0;
            for (int row = 0; row < 4; ++row)
                for (int column = 0; column < 2; ++column)
                    if (range.bright > range.dark &&
                        light_of(small, 2 * x + column, 4 * y + row) >= middle)
                        sign |= dots[static_cast<size_t>(row)][static_cast<size_t>(column)];
            area.set(x, y, Cell{sign == 0 ? U' ' : 0x2800 + sign, 0, 1, {}});
        }
}

void draw_ink(const Area& area, const Picture& small) {
    constexpr std::u32string_view inks = U" .:-=+*#%@";
    const Range range = range_of(small);
    const int span = std::max(range.bright - range.dark, 1);
    for (int y = 0; y < area.height(); ++y)
        for (int x = 0; x < area.width(); ++x) {
            const int level = light_of(small, x, y) - range.dark;
            const int most = static_cast<int>(inks.size()) - 1;
            // Alike everywhere: as light as it is.
            const int ink = range.bright == range.dark ? light_of(small, x, y) * most / 255
                                                       : (level * most + span / 2) / span;
            area.set(x, y, Cell{inks[static_cast<size_t>(ink)], 0, 1, {}});
        }
}

}  // namespace

Picture::Picture(int w, int h) : width(std::max(w, 0)), height(std::max(h, 0)) {
    rgb.resize(static_cast<size_t>(width) * static_cast<size_t>(height) * 3);
}

int32_t Picture::color(int x, int y) const {
    const uint8_t* pixel = at(x, y);
    return Paint::rgb_flag | pixel[0] << 16 | pixel[1] << 8 | pixel[2];
}

Picture part_of(const Picture& picture, const Rect& part) {
    const int x = std::clamp(part.x, 0, picture.width);
    const int y = std::clamp(part.y, 0, picture.height);
    Picture result(std::clamp(part.x + part.width, x, picture.width) - x,
                   std::clamp(part.y + part.height, y, picture.height) - y);
    for (int row = 0; row < result.height; ++row)
        std::copy_n(picture.at(x, y + row), result.width * 3, result.at(0, row));
    return result;
}

Picture scaled(const Picture& picture, Size size) {
    Picture result(size.width, size.height);
    if (picture.empty() || result.empty()) return result;
    const auto edge = [](int i, int from, int to) {
        return static_cast<int>(static_cast<int64_t>(i) * from / to);
    };
    for (int y = 0; y < result.height; ++y) {
        const int top = edge(y, picture.height, result.height);
        const int bottom = std::max(edge(y + 1, picture.height, result.height), top + 1);
        for (int x = 0; x < result.width; ++x) {
            const int left = edge(x, picture.width, result.width);
            const int right = std::max(edge(x + 1, picture.width, result.width), left + 1);
            std::array<uint64_t, 3> sum = {};
            for (int row = top; row < bottom; ++row) {
                const uint8_t* pixel = picture.at(left, row);
                for (int i = left; i < right; ++i)
                    for (uint64_t& color : sum)
                        color += *pixel++;
            }
            const auto count =
                static_cast<uint64_t>(bottom - top) * static_cast<uint64_t>(right - left);
            std::transform(sum.begin(), sum.end(), result.at(x, y),
                           [&](uint64_t all) { return static_cast<uint8_t>(all / count); });
        }
    }
    return result;
}

Rect placed(Size area, Size pixels) {
    if (area.width < 1 || area.height < 1 || pixels.width < 1 || pixels.height < 1) return {};
    const auto rounded = [](int64_t a, int64_t b) { return static_cast<int>((a + b / 2) / b); };
    // Cells are twice as high as wide.
    int width = area.width;
    int height = rounded(int64_t{width} * pixels.height, int64_t{2} * pixels.width);
    if (height > area.height) {
        height = area.height;
        width = std::min(area.width, rounded(int64_t{2} * height * pixels.width, pixels.height));
    }
    width = std::max(width, 1);
    height = std::max(height, 1);
    return {(area.width - width) / 2, (area.height - height) / 2, width, height};
}

Rect draw_picture(const Area& area, const Picture& picture, GlyphLevel glyphs, ColorLevel colors) {
    area.fill({});
    const Rect where = placed({area.width(), area.height()}, {picture.width, picture.height});
    if (where.width == 0) return where;
    const Area target = area.part(where.x, where.y, where.width, where.height);
    if (glyphs == GlyphLevel::full && colors == ColorLevel::full)
        draw_half_blocks(target, scaled(picture, {where.width, where.height * 2}));
    else if (glyphs == GlyphLevel::full)
        draw_braille(target, scaled(picture, {where.width * 2, where.height * 4}));
    else
        draw_ink(target, scaled(picture, {where.width, where.height}));
    return where;
}

Pixel picture_point(const Rect& where, Size pixels, int cell_x, int cell_y) {
    if (where.width < 1 || where.height < 1) return {};
    // The middle of the cell.
    const auto point = [](int cell, int cells, int count) {
        const int64_t at = (int64_t{2} * cell + 1) * count / (int64_t{2} * cells);
        return static_cast<int>(std::clamp<int64_t>(at, 0, std::max(count - 1, 0)));
    };
    return {point(cell_x - where.x, where.width, pixels.width),
            point(cell_y - where.y, where.height, pixels.height)};
}

}  // namespace lodge
