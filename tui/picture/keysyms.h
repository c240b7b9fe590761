#pragma once

#include <cstdint>
#include <vector>

#include "tui/key.h"
#include "tui/picture/key_layout.h"

namespace lodge {

// Keystroke is one key of a keyboard going down or up, by the name that X gives it (RFC
// 6143, 7.5.4).
struct Keystroke {
    uint32_t keysym = 0;
    bool down = false;
    bool operator==(const Keystroke&) const = default;
};

// What a person's hands would do on a keyboard of that layout so that `key` comes of it: "A" is
// Shift down, a down, a up, Shift up. "Ctrl-Alt-Delete" and pasted text are too. Empty for what no
// keyboard has. The layout is that of the guest's `keyboard`, by which QEMU finds the key.
std::vector<Keystroke> keystrokes(const Key& key, const KeyLayout& layout = {});

}  // namespace lodge
