#include "tui/picture/picture.h"

#include <gtest/gtest.h>

#include "engine/error.h"
#include "tests/support/scratch.h"
#include "tui/picture/keysyms.h"
#include "tui/picture/rfb.h"

namespace lodge {
namespace {

void fill(Picture& picture, const Rect& part, int32_t color) {
    for (int y = part.y; y < part.y + part.height; ++y)
        for (int x = part.x; x < part.x + part.width; ++x) {
            picture.at(x, y)[0] = static_cast<uint8_t>(color >> 16);
            picture.at(x, y)[1] = static_cast<uint8_t>(color >> 8);
            picture.at(x, y)[2] = static_cast<uint8_t>(color);
        }
}

// A white frame with a cross in it on black.
Picture sample() {
    Picture picture(64, 64);
    fill(picture, {0, 0, 64, 64}, 0xffffff);
    fill(picture, {8, 8, 48, 48}, 0);
    fill(picture, {28, 16, 8, 32}, 0xc00000);
    fill(picture, {16, 28, 32, 8}, 0x0000ff);
    return picture;
}

std::string drawn(const Picture& picture, Size size, GlyphLevel glyphs, ColorLevel colors) {
    Canvas canvas(size);
    draw_picture(canvas.all(), picture, glyphs, colors);
    return canvas.text();
}

TEST(Picture, IsDrawnAtEachLevel) {
    const Picture picture = sample();
    EXPECT_EQ(drawn(picture, {16, 8}, GlyphLevel::ascii, ColorLevel::mono),
              "@@@@@@@@@@@@@@@@\n"
              "@@            @@\n"
              "@@     ::     @@\n"
              "@@     ::     @@\n"
              "@@     ::     @@\n"
              "@@     ::     @@\n"
              "@@            @@\n"
              "@@@@@@@@@@@@@@@@\n");
    // Braille: what is lighter than the middle.
    EXPECT_EQ(drawn(picture, {8, 4}, GlyphLevel::full, ColorLevel::bright),
              "⣿⠛⠛⠛⠛⠛⠛⣿\n"
              "⣿      ⣿\n"
              "⣿      ⣿\n"
              "⣿⣤⣤⣤⣤⣤⣤⣿\n");
    Canvas canvas({20, 4});
    const Rect where = draw_picture(canvas.all(), picture, GlyphLevel::full, ColorLevel::full);
    EXPECT_EQ(where.x, 6);
    EXPECT_EQ(where.width, 8);
    EXPECT_EQ(where.height, 4);
    EXPECT_EQ(canvas.at(5, 0), Cell{});
    const Cell& corner = canvas.at(7, 0);
    EXPECT_EQ(corner.text, U'▀');
    EXPECT_EQ(corner.paint.fg, Paint::rgb_flag | 0xffffff);
    EXPECT_EQ(corner.paint.bg, Paint::rgb_flag | 0);
    EXPECT_EQ(canvas.at(6, 0).text, U' ') << "one colour";
}

TEST(Picture, IsScaledByTheMean) {
    Picture picture(4, 2);
    fill(picture, {0, 0, 1, 2}, 0x640000);
    fill(picture, {1, 0, 1, 2}, 0x320000);
    fill(picture, {2, 0, 2, 1}, 0xffffff);
    const Picture small = scaled(picture, {2, 1});
    EXPECT_EQ(small.color(0, 0), Paint::rgb_flag | 0x4b0000);
    EXPECT_EQ(small.color(1, 0), Paint::rgb_flag | 0x7f7f7f);
    const Picture large = scaled(picture, {8, 4});
    EXPECT_EQ(large.color(1, 3), picture.color(0, 1));
    EXPECT_EQ(scaled(picture, {4, 2}), picture);
    EXPECT_TRUE(scaled(picture, {0, 5}).empty());
    EXPECT_EQ(scaled(Picture(), {2, 2}), Picture(2, 2));
    EXPECT_EQ(part_of(picture, {1, 1, 9, 9}).width, 3);
    EXPECT_TRUE(part_of(picture, {7, 7, 2, 2}).empty());
}

TEST(Picture, FindsThePixelOfACell) {
    const Rect where = placed({80, 24}, {640, 480});
    EXPECT_EQ(where.width, 64);
    EXPECT_EQ(where.height, 24);
    const auto first = picture_point(where, {640, 480}, where.x, 0);
    EXPECT_EQ(first.x, 5);
    EXPECT_EQ(first.y, 10);
    const auto beyond = picture_point(where, {640, 480}, 500, -3);
    EXPECT_EQ(beyond.x, 639);
    EXPECT_EQ(beyond.y, 0);
    EXPECT_EQ(placed({10, 0}, {5, 5}).width, 0);
    EXPECT_EQ(placed({1, 1}, {8000, 1}).height, 1);
}

std::string strokes(std::string_view words, const KeyLayout& layout = {}) {
    std::string text;
    for (const Key& key : parse_keys(words))
        for (const Keystroke& stroke : keystrokes(key, layout))
            text += fmt::format("{}{:x} ", stroke.down ? '+' : '-', stroke.keysym);
    return text;
}

TEST(Keysyms, AreWhatHandsDo) {
    EXPECT_EQ(strokes("a"), "+61 -61 ");
    EXPECT_EQ(strokes("A"), "+ffe1 +41 -41 -ffe1 ");
    EXPECT_EQ(strokes("?"), "+ffe1 +3f -3f -ffe1 ");
    EXPECT_EQ(strokes("Enter F1 F12 Up Space"),
              "+ff0d -ff0d +ffbe -ffbe +ffc9 -ffc9 +ff52 -ff52 +20 -20 ");
    EXPECT_EQ(strokes("Ctrl-C"), "+ffe3 +63 -63 -ffe3 ");
    EXPECT_EQ(strokes("Ctrl-Alt-Delete"), "+ffe3 +ffe9 +ffff -ffff -ffe9 -ffe3 ");
    EXPECT_EQ(strokes("BackTab"), "+ffe1 +ff09 -ff09 -ffe1 ");
    EXPECT_EQ(strokes("é €"), "+e9 -e9 +10020ac -10020ac ");
    EXPECT_EQ(strokes("Press(3,4) Resize"), "");
    Key paste;
    paste.name = "Paste";
    paste.text = "a\r\nB\x1b\n";
    std::string text;
    for (const Keystroke& stroke : keystrokes(paste))
        if (stroke.down) text += fmt::format("{:x} ", stroke.keysym);
    EXPECT_EQ(text, "61 ff0d ffe1 42 ff0d ");
}

// QEMU finds the key of a character by the layout, and holds nothing for it.
TEST(Keysyms, AreHeldAsTheLayoutWants) {
    const KeyLayout german(
        "# evdev 16\nq 0x10\nQ 0x10 shift\nat 0x10 altgr\nslash 0x08 shift\n"
        "slash 0x35\nquestion 0x0c shift\nbackslash 0x0c altgr\napostrophe 0x2b shift\n"
        "adiaeresis 0x28\nAdiaeresis 0x28 shift\nEuroSign 0x12 altgr\nless 0x56\n"
        "asciitilde 0x1b altgr\nKP_7 0x47 numlock\ndead_belowdot 0x24 altgr\nmap\n");
    EXPECT_EQ(strokes("q", german), "+71 -71 ");
    EXPECT_EQ(strokes("@", german), "+fe03 +40 -40 -fe03 ");
    EXPECT_EQ(strokes("\\ ~", german), "+fe03 +5c -5c -fe03 +fe03 +7e -7e -fe03 ");
    EXPECT_EQ(strokes("/", german), "+2f -2f ") << "the key with the least to hold";
    EXPECT_EQ(strokes("?", german), "+ffe1 +3f -3f -ffe1 ");
    EXPECT_EQ(strokes("<", german), "+3c -3c ") << "no Shift as in the US";
    EXPECT_EQ(strokes("ä Ä", german), "+e4 -e4 +ffe1 +c4 -c4 -ffe1 ");
    EXPECT_EQ(strokes("€", german), "+fe03 +10020ac -10020ac -fe03 ");
    EXPECT_EQ(strokes("Enter Ctrl-C", german), strokes("Enter Ctrl-C"));
}

TEST(Keysyms, EveryLayoutOfQemuIsRead) {
    const Host host(ScratchEngine::places("/nowhere"));
    EXPECT_EQ(KeyLayout::of(host, "").held_for(U'<'), (KeyLayout::Held{true, false}));
    EXPECT_EQ(KeyLayout::of(host, "no-such").held_for(U'<'), (KeyLayout::Held{true, false}));
    EXPECT_EQ(KeyLayout::of(host, "../de").held_for(U'<'), (KeyLayout::Held{true, false}));
    if (!host.exists("/usr/share/qemu/keymaps/de")) GTEST_SKIP() << "QEMU's keymaps are not here";
    EXPECT_EQ(KeyLayout::of(host, "de").held_for(U'@'), (KeyLayout::Held{false, true}));
    EXPECT_EQ(KeyLayout::of(host, "fr").held_for(U'1'), (KeyLayout::Held{true, false}));
    EXPECT_EQ(KeyLayout::of(host, "en-gb").held_for(U'"'), (KeyLayout::Held{true, false}));
    EXPECT_EQ(KeyLayout::of(host, "en-us").held_for(U'@'), KeyLayout().held_for(U'@'));
}

std::string big(uint32_t value, int size) {
    std::string text;
    for (int shift = 8 * (size - 1); shift >= 0; shift -= 8)
        text += static_cast<char>(value >> shift);
    return text;
}

std::string hello(uint32_t width, uint32_t height) {
    return std::string("RFB 003.008\n\1\1\0\0\0\0", 18) + big(width, 2) + big(height, 2) +
           std::string(16, '\0') + big(3, 4) + "web";
}

std::string rectangle(const Rect& where, int encoding) {
    return big(static_cast<uint32_t>(where.x), 2) + big(static_cast<uint32_t>(where.y), 2) +
           big(static_cast<uint32_t>(where.width), 2) +
           big(static_cast<uint32_t>(where.height), 2) + big(static_cast<uint32_t>(encoding), 4);
}

TEST(Rfb, SpeaksWithAScreen) {
    RfbStream stream;
    stream.add(hello(4, 2));
    ASSERT_TRUE(stream.ready());
    EXPECT_EQ(stream.name(), "web");
    const std::string said = stream.take_output();
    EXPECT_TRUE(said.starts_with("RFB 003.008\n\1\1")) << said;
    // At its end it asks for the whole screen.
    EXPECT_TRUE(said.ends_with(std::string("\3\0\0\0\0\0\0\4\0\2", 10)));
    EXPECT_FALSE(stream.take_update());
    stream.add(std::string("\0\0\0\2", 4) + rectangle({1, 0, 2, 1}, 0) + "\1\2\3xBGRx");
    EXPECT_FALSE(stream.take_update());
    stream.add(rectangle({0, 0, 0, 0}, -257));
    EXPECT_TRUE(stream.take_update());
    EXPECT_FALSE(stream.absolute());
    EXPECT_EQ(stream.picture().color(1, 0), Paint::rgb_flag | 0x030201);
    EXPECT_EQ(stream.picture().color(2, 0), Paint::rgb_flag | 0x524742);
    EXPECT_EQ(stream.picture().color(0, 0), Paint::rgb_flag | 0);
    stream.key('a', true);
    EXPECT_EQ(stream.take_output(), std::string("\4\1\0\0\0\0\0a", 8));
    stream.pointer(3, 99, 1);
    EXPECT_EQ(stream.take_output(), std::string("\5\1\x80\2\x80\0", 6)) << "moved by 3 and 1";
    // A bell, a clipboard, another size.
    stream.add(std::string("\2\3\0\0\0\0\0\0\2hi\0\0\0\1", 15) + rectangle({0, 0, 9, 5}, -223));
    EXPECT_EQ(stream.picture(), Picture(9, 5));
}

TEST(Rfb, RefusesNonsense) {
    for (const auto& [bytes, words] : std::vector<std::pair<std::string, std::string>>{
             {"HTTP/1.1 200", "does not speak RFB: 'HTTP/1.1 200'"},
             {"RFB 003.008\n\1\2", "asks for a password"},
             {std::string("RFB 003.008\n\0\0\0\0\4\x1b[2J", 21), "lets nobody in: \\x1B[2J"},
             {hello(9000, 10), "is too large: 9000 x 10"},
             {hello(4, 4) + std::string("\0\0\0\1", 4) + rectangle({3, 0, 2, 1}, 0),
              "drew outside of itself"},
             {hello(4, 4) + std::string("\0\0\0\1", 4) + rectangle({0, 0, 2, 1}, 7),
              "an encoding that was not asked for (7)"},
             {hello(4, 4) + "\x09", "no message of RFB (9)"}}) {
        RfbStream stream;
        try {
            stream.add(bytes);
            ADD_FAILURE() << words;
        } catch (const Error& error) {
            EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
        }
    }
}

}  // namespace
}  // namespace lodge
