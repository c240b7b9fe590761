#include "tui/screens/two_panes.h"

#include <algorithm>

namespace lodge {
namespace {

// From this width on list and details stand side by side.
constexpr int side_by_side = 100;
constexpr int least_list = 56;

}  // namespace

TwoPanes::Parts TwoPanes::lay_out(const Area& area, const Glyphs& glyphs, int share) {
    wide_ = area.width() >= side_by_side;
    if (!wide_) {
        if (in_details_) return {std::nullopt, area};
        return {area, std::nullopt};
    }
    const int list = std::max(least_list, area.width() * share / 100);
    for (int y = 0; y < area.height(); ++y)
        area.set(list, y, Cell{glyphs.vertical, 0, 1, Role::frame});
    return {area.part(0, 0, list, area.height()),
            area.part(list + 2, 0, area.width() - list - 2, area.height())};
}

bool TwoPanes::key(const Key& key, bool anything) {
    if (!in_details_ && (key.is("Enter") || key.is("Tab"))) {
        in_details_ = anything;
        return true;
    }
    if (in_details_ && (key.is("Esc") || key.is("q") || key.is("Tab"))) {
        in_details_ = false;
        return true;
    }
    return false;
}

}  // namespace lodge
