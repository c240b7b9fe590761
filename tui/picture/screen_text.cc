#include "tui/picture/screen_text.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <string>

namespace lodge {
namespace {

constexpr int glyph_rows = 16;
constexpr size_t font_bytes = 256 * glyph_rows;
// Code page 437 from 0 on: the signs that a PC's screen has for each byte.
constexpr std::u32string_view code_page =
    U" ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼"
    U" !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
    U"abcdefghijklmnopqrstuvwxyz{|}~⌂"
    U"ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»"
    U"░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀"
    U"αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■ ";
static_assert(code_page.size() == 256);

// Fonts of a family differ by so much in a glyph.
constexpr int most_differing = 4;
// Of a hundred cells, so many may be something else: a logo, a picture beside the text.
constexpr int most_unknown = 6;
constexpr int least_known = 8;

int difference(const ScreenFont::Glyph& a, const ScreenFont::Glyph& b) {
    int bits = 0;
    for (size_t i = 0; i < a.size(); ++i)
        bits += std::popcount(static_cast<uint8_t>(a[i] ^ b[i]));
    return bits;
}

ScreenFont::Glyph inverted(ScreenFont::Glyph glyph) {
    for (uint8_t& row : glyph)
        row = static_cast<uint8_t>(~row);
    return glyph;
}

// What one cell of the picture shows: two colours and where which is.
struct Shape {
    int32_t back = 0, front = 0;
    ScreenFont::Glyph glyph{};
    bool plain = true;  // one colour
    bool more = false;  // more than two
};

Shape shape_of(const Picture& picture, int x, int y) {
    Shape shape;
    shape.back = shape.front = picture.color(x, y);
    for (int row = 0; row < glyph_rows && !shape.more; ++row)
        for (int column = 0; column < 8; ++column) {
            const int32_t color = picture.color(x + column, y + row);
            if (color == shape.back) continue;
            if (shape.plain) {
                shape.plain = false;
                shape.front = color;
            }
            if (color != shape.front) {
                shape.more = true;
                break;
            }
            uint8_t& bits = shape.glyph[static_cast<size_t>(row)];
            bits = static_cast<uint8_t>(bits | 0x80 >> column);
        }
    return shape;
}

// A text cursor: lines across the whole cell at its bottom.
bool take_cursor(ScreenFont::Glyph& glyph) {
    bool found = false;
    for (size_t row = 13; row < glyph.size(); ++row)
        if (glyph[row] == 0xff) {
            glyph[row] = 0;
            found = true;
        }
    return found;
}

Cell painted(char32_t character, int32_t front, int32_t back, uint8_t attributes = 0) {
    Cell cell{character, 0, 1, Paint(Role::normal, attributes)};
    cell.paint.fg = front;
    cell.paint.bg = back;
    return cell;
}

Cell blocks(const Picture& picture, const Rect& place) {
    const Picture two = scaled(part_of(picture, place), {1, 2});
    return painted(U'\u2580', two.color(0, 0), two.color(0, 1));
}

// The cell's character, or nothing.
std::optional<Cell> character_of(const Shape& shape, const ScreenFont& font) {
    if (shape.more) return std::nullopt;
    if (shape.plain) return painted(U' ', shape.back, shape.back);
    if (const char32_t found = font.find(shape.glyph))
        return painted(found, shape.front, shape.back);
    if (const char32_t found = font.find(inverted(shape.glyph)))
        return painted(found, shape.back, shape.front);
    for (const bool turned : {false, true}) {
        ScreenFont::Glyph glyph = turned ? inverted(shape.glyph) : shape.glyph;
        if (!take_cursor(glyph)) continue;
        if (const char32_t found = font.find(glyph))
            return painted(found, turned ? shape.back : shape.front,
                           turned ? shape.front : shape.back, Paint::underline);
    }
    return std::nullopt;
}

std::optional<ScreenText> read_cells(const Picture& picture, const ScreenFont& font, int width) {
    ScreenText text;
    text.cell = {width, glyph_rows};
    text.columns = picture.width / width;
    text.rows = picture.height / glyph_rows;
    const int count = text.columns * text.rows;
    int unknown = 0, known = 0;
    for (int y = 0; y < text.rows; ++y)
        for (int x = 0; x < text.columns; ++x) {
            const Shape shape = shape_of(picture, x * width, y * glyph_rows);
            const auto cell = character_of(shape, font);
            if (cell && cell->text != U' ') ++known;
            if (!cell && ++unknown * 100 > count * most_unknown) return std::nullopt;
            text.cells.push_back(
                cell ? *cell : blocks(picture, {x * width, y * glyph_rows, width, glyph_rows}));
        }
    if (known < least_known || known < unknown) return std::nullopt;
    return text;
}

// What stands for a sign where only simpler ones are to be had.
char32_t simpler(char32_t sign, GlyphLevel glyphs) {
    if (sign < 0x80 || glyphs == GlyphLevel::full) return sign;
    const bool box = sign >= 0x2500 && sign < 0x2580;
    if (box && glyphs == GlyphLevel::line) return sign;
    if (sign == U'─' || sign == U'═') return U'-';
    if (sign == U'│' || sign == U'║') return U'|';
    if (box) return U'+';
    if (sign >= 0x2580 && sign < 0x25a0) return U'#';
    return U'?';
}

}  // namespace

size_t ScreenFont::Hash::operator()(const Glyph& glyph) const {
    return std::hash<std::string_view>()(
        {reinterpret_cast<const char*>(glyph.data()), glyph.size()});
}

ScreenFont::ScreenFont(std::string_view bytes) {
    if (bytes.size() < font_bytes) return;
    std::memcpy(glyphs_.data(), bytes.data(), font_bytes);
    // ASCII first: of two that look alike, what people write.
    for (const unsigned first : {32U, 0U, 127U})
        for (unsigned code = first; code < (first == 32 ? 127U : first == 0 ? 32U : 256U); ++code)
            known_.emplace(glyphs_[code], code_page[code]);
}

ScreenFont ScreenFont::in_bios(std::string_view file) {
    // The letter A, as IBM's VGA draws it.
    constexpr std::string_view letter("\0\0\x10\x38\x6c\xc6\xc6\xfe\xc6\xc6\xc6\xc6\0\0\0\0",
                                      glyph_rows);
    constexpr size_t before = 'A' * glyph_rows;
    for (size_t at = file.find(letter); at != file.npos; at = file.find(letter, at + 1))
        if (at >= before && file.size() - (at - before) >= font_bytes)
            return ScreenFont(file.substr(at - before));
    return {};
}

ScreenFont ScreenFont::of(const Host& host) {
    for (const char* path :
         {"/usr/share/seabios/vgabios-stdvga.bin", "/usr/share/qemu/vgabios-stdvga.bin"})
        if (const auto file = host.read(host.system(path)))
            if (ScreenFont font = in_bios(*file); !font.empty()) return font;
    return {};
}

char32_t ScreenFont::find(const Glyph& glyph) const {
    if (const auto found = known_.find(glyph); found != known_.end()) return found->second;
    for (unsigned code = '!'; code <= '~'; ++code)
        if (difference(glyph, glyphs_[code]) <= most_differing) return code_page[code];
    return 0;
}

std::optional<ScreenText> read_text(const Picture& picture, const ScreenFont& font) {
    if (font.empty()) return std::nullopt;
    for (const int width : {9, 8}) {
        if (picture.width % width != 0 || picture.width < 40 * width ||
            picture.height < 10 * glyph_rows)
            continue;
        if (auto text = read_cells(picture, font, width)) return text;
    }
    return std::nullopt;
}

Rect draw_text(const Area& area, const ScreenText& text, GlyphLevel glyphs, ColorLevel colors) {
    area.fill({});
    int used = text.rows;
    while (used > 1) {
        const auto* row = text.cells.data() + (used - 1) * text.columns;
        if (std::any_of(row, row + text.columns, [](const Cell& c) { return c.text != U' '; }))
            break;
        --used;
    }
    const int top = text.rows <= area.height() ? 0 : std::max(0, used - area.height());
    const int left = std::max(0, (area.width() - text.columns) / 2);
    for (int y = 0; y < area.height() && top + y < text.rows; ++y)
        for (int x = 0; x < area.width() - left && x < text.columns; ++x) {
            Cell cell = text.at(x, top + y);
            cell.text = simpler(cell.text, glyphs);
            if (colors == ColorLevel::mono) {
                // The lighter ground is what a menu marks its line with.
                const auto light = [](int32_t color) {
                    return (color >> 16 & 0xff) + 2 * (color >> 8 & 0xff) + (color & 0xff);
                };
                const bool turned = light(cell.paint.bg) > light(cell.paint.fg) ||
                                    (cell.text == U' ' && light(cell.paint.bg) > 0x200);
                if (turned)
                    cell.paint.attributes =
                        static_cast<uint8_t>(cell.paint.attributes | Paint::reverse);
            }
            area.set(left + x, y, cell);
        }
    return {left, -top, text.columns, text.rows};
}

}  // namespace lodge
