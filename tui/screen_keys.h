#pragma once

#include <span>
#include <string_view>

namespace lodge {

// ScreenKeys is a line of help on keys of the full screen: for its help and the manual.
struct ScreenKeys {
    std::string_view keys, words;
};
std::span<const ScreenKeys> moving_keys();      // in lists and texts
std::span<const ScreenKeys> everywhere_keys();  // on every screen

}  // namespace lodge
