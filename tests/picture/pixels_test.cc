#include "tui/picture/pixels.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "engine/units.h"

namespace lodge {
namespace {

Picture noise(int width, int height, int colors) {
    std::mt19937 random(1);
    Picture picture(width, height);
    std::vector<std::array<uint8_t, 3>> palette(static_cast<size_t>(colors));
    for (auto& color : palette)
        for (uint8_t& part : color)
            part = static_cast<uint8_t>(random() % 101 * 255 / 100);
    for (size_t i = 0; i < picture.rgb.size(); i += 3)
        std::copy_n(palette[random() % palette.size()].data(), 3, picture.rgb.data() + i);
    return picture;
}

// What a terminal makes of the pictures: written from the protocols' descriptions, not from ours.
Picture kitty_decoded(std::string_view bytes) {
    static constexpr std::string_view digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    Picture picture;
    std::vector<uint8_t> data;
    uint32_t bits = 0;
    int have = 0;
    bool more = true;
    while (!bytes.empty()) {
        EXPECT_TRUE(more) << "something behind the last piece";
        EXPECT_TRUE(bytes.starts_with("\x1b_G"));
        const size_t end = bytes.find("\x1b\\");
        const std::string_view piece = bytes.substr(3, end - 3);
        bytes.remove_prefix(end + 2);
        const size_t semicolon = piece.find(';');
        EXPECT_LE(piece.size() - semicolon - 1, 4096u);
        for (const std::string& word : split(piece.substr(0, semicolon), ',')) {
            const int value = static_cast<int>(parse_integer(word.substr(2)).value_or(-1));
            if (word[0] == 's') picture.width = value;
            if (word[0] == 'v') picture.height = value;
            if (word[0] == 'm') more = value == 1;
        }
        for (const char sign : piece.substr(semicolon + 1)) {
            if (sign == '=') continue;
            bits = bits << 6 | static_cast<uint32_t>(digits.find(sign));
            have += 6;
            if (have < 8) continue;
            have -= 8;
            data.push_back(static_cast<uint8_t>(bits >> have));
        }
    }
    EXPECT_FALSE(more);
    picture.rgb = data;
    return picture;
}

Picture sixel_decoded(std::string_view bytes) {
    EXPECT_TRUE(bytes.starts_with("\x1bP"));
    EXPECT_TRUE(bytes.ends_with("\x1b\\"));
    bytes.remove_suffix(2);
    bytes.remove_prefix(bytes.find('q') + 1);
    std::map<int, std::array<int, 3>> palette;
    Picture picture;
    int color = 0, x = 0, top = 0;
    const auto numbers = [&] {
        const size_t end = std::min(bytes.find_first_not_of("0123456789;"), bytes.size());
        std::vector<int> found;
        for (const std::string& word : split(bytes.substr(0, end), ';'))
            found.push_back(std::stoi(word));
        bytes.remove_prefix(end);
        return found;
    };
    while (!bytes.empty()) {
        char sign = bytes[0];
        bytes.remove_prefix(1);
        int count = 1;
        if (sign == '"') {
            const auto raster = numbers();
            picture = Picture(raster[2], raster[3]);
            continue;
        }
        if (sign == '#') {
            const auto words = numbers();
            color = words[0];
            if (words.size() == 5) palette[color] = {words[2], words[3], words[4]};
            continue;
        }
        if (sign == '$' || sign == '-') {
            x = 0;
            if (sign == '-') top += 6;
            continue;
        }
        if (sign == '!') {
            count = numbers()[0];
            sign = bytes[0];
            bytes.remove_prefix(1);
        }
        EXPECT_GE(sign, '?');
        EXPECT_LE(sign, '~');
        for (; count > 0; --count, ++x)
            for (int row = 0; row < 6; ++row) {
                if (((sign - '?') >> row & 1) == 0) continue;
                EXPECT_LT(x, picture.width);
                EXPECT_LT(top + row, picture.height);
                for (size_t part = 0; part < 3; ++part)
                    picture.at(x, top + row)[part] =
                        static_cast<uint8_t>(palette[color][part] * 255 / 100);
            }
    }
    return picture;
}

TEST(Pixels, KittyIsWhatWasMeant) {
    for (const auto& [width, height] : {std::pair{1, 1}, {2, 1}, {1, 2}, {37, 41}, {100, 64}}) {
        const Picture picture = noise(width, height, 300);
        EXPECT_EQ(kitty_decoded(kitty_picture(picture, {10, 5})), picture) << width;
    }
    const std::string bytes = kitty_picture(noise(2, 2, 2), {10, 5});
    EXPECT_TRUE(bytes.starts_with("\x1b_Ga=T,f=24,s=2,v=2,c=10,r=5,i=7170,p=1,C=1,q=2,m=0;"));
    EXPECT_EQ(kitty_picture(Picture(), {1, 1}), "");
    EXPECT_EQ(kitty_removal(), "\x1b_Ga=d,d=I,i=7170,q=2;\x1b\\");
}

TEST(Pixels, SixelIsWhatWasMeant) {
    for (const auto& [width, height] : {std::pair{1, 1}, {7, 6}, {40, 13}, {64, 5}}) {
        const Picture picture = noise(width, height, 50);
        EXPECT_EQ(sixel_decoded(sixel_picture(picture)), picture) << width;
    }
    // More colours than a terminal has: each is near.
    Picture picture(64, 64);
    for (int y = 0; y < 64; ++y)
        for (int x = 0; x < 64; ++x) {
            picture.at(x, y)[0] = static_cast<uint8_t>(x * 4);
            picture.at(x, y)[1] = static_cast<uint8_t>(y * 4);
            picture.at(x, y)[2] = static_cast<uint8_t>(x + y);
        }
    const Picture shown = sixel_decoded(sixel_picture(picture));
    ASSERT_EQ(shown.rgb.size(), picture.rgb.size());
    for (size_t i = 0; i < shown.rgb.size(); ++i)
        EXPECT_LE(std::abs(shown.rgb[i] - picture.rgb[i]), 28);
    EXPECT_EQ(sixel_picture(Picture()), "");
}

TEST(Pixels, StandAtTheirPlace) {
    const Picture picture = noise(4, 4, 2);
    const std::string kitty = picture_at(PixelProtocol::kitty, picture, {2, 3, 10, 5}, {});
    EXPECT_EQ(kitty,
              "\x1b"
              "7\x1b[4;3H" +
                  kitty_picture(picture, {10, 5}) +
                  "\x1b"
                  "8");
    const std::string sixel = picture_at(PixelProtocol::sixel, picture, {0, 0, 2, 1}, {10, 20});
    EXPECT_NE(sixel.find("\"1;1;20;20"), std::string::npos);
    EXPECT_EQ(picture_at(PixelProtocol::none, picture, {0, 0, 2, 1}, {}), "");
    EXPECT_EQ(picture_at(PixelProtocol::kitty, picture, {0, 0, 0, 1}, {}), "");
    // A line is spared what a terminal would shrink.
    const std::string large =
        picture_at(PixelProtocol::kitty, noise(800, 600, 9), {0, 0, 4, 2}, {});
    EXPECT_NE(large.find("s=32,v=32"), std::string::npos);
}

TEST(Pixels, AreUsedWhereTheTerminalHasThem) {
    const auto of = [](TerminalSigns signs) { return pixel_protocol(signs); };
    EXPECT_EQ(of({.term = "xterm-kitty",
                  .term_program = "",
                  .kitty_window_id = "",
                  .device_attributes = ""}),
              PixelProtocol::kitty);
    EXPECT_EQ(of({"xterm-256color", "", "3", ""}), PixelProtocol::kitty);
    EXPECT_EQ(of({"xterm-256color", "WezTerm", "", ""}), PixelProtocol::kitty);
    EXPECT_EQ(of({"foot", "", "", ""}), PixelProtocol::sixel);
    EXPECT_EQ(of({"xterm", "", "", "\x1b[?62;4;22c"}), PixelProtocol::sixel);
    EXPECT_EQ(of({"xterm", "", "", "\x1b[?4;1c"}), PixelProtocol::none) << "the first is its kind";
    EXPECT_EQ(of({"xterm", "", "", "\x1b[?62;22c"}), PixelProtocol::none);
    EXPECT_EQ(of({"xterm", "", "", "nonsense"}), PixelProtocol::none);
    // Inside of tmux the variables are of the terminal around it.
    EXPECT_EQ(of({"tmux-256color", "tmux", "3", "\x1b[?1;2c"}), PixelProtocol::none);
    EXPECT_EQ(of({"screen", "", "3", "\x1b[?1;2;4c"}), PixelProtocol::sixel);
    EXPECT_EQ(of({"linux", "", "", ""}), PixelProtocol::none);
}

}  // namespace
}  // namespace lodge
