#include "tui/moving.h"

#include <algorithm>

namespace lodge {

std::optional<int> lines_moved(const Key& key, const MovingBy& by) {
    const auto is = [&](std::string_view word, std::string_view letter) {
        return key.is(word) || (by.letters && key.is(letter));
    };
    const int page = std::max(1, by.page - 1);
    if (is("Up", "k")) return -1;
    if (is("Down", "j")) return 1;
    if (key.is("WheelUp")) return -by.wheel;
    if (key.is("WheelDown")) return by.wheel;
    if (is("PgUp", "Ctrl-B")) return -page;
    if (is("PgDn", "Ctrl-F")) return page;
    if (is("Home", "g")) return -to_the_end;
    if (is("End", "G")) return to_the_end;
    return std::nullopt;
}

}  // namespace lodge
