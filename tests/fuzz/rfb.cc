#include "tui/picture/rfb.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/error.h"
#include "engine/text.h"
#include "tui/picture/guest_picture.h"

// What the other end of a guest's screen sends: it draws within the picture or is an Error, however
// it comes in pieces, and what is drawn of it stays within its area.
namespace {

using namespace lodge;

void draw(const Picture& picture, GlyphLevel glyphs, ColorLevel colors) {
    Canvas canvas({24, 12});
    canvas.all().fill(Role::danger, U'.');
    draw_picture(canvas.all().part(2, 2, 20, 8), picture, glyphs, colors);
    for (int y = 0; y < 12; ++y)
        for (int x = 0; x < 24; ++x) {
            const Cell& cell = canvas.at(x, y);
            const bool inside = x >= 2 && x < 22 && y >= 2 && y < 10;
            if (!inside && cell != Cell{U'.', 0, 1, Role::danger}) __builtin_trap();
            if (cell.width != 1 || is_unsafe(cell.text)) __builtin_trap();
        }
}

// Returns whether it was taken to its end.
bool feed(RfbStream& stream, std::string_view bytes, size_t piece) {
    try {
        for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size())))
            stream.add(bytes.substr(0, piece));
    } catch (const Error& error) {
        if (printable(error.what()) != error.what()) __builtin_trap();
        return false;
    }
    return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    RfbStream whole, pieces;
    const bool taken = feed(whole, bytes, bytes.size() + 1);
    if (feed(pieces, bytes, 3) != taken) __builtin_trap();
    if (whole.picture() != pieces.picture() || whole.name() != pieces.name()) __builtin_trap();
    whole.pointer(70000, -5, 1);
    whole.key(0xff0d, true);
    if (whole.take_output() == pieces.take_output() && whole.ready() && !whole.picture().empty())
        __builtin_trap();
    if (whole.picture().rgb.size() > 1 << 20) return 0;
    draw(whole.picture(), GlyphLevel::full, ColorLevel::full);
    draw(whole.picture(), GlyphLevel::full, ColorLevel::mono);
    draw(whole.picture(), GlyphLevel::ascii, ColorLevel::mono);
    return 0;
}
