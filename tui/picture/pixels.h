#pragma once

#include <string>
#include <string_view>

#include "tui/picture/picture.h"

namespace lodge {

// How a terminal shows real pixels: kitty's graphics protocol, DEC's sixel, or not at all.
enum class PixelProtocol { none, kitty, sixel };

// What is known of the person's terminal: variables of the environment ("" when not set), and its
// answer to the question what it is (DA1: "\x1b[c"), "" when it was not asked or said nothing.
struct TerminalSigns {
    std::string_view term, term_program, kitty_window_id;
    std::string_view device_attributes;
};
PixelProtocol pixel_protocol(const TerminalSigns& signs);

// The bytes that show the picture from the cursor on, without moving on.

// Scaled by the terminal to so many cells. It replaces what this function showed before.
std::string kitty_picture(const Picture& picture, Size cells);
// Takes that away.
std::string kitty_removal();
// Pixel by pixel, with the picture's own colours when there are at most 256, else the nearest of
// 6 x 7 x 6.
std::string sixel_picture(const Picture& picture);

// The same at `cells` of the screen, the cursor back where it was. `cell` is the size of a cell in
// pixels, as TIOCGWINSZ gives it; 8x16 is taken when it is not known.
std::string picture_at(PixelProtocol protocol, const Picture& picture, const Rect& cells,
                       Size cell);

}  // namespace lodge
