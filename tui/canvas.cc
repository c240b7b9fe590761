#include "tui/canvas.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/text.h"
#include "tui/theme.h"

namespace lodge {
namespace {

Rect cut(const Rect& a, const Rect& b) {
    const int x = std::max(a.x, b.x), y = std::max(a.y, b.y);
    return {x, y, std::max(0, std::min(a.x + a.width, b.x + b.width) - x),
            std::max(0, std::min(a.y + a.height, b.y + b.height) - y)};
}

void add_cell(std::string& line, const Cell& cell) {
    if (cell.width == 0) return;
    append_character(line, cell.text);
    if (cell.mark != 0) append_character(line, cell.mark);
}

void end_line(std::string& text, std::string line) {
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
}

}  // namespace

void Canvas::clear(Size size) {
    size_ = {std::max(size.width, 1), std::max(size.height, 1)};
    cells_.assign(static_cast<size_t>(size_.width) * static_cast<size_t>(size_.height), Cell{});
    cursor.reset();
    hits_.clear();
}

Area Canvas::all() {
    return Area(*this, {0, 0, size_.width, size_.height});
}

const Key* Canvas::hit_at(int x, int y) const {
    for (auto hit = hits_.rbegin(); hit != hits_.rend(); ++hit)
        if (hit->where.contains(x, y)) return &hit->key;
    return nullptr;
}

std::string Canvas::text() const {
    std::string text;
    for (int y = 0; y < size_.height; ++y) {
        std::string line;
        for (int x = 0; x < size_.width; ++x)
            add_cell(line, at(x, y));
        end_line(text, std::move(line));
    }
    return text;
}

std::string Canvas::marked_text() const {
    std::string text;
    for (int y = 0; y < size_.height; ++y) {
        std::string line;
        Role role = Role::normal;
        for (int x = 0; x < size_.width; ++x) {
            const Cell& cell = at(x, y);
            if (cell.paint.role != role) {
                if (role != Role::normal) line += '}';
                role = cell.paint.role;
                if (role != Role::normal) line += fmt::format("{{{}:", role_word(role));
            }
            add_cell(line, cell);
        }
        if (role != Role::normal) line += '}';
        end_line(text, std::move(line));
    }
    return text;
}

Area::Area(Canvas& canvas, Rect rect)
    : canvas_(&canvas),
      rect_(rect),
      clip_(cut(rect, {0, 0, canvas.size().width, canvas.size().height})) {}

Area Area::part(int x, int y, int width, int height) const {
    Area part = *this;
    part.rect_ = cut(rect_, {rect_.x + x, rect_.y + y, width, height});
    part.clip_ = cut(clip_, part.rect_);
    return part;
}

void Area::set(int x, int y, const Cell& cell) const {
    const int cx = rect_.x + x, cy = rect_.y + y;
    if (!clip_.contains(cx, cy)) return;
    Cell& place = canvas_->at(cx, cy);
    // Half of a wide character that is written over leaves a blank.
    if (place.width == 0 && cx > 0) {
        Cell& left = canvas_->at(cx - 1, cy);
        if (left.width == 2) left = Cell{U' ', 0, 1, left.paint};
    }
    if (place.width == 2 && cx + 1 < canvas_->size().width) {
        Cell& right = canvas_->at(cx + 1, cy);
        if (right.width == 0) right = Cell{U' ', 0, 1, right.paint};
    }
    if (cell.width != 2) {
        place = cell;
        return;
    }
    if (!clip_.contains(cx + 1, cy)) {
        place = Cell{U' ', 0, 1, cell.paint};
        return;
    }
    Cell right{U' ', 0, 0, cell.paint};
    set(x + 1, y, Cell{U' ', 0, 1, cell.paint});
    place = cell;
    canvas_->at(cx + 1, cy) = right;
}

int Area::put(int x, int y, std::string_view text, Paint paint) const {
    if (y < 0 || y >= height() || x >= width()) return x;
    std::string safe;
    if (std::any_of(text.begin(), text.end(), [](char c) { return c < ' ' || c == 0x7f; })) {
        safe = printable(text);  // also what is not ASCII: its bytes are negative or above
        text = safe;
    }
    while (!text.empty()) {
        const char32_t character = take_character(text);
        const int cells = character_width(character);
        if (cells == 0) {
            if (x > 0 && clip_.contains(rect_.x + x - 1, rect_.y + y)) {
                Cell& before = canvas_->at(rect_.x + x - 1, rect_.y + y);
                if (before.mark == 0 && before.width == 1) before.mark = character;
            }
            continue;
        }
        if (x + cells > width()) {
            set(width() - 1, y, Cell{U'~', 0, 1, paint});
            return width();
        }
        set(x, y, Cell{character, 0, static_cast<uint8_t>(cells), paint});
        x += cells;
    }
    return x;
}

void Area::put_right(int right, int y, std::string_view text, Paint paint) const {
    const std::string safe = printable(text);
    put(std::max(0, right - text_width(safe)), y, safe, paint);
}

void Area::put_centre(int y, std::string_view text, Paint paint) const {
    const std::string safe = printable(text);
    put(std::max(0, (width() - text_width(safe)) / 2), y, safe, paint);
}

void Area::fill(Paint paint, char32_t text) const {
    for (int y = 0; y < height(); ++y)
        for (int x = 0; x < width(); ++x)
            set(x, y, Cell{text, 0, 1, paint});
}

void Area::paint_row(int y, Paint paint) const {
    for (int x = 0; x < width(); ++x) {
        const int cx = rect_.x + x, cy = rect_.y + y;
        if (clip_.contains(cx, cy)) canvas_->at(cx, cy).paint = paint;
    }
}

void Area::cursor(int x, int y, bool visible) const {
    const int cx = rect_.x + x, cy = rect_.y + y;
    if (clip_.contains(cx, cy)) canvas_->cursor = Canvas::Cursor{cx, cy, visible};
}

void Area::hit(int x, int y, int w, int h, Key key) const {
    const Rect where = cut(clip_, {rect_.x + x, rect_.y + y, w, h});
    if (where.width > 0 && where.height > 0) canvas_->hit(where, std::move(key));
}

}  // namespace lodge
