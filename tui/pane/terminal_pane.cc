#include "tui/pane/terminal_pane.h"

#include <algorithm>

#include "engine/text.h"

namespace lodge {
namespace {

constexpr int wheel_lines = 3;

// Small letters of the scripts that have them in regular places: Latin-1, Greek, Cyrillic.
char32_t folded(char32_t c) {
    if ((c >= U'A' && c <= U'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7) ||
        (c >= 0x391 && c <= 0x3a9) || (c >= 0x410 && c <= 0x42f))
        return c + 32;
    return c >= 0x400 && c <= 0x40f ? c + 80 : c;
}

Size larger(Size a, Size b) {
    return {std::max(a.width, b.width), std::max(a.height, b.height)};
}

}  // namespace

TerminalPane::TerminalPane(Size least)
    : emulator_(larger(Size{80, 24}, least)), least_(least), area_(emulator_.size()) {}

void TerminalPane::feed(std::string_view bytes) {
    const int64_t before = line_count();
    emulator_.feed(bytes);
    keep_view(before);
}

void TerminalPane::replay(std::string_view bytes) {
    feed(bytes);
    take_answers();
}

// Who reads what is further up keeps it before the eyes while new lines come.
void TerminalPane::keep_view(int64_t before) {
    if (emulator_.take_changed()) changed_ = true;
    const int64_t grown = line_count() - before;
    if (offset_ > 0 && grown > 0) offset_ += static_cast<int>(grown);
    offset_ = std::clamp(offset_, 0, most_offset());
}

void TerminalPane::resize(Size area) {
    area_ = {std::max(area.width, 1), std::max(area.height, 1)};
    emulator_.resize(larger(area_, least_));
    keep_view(line_count());
}

// Lines so far, those that are gone counted: a line keeps its number.
int64_t TerminalPane::line_count() const {
    const PaneHistory& history = emulator_.history();
    return history.dropped() + static_cast<int64_t>(history.size()) + emulator_.size().height;
}

// The first row of the screen that is seen when the area is lower than it.
int TerminalPane::first_row() const {
    const int beyond = emulator_.size().height - area_.height;
    return std::clamp(emulator_.cursor().row - area_.height + 1, 0, std::max(beyond, 0));
}

int TerminalPane::first_column() const {
    const int beyond = emulator_.size().width - area_.width;
    return beyond > 0 && emulator_.cursor().column >= area_.width ? beyond : 0;
}

int TerminalPane::most_offset() const {
    return static_cast<int>(emulator_.history().size()) + first_row();
}

int64_t TerminalPane::top_line() const {
    return emulator_.history().dropped() + most_offset() - offset_;
}

void TerminalPane::scroll(int lines) {
    const int wanted = std::clamp(offset_ + lines, 0, most_offset());
    if (wanted == offset_) return;
    offset_ = wanted;
    changed_ = true;
}

void TerminalPane::scroll_pages(int pages) {
    scroll(pages * std::max(1, area_.height - 1));
}

void TerminalPane::read(int64_t index, std::vector<Cell>& cells) const {
    const PaneHistory& history = emulator_.history();
    const int64_t kept = index - history.dropped();
    const auto size = static_cast<int64_t>(history.size());
    if (kept < 0 || kept >= size + emulator_.size().height)
        cells.clear();
    else if (kept < size)
        history.read(static_cast<size_t>(kept), cells);
    else
        emulator_.read(static_cast<int>(kept - size), cells);
}

void TerminalPane::draw(const Area& area) {
    resize({area.width(), area.height()});
    drawn_ = area.rect();
    changed_ = false;
    area.fill({});
    std::vector<Cell> cells;
    const int64_t top = top_line();
    const int left = offset_ == 0 ? first_column() : 0;
    for (int y = 0; y < area.height(); ++y) {
        read(top + y, cells);
        if (!needle_.empty()) mark_matches(top + y, cells);
        for (size_t x = static_cast<size_t>(left); x < cells.size(); ++x) {
            // The right half of what begins left of the area, and those set with their left one.
            if (cells[x].width == 0) continue;
            area.set(static_cast<int>(x) - left, y, cells[x]);
        }
    }
    if (offset_ > 0) return;
    const Emulator::Cursor cursor = emulator_.cursor();
    area.cursor(cursor.column - left, cursor.row - first_row(), cursor.visible);
}

std::string TerminalPane::key(const Key& key) {
    if (key.is_mouse() && !key.is("Row")) {
        const int column = key.x - drawn_.x, row = key.y - drawn_.y;
        if (offset_ == 0 && emulator_.wants_mouse() && drawn_.contains(key.x, key.y))
            return emulator_.mouse(key, column + first_column(), row + first_row());
        if (key.is("WheelUp")) scroll(wheel_lines);
        if (key.is("WheelDown")) scroll(-wheel_lines);
        return {};
    }
    std::string bytes = emulator_.key(key);
    if (!bytes.empty()) scroll_bottom();
    return bytes;
}

bool TerminalPane::find(std::string_view text) {
    needle_.clear();
    match_.reset();
    changed_ = true;
    while (!text.empty()) {
        const char32_t character = take_character(text);
        // What a cell can't hold is found nowhere.
        if (character != no_character && character_width(character) > 0)
            needle_ += folded(character);
    }
    if (needle_.empty()) return false;
    return go_to(top_line() + area_.height - 1, true, std::nullopt);
}

bool TerminalPane::find_next(bool older) {
    if (needle_.empty()) return false;
    if (!match_) return go_to(top_line() + area_.height - 1, true, std::nullopt);
    return go_to(match_->line, older, match_->column);
}

// The columns where the needle begins.
std::vector<int> TerminalPane::matches_in(const std::vector<Cell>& cells) const {
    std::vector<int> found;
    for (size_t begin = 0; begin < cells.size(); ++begin) {
        if (cells[begin].width == 0) continue;
        size_t cell = begin, at = 0;
        for (; cell < cells.size() && at < needle_.size(); ++cell) {
            if (cells[cell].width == 0) continue;
            if (folded(cells[cell].text) != needle_[at]) break;
            ++at;
        }
        if (at == needle_.size()) found.push_back(static_cast<int>(begin));
    }
    return found;
}

void TerminalPane::mark_matches(int64_t index, std::vector<Cell>& cells) const {
    for (const int column : matches_in(cells)) {
        const bool here = match_ == Match{index, column};
        size_t left = needle_.size();
        for (auto i = static_cast<size_t>(column); i < cells.size(); ++i) {
            if (cells[i].width != 0 && left-- == 0) break;
            cells[i].paint = Paint(here ? Role::selected : Role::marked, Paint::reverse);
            if (here) cells[i].paint.attributes = 0;
        }
    }
}

// The match nearest to a line, on it or further in one direction; `beyond` a column of it.
bool TerminalPane::go_to(int64_t index, bool older, std::optional<int> beyond) {
    std::vector<Cell> cells;
    const int64_t first = emulator_.history().dropped(), end = line_count();
    for (index = std::clamp(index, first, end - 1); index >= first && index < end;
         index += older ? -1 : 1, beyond.reset()) {
        read(index, cells);
        std::vector<int> columns = matches_in(cells);
        if (beyond)
            std::erase_if(columns, [&](int c) { return older ? c >= *beyond : c <= *beyond; });
        if (columns.empty()) continue;
        match_ = Match{index, older ? columns.back() : columns.front()};
        changed_ = true;
        const int64_t top = top_line();
        if (index < top || index >= top + area_.height)
            scroll(static_cast<int>(top - index) + area_.height / 2);
        return true;
    }
    return false;
}

}  // namespace lodge
