#include "engine/vm/console.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/units.h"
#include "engine/vm/scrollback.h"

// What a guest writes to its serial line: what is made of it is the same however it comes in
// pieces, and nothing of it can steer the person's terminal.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    lodge::PlainLines whole, pieces;
    lodge::TerminalModes modes;
    whole.add(bytes);
    for (size_t i = 0; i < bytes.size(); ++i) {
        pieces.add(bytes.substr(i, 1));
        modes.see(bytes.substr(i, 1));
    }
    const auto lines = whole.lines();
    if (lines != pieces.lines()) __builtin_trap();
    for (const std::string& line : lines)
        if (lodge::printable(line) != line) __builtin_trap();
    if (modes.undo().size() > 200) __builtin_trap();
    return 0;
}
