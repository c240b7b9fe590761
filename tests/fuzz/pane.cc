#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/text.h"
#include "tui/pane/terminal_pane.h"

// What a guest writes to its console, with sizes, keys and searches in between (a byte 0xFF, which
// is in no UTF-8, and what to do): nothing is drawn outside of the pane, each cell is one that any
// terminal shows as itself, and what is sent back stays within bounds.

namespace {

using namespace lodge;

constexpr int margin = 2;

void check_cell(const Canvas& canvas, int x, int y) {
    const Cell& cell = canvas.at(x, y);
    const bool right = x > 0 && canvas.at(x - 1, y).width == 2;
    if ((cell.width == 0) != right) __builtin_trap();
    if (cell.width == 0) return;
    if (is_unsafe(cell.text) || cell.text > 0x10ffff || character_width(cell.text) != cell.width)
        __builtin_trap();
    if (cell.mark != 0 && (is_unsafe(cell.mark) || character_width(cell.mark) != 0))
        __builtin_trap();
}

void draw(TerminalPane& pane, Size size) {
    Canvas canvas({size.width + 2 * margin, size.height + 2 * margin});
    canvas.all().fill(Role::danger, U'.');
    const Area area = canvas.all().part(margin, margin, size.width, size.height);
    pane.draw(area);
    for (int y = 0; y < canvas.size().height; ++y)
        for (int x = 0; x < canvas.size().width; ++x) {
            check_cell(canvas, x, y);
            const bool inside = area.rect().contains(x, y);
            if (!inside && canvas.at(x, y) != Cell{U'.', 0, 1, Role::danger}) __builtin_trap();
        }
    if (canvas.cursor && !area.rect().contains(canvas.cursor->x, canvas.cursor->y))
        __builtin_trap();
    if (printable(pane.title()) != pane.title()) __builtin_trap();
}

void act(TerminalPane& pane, Size& size, uint8_t verb, uint8_t argument) {
    static constexpr std::string_view names[] = {"Up",    "Ctrl-c", "F5",      "Paste",
                                                 "Press", "Drag",   "Release", "WheelUp"};
    Key key;
    switch (verb % 8) {
        case 0:
            size = {argument % 64 + 1, argument / 8 % 16 + 1};
            pane.resize(size);
            break;
        case 1:
            pane.scroll(static_cast<int8_t>(argument));
            break;
        case 2:
            pane.find(std::string(1, static_cast<char>(argument % 128)));
            break;
        case 3:
            pane.find_next((argument & 1) != 0);
            break;
        case 4:
            key.name = names[argument % std::size(names)];
            if (key.is("Paste")) key.text = "a\x1b[201~b";
            if (argument % std::size(names) >= 4) key.x = key.y = argument / 8;
            if (pane.key(key).size() > 64) __builtin_trap();
            break;
        case 5:
            pane.forget_modes();
            break;
        case 6:
            if (pane.take_answers().size() > Emulator::most_answers) __builtin_trap();
            break;
        case 7:
            draw(pane, size);
            break;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::string_view bytes(reinterpret_cast<const char*>(data), std::min<size_t>(size, 8192));
    TerminalPane pane(size % 2 == 0 ? Size{} : Size{40, 8});
    Size area{20, 6};
    pane.resize(area);
    while (!bytes.empty()) {
        const size_t end = bytes.find('\xff');
        pane.feed(bytes.substr(0, end));
        if (end == std::string_view::npos || end + 2 >= bytes.size()) break;
        act(pane, area, static_cast<uint8_t>(bytes[end + 1]), static_cast<uint8_t>(bytes[end + 2]));
        bytes.remove_prefix(end + 3);
    }
    draw(pane, area);
    pane.scroll_top();
    draw(pane, area);
    pane.resize({area.height, area.width});
    draw(pane, {area.height, area.width});
    return 0;
}
