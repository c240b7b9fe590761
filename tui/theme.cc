#include "tui/theme.h"

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>
#include <iterator>

namespace lodge {
namespace {

constexpr uint8_t bold = Paint::bold, underlined = Paint::underline, reverse = Paint::reverse,
                  faint = Paint::faint;

// RoleLooks is one line of the theme: a role at mono, at 8 and 16 colours, and at 256. The colours
// of 256 that stand on the terminal's own background have a luminance near the middle, so that
// black and white behind them both leave a contrast of about 4:1. Of the first eight only red,
// green and magenta do so; yellow, cyan and blue are no letters there.
struct RoleLooks {
    Role role;
    std::string_view word;
    Looks mono, basic, full;
};
constexpr RoleLooks theme[] = {
    {Role::normal, "normal", {}, {}, {}},
    {Role::dim, "dim", {-1, -1, faint}, {-1, -1, faint}, {244, -1, 0}},
    {Role::strong, "strong", {-1, -1, bold}, {-1, -1, bold}, {-1, -1, bold}},
    {Role::heading, "heading", {-1, -1, bold}, {-1, -1, bold | underlined}, {31, -1, bold}},
    {Role::header, "header", {-1, -1, reverse}, {-1, -1, reverse}, {252, 237, 0}},
    {Role::header_warning, "header_warning", {-1, -1, reverse | bold}, {0, 3, 0}, {235, 214, bold}},
    {Role::bar, "bar", {-1, -1, reverse}, {-1, -1, reverse}, {252, 237, 0}},
    {Role::bar_key, "bar_key", {-1, -1, bold}, {-1, -1, bold}, {117, 237, bold}},
    {Role::bar_off, "bar_off", {-1, -1, reverse | faint}, {-1, -1, reverse | faint}, {243, 237, 0}},
    {Role::selected, "selected", {-1, -1, reverse}, {7, 4, bold}, {231, 24, 0}},
    {Role::marked, "marked", {-1, -1, bold | underlined}, {5, -1, bold}, {133, -1, bold}},
    {Role::good, "good", {-1, -1, bold}, {2, -1, bold}, {28, -1, bold}},
    {Role::busy, "busy", {-1, -1, underlined}, {5, -1, 0}, {31, -1, 0}},
    {Role::warning, "warning", {-1, -1, underlined | bold}, {1, -1, bold}, {130, -1, bold}},
    {Role::danger, "danger", {-1, -1, reverse | bold}, {7, 1, bold}, {160, -1, bold}},
    {Role::frame, "frame", {-1, -1, faint}, {-1, -1, faint}, {244, -1, 0}},
    {Role::field, "field", {-1, -1, underlined}, {-1, -1, underlined}, {-1, -1, underlined}},
    {Role::link, "link", {-1, -1, bold}, {5, -1, bold}, {32, -1, bold}},
    {Role::graph, "graph", {}, {2, -1, 0}, {67, -1, 0}},
    {Role::graph_2, "graph_2", {-1, -1, faint}, {5, -1, 0}, {133, -1, 0}},
};

const RoleLooks& line_of(Role role) {
    const auto* line = std::find_if(std::begin(theme), std::end(theme),
                                    [&](const RoleLooks& looks) { return looks.role == role; });
    return line == std::end(theme) ? theme[0] : *line;
}

struct Rgb {
    int red, green, blue;
};

// xterm's 256 colours: 16 of the terminal's own (VGA's here), a cube of six steps, 24 greys.
Rgb palette_color(int index) {
    static constexpr std::array<Rgb, 16> own = {{{0, 0, 0},
                                                 {170, 0, 0},
                                                 {0, 170, 0},
                                                 {170, 85, 0},
                                                 {0, 0, 170},
                                                 {170, 0, 170},
                                                 {0, 170, 170},
                                                 {170, 170, 170},
                                                 {85, 85, 85},
                                                 {255, 85, 85},
                                                 {85, 255, 85},
                                                 {255, 255, 85},
                                                 {85, 85, 255},
                                                 {255, 85, 255},
                                                 {85, 255, 255},
                                                 {255, 255, 255}}};
    if (index < 16) return own[static_cast<size_t>(std::max(index, 0))];
    if (index >= 232) {
        const int grey = 8 + 10 * (index - 232);
        return {grey, grey, grey};
    }
    const auto step = [](int i) { return i == 0 ? 0 : 55 + 40 * i; };
    const int cube = index - 16;
    return {step(cube / 36), step(cube / 6 % 6), step(cube % 6)};
}

int distance(const Rgb& a, const Rgb& b) {
    const int red = a.red - b.red, green = a.green - b.green, blue = a.blue - b.blue;
    return 3 * red * red + 6 * green * green + blue * blue;  // the eye minds green most
}

int nearest_of(const Rgb& color, int from, int to) {
    int best = from, least = INT_MAX;
    for (int i = from; i < to; ++i) {
        const int far = distance(color, palette_color(i));
        if (far < least) {
            least = far;
            best = i;
        }
    }
    return best;
}

// Of the cube and the greys only: the first 16 are the person's own and may be anything.
int nearest_of_256(const Rgb& color) {
    const auto step = [](int value) {
        return value < 48 ? 0 : value < 115 ? 1 : (value - 35) / 40;
    };
    const int cube = 16 + 36 * step(color.red) + 6 * step(color.green) + step(color.blue);
    const int grey_level = (color.red + color.green + color.blue) / 3;
    const int grey = 232 + std::clamp((grey_level - 3) / 10, 0, 23);
    return distance(color, palette_color(grey)) < distance(color, palette_color(cube)) ? grey
                                                                                       : cube;
}

}  // namespace

int nearest_color(int32_t color, ColorLevel level) {
    if (color == Paint::inherit || level == ColorLevel::mono) return -1;
    const bool direct = (color & Paint::rgb_flag) != 0;
    const Rgb rgb = direct ? Rgb{(color >> 16) & 0xff, (color >> 8) & 0xff, color & 0xff}
                           : palette_color(color & 0xff);
    const int index = color & 0xff;
    switch (level) {
        case ColorLevel::full:
            return direct ? nearest_of_256(rgb) : index;
        case ColorLevel::bright:
            return !direct && index < 16 ? index : nearest_of(rgb, 0, 16);
        case ColorLevel::basic:
            if (!direct && index < 16) return index % 8;
            return nearest_of(rgb, 0, 16) % 8;
        case ColorLevel::mono:
            break;
    }
    return -1;
}

Looks looks_of(const Paint& paint, ColorLevel level) {
    const RoleLooks& line = line_of(paint.role);
    Looks looks = level == ColorLevel::mono   ? line.mono
                  : level == ColorLevel::full ? line.full
                                              : line.basic;
    if (paint.fg != Paint::inherit) looks.fg = nearest_color(paint.fg, level);
    if (paint.bg != Paint::inherit) looks.bg = nearest_color(paint.bg, level);
    // A dark letter on a dark ground would vanish where both became the same colour.
    if (looks.fg == looks.bg && looks.fg >= 0 && paint.fg != paint.bg)
        looks.fg = looks.bg == 0 ? 7 : 0;
    looks.attributes |= paint.attributes;
    return looks;
}

std::string_view role_word(Role role) {
    return line_of(role).word;
}

std::string_view color_level_word(ColorLevel level) {
    switch (level) {
        case ColorLevel::mono:
            return "mono";
        case ColorLevel::basic:
            return "8";
        case ColorLevel::bright:
            return "16";
        case ColorLevel::full:
            return "256";
    }
    return "";
}

std::optional<ColorLevel> parse_color_level(std::string_view word) {
    for (const auto level :
         {ColorLevel::mono, ColorLevel::basic, ColorLevel::bright, ColorLevel::full})
        if (word == color_level_word(level)) return level;
    return std::nullopt;
}

}  // namespace lodge
