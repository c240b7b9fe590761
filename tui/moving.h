#pragma once

#include <optional>

#include "tui/key.h"

namespace lodge {

// How the keys of moving are taken: the same in every list and text.
struct MovingBy {
    int page = 1;         // lines that are seen at once
    int wheel = 3;        // lines a turn of the mouse's wheel
    bool letters = true;  // hjkl, g and G too: not where letters are typed
};
// More lines than anything has: Home and End.
constexpr int to_the_end = 1 << 28;

// Lines that the key goes down, negative for up; nullopt when it is no key of moving. A page leaves
// one line of the page before.
std::optional<int> lines_moved(const Key& key, const MovingBy& by);

}  // namespace lodge
