#include "tui/pick_list.h"

#include <algorithm>

#include "engine/text.h"
#include "tui/moving.h"

namespace lodge {

void PickList::set(std::vector<Line> lines, size_t at) {
    lines_ = std::move(lines);
    at_ = static_cast<int>(at);
    top_ = 0;
}

void PickList::go_to(size_t at) {
    at_ = static_cast<int>(std::min(at, lines_.size() - 1));
}

bool PickList::key(const Key& key, bool& chosen) {
    const int last = static_cast<int>(lines_.size()) - 1;
    int next = at_;
    if (const auto lines = lines_moved(key, {.page = height_, .wheel = 1}))
        next = std::clamp(at_ + *lines, 0, last);
    else if (key.is("BackTab") || key.is("Tab"))
        next += key.is("Tab") ? 1 : -1;
    else if (key.is("Row"))
        next = key.y;
    else if (!key.is("Enter") && !key.is("Right"))
        return false;
    chosen = key.is("Enter") || key.is("Right") || key.is("Row");
    at_ = std::clamp(next, 0, last);
    return true;
}

void PickList::draw(const Area& area, const Glyphs& glyphs) {
    height_ = std::max(1, area.height());
    const int count = static_cast<int>(lines_.size());
    top_ = std::clamp(top_, std::max(0, at_ - height_ + 1), at_);
    int notes = 0;
    for (const Line& line : lines_)
        notes = std::max(notes, text_width(printable(line.note)));
    notes = std::min(notes, area.width() / 2);
    for (int y = 0; y < height_ && top_ + y < count; ++y) {
        const Line& line = lines_[static_cast<size_t>(top_) + static_cast<size_t>(y)];
        const bool here = top_ + y == at_;
        const Area row = area.row(y);
        if (here) {
            row.fill(Role::selected);
            row.set(0, 0, Cell{glyphs.cursor, 0, 1, Role::selected});
            row.cursor(0, 0, false);
        }
        row.part(2, 0, row.width() - notes - 5, 1)
            .put(0, 0, line.label, here ? Role::selected : Role::normal);
        row.part(row.width() - notes - 2, 0, notes, 1)
            .put(0, 0, line.note, here ? Role::selected : Role::dim);
        row.hit(0, 0, row.width(), 1, Key{.name = "Row", .y = top_ + y});
    }
    if (top_ > 0) area.set(area.width() - 1, 0, Cell{glyphs.up, 0, 1, Role::link});
    if (top_ + height_ < count)
        area.set(area.width() - 1, height_ - 1, Cell{glyphs.down, 0, 1, Role::link});
}

}  // namespace lodge
