#pragma once

#include <optional>
#include <string_view>

#include "tui/canvas.h"

namespace lodge {

enum class ColorLevel { mono, basic, bright, full };  // none, 8, 16, 256 colours

// Looks is how a paint appears at one colour level.
struct Looks {
    int fg = -1, bg = -1;    // a palette index below the level's count; -1: the terminal's default
    uint8_t attributes = 0;  // Paint's
    bool operator==(const Looks&) const = default;
};

// How `paint` looks. Each role that means something differs from `normal` at every level, in mono
// by attributes alone; nothing depends on a dark or a light background.
Looks looks_of(const Paint& paint, ColorLevel level);

std::string_view role_word(Role role);
std::string_view color_level_word(ColorLevel level);
// "mono", "8", "16", "256"; nullopt for anything else.
std::optional<ColorLevel> parse_color_level(std::string_view word);
// The nearest of xterm's 256 colours, and of those the nearest of the first 16 or 8.
int nearest_color(int32_t color, ColorLevel level);

}  // namespace lodge
