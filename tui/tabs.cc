#include "tui/tabs.h"

#include <algorithm>

#include "engine/text.h"

namespace lodge {
namespace {

int width_of(const std::string& words) {
    return text_width(words) + 2;
}

int put_tab(const Area& row, int x, const std::string& words, const Key& hit, bool here) {
    const int behind = row.put(x, 0, " " + words + " ", here ? Role::selected : Role::normal);
    row.hit(x, 0, behind - x, 1, hit);
    return behind;
}

}  // namespace

int tabs_width(const std::vector<TabWord>& tabs) {
    int width = 0;
    for (const TabWord& tab : tabs)
        width += width_of(tab.words);
    return width;
}

int draw_tabs(const Area& row, int x, const std::vector<TabWord>& tabs, size_t at,
              const Glyphs& glyphs) {
    const bool fits = x + tabs_width(tabs) <= row.width();
    const bool brief = !fits && std::none_of(tabs.begin(), tabs.end(),
                                             [](const TabWord& tab) { return tab.brief.empty(); });
    if (fits || brief) {
        for (size_t place = 0; place < tabs.size(); ++place)
            x = put_tab(row, x, brief && place != at ? tabs[place].brief : tabs[place].words,
                        tabs[place].hit, place == at);
        return x;
    }
    // The first from which on the marked one is whole, between the two signs.
    size_t first = at;
    int room = row.width() - x - 2 - width_of(tabs[at].words);
    while (first > 0 && room >= width_of(tabs[first - 1].words))
        room -= width_of(tabs[--first].words);
    if (first > 0) row.set(x, 0, Cell{glyphs.left, 0, 1, Role::link});
    ++x;
    for (size_t place = first; place < tabs.size(); ++place) {
        if (place > at && x + width_of(tabs[place].words) > row.width() - 1) {
            row.set(row.width() - 1, 0, Cell{glyphs.right, 0, 1, Role::link});
            break;
        }
        x = put_tab(row, x, tabs[place].words, tabs[place].hit, place == at);
    }
    return x;
}

}  // namespace lodge
