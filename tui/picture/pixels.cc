#include "tui/picture/pixels.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_map>
#include <vector>

#include "engine/units.h"

namespace lodge {
namespace {

constexpr int kitty_number = 7170;  // of our picture among the terminal's
constexpr size_t kitty_chunk = 4096;
constexpr size_t most_colors = 256;

std::string base64(const std::vector<uint8_t>& bytes) {
    constexpr std::string_view digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (size_t i = 0; i < bytes.size(); i += 3) {
        uint32_t three = 0;
        for (size_t j = 0; j < 3; ++j)
            three = three << 8 | (i + j < bytes.size() ? bytes[i + j] : 0U);
        for (size_t j = 0; j < 4; ++j)
            text += i + j <= bytes.size() ? digits[three >> (18 - 6 * j) & 0x3f] : '=';
    }
    return text;
}

bool has_sixel(std::string_view attributes) {
    // "\x1b[?62;4;22c": 4 is sixel (DEC's VT340 and XTerm's ctlseqs)
    const size_t begin = attributes.find('?'), end = attributes.find('c');
    if (begin == attributes.npos || end == attributes.npos || end < begin) return false;
    const auto numbers = split(attributes.substr(begin + 1, end - begin - 1), ';');
    return std::find(numbers.begin() + 1, numbers.end(), "4") != numbers.end();
}

// Colors of a picture: a number for each pixel, and what it stands for.
struct Indexed {
    std::vector<uint8_t> pixels;
    std::vector<int32_t> palette;  // 0xRRGGBB
};

Indexed in_own_colors(const Picture& picture) {
    Indexed result;
    std::unordered_map<int32_t, uint8_t> known;
    result.pixels.reserve(picture.rgb.size() / 3);
    for (size_t i = 0; i + 2 < picture.rgb.size(); i += 3) {
        const int32_t color = picture.rgb[i] << 16 | picture.rgb[i + 1] << 8 | picture.rgb[i + 2];
        const auto [found, is_new] =
            known.emplace(color, static_cast<uint8_t>(result.palette.size()));
        if (is_new) {
            if (result.palette.size() == most_colors) return {};
            result.palette.push_back(color);
        }
        result.pixels.push_back(found->second);
    }
    return result;
}

Indexed in_fixed_colors(const Picture& picture) {
    Indexed result;
    for (int r = 0; r < 6; ++r)
        for (int g = 0; g < 7; ++g)
            for (int b = 0; b < 6; ++b)
                result.palette.push_back(r * 255 / 5 << 16 | g * 255 / 6 << 8 | b * 255 / 5);
    for (size_t i = 0; i + 2 < picture.rgb.size(); i += 3) {
        const auto step = [&](size_t at, int steps) {
            return (picture.rgb[i + at] * steps + 127) / 255;
        };
        result.pixels.push_back(
            static_cast<uint8_t>((step(0, 5) * 7 + step(1, 6)) * 6 + step(2, 5)));
    }
    return result;
}

void add_run(std::string& text, int count, char sign) {
    if (count > 3)
        text += fmt::format("!{}{}", count, sign);
    else
        text.append(static_cast<size_t>(count), sign);
}

// Six rows of the picture: each colour of theirs is a line of signs over the same place.
void add_band(std::string& text, const Indexed& indexed, int width, int top, int rows) {
    const auto pixel = [&](int x, int row) {
        return indexed.pixels[static_cast<size_t>(top + row) * static_cast<size_t>(width) +
                              static_cast<size_t>(x)];
    };
    std::array<bool, most_colors> used{};
    for (int row = 0; row < rows; ++row)
        for (int x = 0; x < width; ++x)
            used[pixel(x, row)] = true;
    bool first = true;
    for (size_t color = 0; color < used.size(); ++color) {
        if (!used[color]) continue;
        text += fmt::format("{}#{}", first ? "" : "$", color);
        first = false;
        char last = 0;
        int count = 0;
        for (int x = 0; x < width; ++x) {
            int bits = 0;
            for (int row = 0; row < rows; ++row)
                bits |= (pixel(x, row) == color ? 1 : 0) << row;
            const char sign = static_cast<char>('?' + bits);
            if (sign != last && count > 0) {
                add_run(text, count, last);
                count = 0;
            }
            last = sign;
            ++count;
        }
        if (last != '?') add_run(text, count, last);
    }
    text += '-';
}

}  // namespace

PixelProtocol pixel_protocol(const TerminalSigns& signs) {
    // tmux and screen have the variables of the terminal around them; what they answer is theirs.
    const bool inside = signs.term.starts_with("screen") || signs.term.starts_with("tmux");
    if (!inside) {
        if (!signs.kitty_window_id.empty() || signs.term == "xterm-kitty" ||
            signs.term == "xterm-ghostty" || signs.term_program == "ghostty" ||
            signs.term_program == "WezTerm")
            return PixelProtocol::kitty;
        if (signs.term.starts_with("foot") || signs.term.starts_with("mlterm"))
            return PixelProtocol::sixel;
    }
    return has_sixel(signs.device_attributes) ? PixelProtocol::sixel : PixelProtocol::none;
}

std::string kitty_picture(const Picture& picture, Size cells) {
    if (picture.empty()) return {};
    const std::string data = base64(picture.rgb);
    std::string text;
    for (size_t at = 0; at < data.size(); at += kitty_chunk) {
        const bool more = at + kitty_chunk < data.size();
        // a=T shows at once, f=24 is RGB, C=1 leaves the cursor, q=2 wants no answer.
        if (at == 0)
            text += fmt::format("\x1b_Ga=T,f=24,s={},v={},c={},r={},i={},p=1,C=1,q=2,m={};",
                                picture.width, picture.height, cells.width, cells.height,
                                kitty_number, more ? 1 : 0);
        else
            text += fmt::format("\x1b_Gm={};", more ? 1 : 0);
        text += data.substr(at, kitty_chunk);
        text += "\x1b\\";
    }
    return text;
}

std::string kitty_removal() {
    return fmt::format("\x1b_Ga=d,d=I,i={},q=2;\x1b\\", kitty_number);
}

std::string sixel_picture(const Picture& picture) {
    if (picture.empty()) return {};
    Indexed indexed = in_own_colors(picture);
    if (indexed.palette.empty()) indexed = in_fixed_colors(picture);
    std::string text = fmt::format("\x1bP0;1;0q\"1;1;{};{}", picture.width, picture.height);
    for (size_t i = 0; i < indexed.palette.size(); ++i) {
        const auto percent = [&](int shift) {
            return ((indexed.palette[i] >> shift & 0xff) * 100 + 127) / 255;
        };
        text += fmt::format("#{};2;{};{};{}", i, percent(16), percent(8), percent(0));
    }
    for (int top = 0; top < picture.height; top += 6)
        add_band(text, indexed, picture.width, top, std::min(6, picture.height - top));
    return text + "\x1b\\";
}

std::string picture_at(PixelProtocol protocol, const Picture& picture, const Rect& cells,
                       Size cell) {
    if (protocol == PixelProtocol::none || picture.empty() || cells.width < 1 || cells.height < 1)
        return {};
    if (cell.width < 1 || cell.height < 1) cell = {8, 16};
    const Size room{cells.width * cell.width, cells.height * cell.height};
    std::string shown;
    if (protocol == PixelProtocol::kitty) {
        // More pixels than it has room for are not worth the line.
        const bool large = picture.width > room.width || picture.height > room.height;
        shown = kitty_picture(large ? scaled(picture, room) : picture, {cells.width, cells.height});
    } else {
        shown = sixel_picture(scaled(picture, room));
    }
    return fmt::format(
        "\x1b"
        "7\x1b[{};{}H{}\x1b"
        "8",
        cells.y + 1, cells.x + 1, shown);
}

}  // namespace lodge
