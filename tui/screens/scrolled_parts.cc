#include "tui/screens/scrolled_parts.h"

#include <fmt/format.h>

#include <algorithm>

namespace lodge {
namespace {

int height_of(const std::vector<HostPart>& parts, int width) {
    int height = 0;
    for (const HostPart& part : parts)
        height += part.rows(width);
    return height;
}

void draw_parts(const Area& area, const std::vector<HostPart>& parts) {
    int y = 0;
    for (const HostPart& part : parts) {
        const int height = part.rows(area.width());
        part.draw(area.rows(y, height));
        y += height;
    }
}

}  // namespace

void ScrolledParts::draw(const Area& area, const std::vector<HostPart>& left,
                         const std::vector<HostPart>& right) {
    height_ = area.height();
    const int width = right.empty() ? area.width() : area.width() / 2;
    whole_ = std::max(height_of(left, width), height_of(right, area.width() - width));
    Canvas canvas(Size{area.width(), std::max(whole_, 1)});
    draw_parts(canvas.all().part(0, 0, width, whole_), left);
    draw_parts(canvas.all().part(width, 0, area.width() - width, whole_), right);
    const bool more = whole_ > height_;
    const int rows = more ? height_ - 1 : height_;
    top_ = std::clamp(top_, 0, std::max(0, whole_ - rows));
    for (int y = 0; y < rows && top_ + y < whole_; ++y)
        for (int x = 0; x < area.width(); ++x)
            area.set(x, y, canvas.at(x, top_ + y));
    if (more)
        area.put_right(
            area.width() - 1, height_ - 1,
            fmt::format("{}-{} of {} lines", top_ + 1, std::min(top_ + rows, whole_), whole_),
            Role::dim);
}

bool ScrolledParts::key(const Key& key) {
    if (key.is("Up") || key.is("k"))
        --top_;
    else if (key.is("Down") || key.is("j"))
        ++top_;
    else if (key.is("WheelUp"))
        top_ -= 3;
    else if (key.is("WheelDown"))
        top_ += 3;
    else if (key.is("PgUp"))
        top_ -= height_ - 1;
    else if (key.is("PgDn") || key.is("Space"))
        top_ += height_ - 1;
    else if (key.is("Home") || key.is("g"))
        top_ = 0;
    else if (key.is("End") || key.is("G"))
        top_ = whole_;
    else
        return false;
    return true;
}

}  // namespace lodge
