#include "tui/picture/screen_text.h"

#include <gtest/gtest.h>

#include <random>

#include "engine/text.h"

namespace lodge {
namespace {

// A font that is nobody's: each glyph another pattern, the blanks blank.
std::string font_bytes() {
    std::mt19937 random(7);
    std::string bytes;
    for (int i = 0; i < 256 * 16; ++i)
        bytes += i / 16 == ' ' || i / 16 == 0 || i / 16 == 255 || i % 16 > 12
                     ? '\0'
                     : static_cast<char>(random() & 0x7f);
    return bytes;
}

void put(Picture& picture, const ScreenFont& font, int x, int y, int width, std::string_view text,
         int32_t front, int32_t back) {
    for (const char byte : text) {
        const auto& glyph = font.glyph(static_cast<unsigned char>(byte));
        for (int row = 0; row < 16; ++row)
            for (int column = 0; column < width; ++column) {
                const bool on = column < 8 && (glyph[static_cast<size_t>(row)] << column & 0x80);
                const int32_t color = on ? front : back;
                uint8_t* pixel = picture.at(x * width + column, y * 16 + row);
                pixel[0] = static_cast<uint8_t>(color >> 16);
                pixel[1] = static_cast<uint8_t>(color >> 8);
                pixel[2] = static_cast<uint8_t>(color);
            }
        ++x;
    }
}

std::string drawn(const ScreenText& text, Size size, GlyphLevel glyphs = GlyphLevel::full) {
    Canvas canvas(size);
    draw_text(canvas.all(), text, glyphs, ColorLevel::full);
    return canvas.text();
}

TEST(ScreenText, IsReadFromAPicture) {
    const ScreenFont font(font_bytes());
    for (const int width : {8, 9}) {
        Picture picture(80 * width, 400);
        put(picture, font, 0, 0, width, "SeaBIOS (version 1.16)", 0xaaaaaa, 0);
        put(picture, font, 2, 3, width, "\xda\xc4\xbf", 0xffffff, 0x0000aa);
        put(picture, font, 0, 4, width, "No bootable device.", 0xff5555, 0);
        const auto text = read_text(picture, font);
        ASSERT_TRUE(text);
        EXPECT_EQ(text->columns, 80);
        EXPECT_EQ(text->rows, 25);
        EXPECT_EQ(drawn(*text, {80, 6}),
                  "SeaBIOS (version 1.16)\n\n\n  ┌─┐\nNo bootable device.\n\n");
        EXPECT_EQ(drawn(*text, {10, 2}), "  ┌─┐\nNo bootabl\n") << "where the text ends";
        EXPECT_EQ(drawn(*text, {10, 2}, GlyphLevel::ascii), "  +-+\nNo bootabl\n");
        EXPECT_EQ(text->at(3, 3).paint.bg, Paint::rgb_flag | 0x0000aa);
        EXPECT_EQ(text->at(0, 4).paint.fg, Paint::rgb_flag | 0xff5555);
    }
}

TEST(ScreenText, TakesALogoACursorAndALikeness) {
    const ScreenFont font(font_bytes());
    Picture picture(640, 480);
    put(picture, font, 20, 1, 8, "Linux version 6.1 and more words", 0xaaaaaa, 0);
    for (int y = 0; y < 32; ++y)  // the logo: many colours
        for (int x = 0; x < 40; ++x)
            picture.at(x, y)[0] = static_cast<uint8_t>(x * 6 + y);
    // A cursor under a blank, and a glyph that differs in two pixels.
    for (int x = 0; x < 8; ++x)
        for (int y = 14; y < 16; ++y)
            std::fill_n(picture.at(60 * 8 + x, 16 + y), 3, uint8_t{0xaa});
    uint8_t* pixel = picture.at(20 * 8, 31);
    std::fill_n(pixel, 3, uint8_t{0xaa});
    const auto text = read_text(picture, font);
    ASSERT_TRUE(text);
    EXPECT_EQ(text->at(20, 1).text, U'L');
    EXPECT_EQ(text->at(60, 1).paint.attributes, Paint::underline);
    EXPECT_EQ(text->at(0, 0).text, U'\u2580');
}

TEST(ScreenText, LeavesPicturesAlone) {
    const ScreenFont font(font_bytes());
    Picture picture(640, 480);
    EXPECT_FALSE(read_text(picture, font)) << "nothing is no text";
    std::mt19937 random(3);
    for (uint8_t& byte : picture.rgb)
        byte = static_cast<uint8_t>(random());
    EXPECT_FALSE(read_text(picture, font));
    EXPECT_FALSE(read_text(Picture(), font));
    EXPECT_FALSE(read_text(Picture(640, 480), ScreenFont()));
    EXPECT_TRUE(ScreenFont::in_bios("no font here").empty());
    EXPECT_TRUE(ScreenFont("too short").empty());
}

TEST(ScreenText, MenusShowTheirLineWithoutColours) {
    const ScreenFont font(font_bytes());
    Picture picture(640, 480);
    put(picture, font, 0, 0, 8, "Debian", 0xaaaaaa, 0);
    put(picture, font, 0, 1, 8, "Memtest", 0, 0xaaaaaa);
    const auto text = read_text(picture, font);
    ASSERT_TRUE(text);
    Canvas canvas({80, 30});
    draw_text(canvas.all(), *text, GlyphLevel::ascii, ColorLevel::mono);
    EXPECT_EQ(canvas.at(0, 0).paint.attributes, 0);
    EXPECT_EQ(canvas.at(0, 1).paint.attributes, Paint::reverse);
    EXPECT_EQ(canvas.at(0, 1).text, U'M');
}

}  // namespace
}  // namespace lodge
