#include "tui/text_view.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/text.h"
#include "engine/units.h"
#include "tui/moving.h"

namespace lodge {
namespace {

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return result;
}

// Bytes of the part of `line` that fits into `width` cells, cut at a blank where there is one.
size_t fitting(std::string_view line, int width) {
    int used = 0;
    size_t at = 0, blank = 0;
    std::string_view rest = line;
    while (!rest.empty()) {
        const char32_t character = take_character(rest);
        used += character == no_character ? 1 : character_width(character);
        if (used > width)
            return blank > line.size() / 4 && blank > 0 ? blank : std::max<size_t>(at, 1);
        at = line.size() - rest.size();
        if (character == U' ') blank = at;
    }
    return line.size();
}

// Where the rest of a long line goes on: below its words when it begins with a key or a label and
// a gap, else below its first character.
int indent_of(std::string_view line, int width) {
    const size_t first = line.find_first_not_of(' ');
    if (first == std::string_view::npos || first == 0) return 0;
    const size_t gap = line.find("  ", first);
    size_t column = first;
    if (gap < 26) column = std::min(line.find_first_not_of(' ', gap), line.size());
    return static_cast<int>(column) <= width / 2 ? static_cast<int>(column) : 0;
}

}  // namespace

void TextView::set(std::string_view text) {
    if (text == text_) return;
    text_ = text;
    lines_.clear();
    if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
    for (const std::string& line : split(text, '\n')) {
        std::string clean;
        for (const char c : line) {
            if (c == '\t')
                clean.append(8 - clean.size() % 8, ' ');
            else if (c != '\r')
                clean += c;
        }
        lines_.push_back(printable(clean));
    }
    width_ = 0;  // wrapped anew when it is drawn
}

void TextView::to_end() {
    at_end_ = true;
}

void TextView::wrap(int width) {
    if (width == width_) return;
    const size_t line =
        static_cast<size_t>(top_) < rows_.size() ? rows_[static_cast<size_t>(top_)].line : 0;
    width_ = width;
    rows_.clear();
    for (size_t i = 0; i < lines_.size(); ++i) {
        std::string_view rest = lines_[i];
        size_t from = 0;
        const int hanging = indent_of(rest, width);
        do {
            const int indent = from == 0 ? 0 : hanging;
            const size_t length = fitting(rest, std::max(width - indent, 1));
            rows_.push_back({i, from, length, indent});
            from += length;
            rest.remove_prefix(length);
        } while (!rest.empty());
    }
    const auto same =
        std::find_if(rows_.begin(), rows_.end(), [&](const Row& row) { return row.line >= line; });
    top_ = static_cast<int>(same - rows_.begin());
}

void TextView::scroll(int lines) {
    at_end_ = false;
    top_ += lines;
}

void TextView::draw(Area area) {
    wrap(area.width());
    height_ = std::max(1, area.height() - (searching_ ? 1 : 0));
    const int last = std::max(0, static_cast<int>(rows_.size()) - height_);
    if (at_end_) top_ = last;
    top_ = std::clamp(top_, 0, last);
    for (int y = 0; y < height_ && top_ + y < static_cast<int>(rows_.size()); ++y) {
        const Row& row = rows_[static_cast<size_t>(top_) + static_cast<size_t>(y)];
        const std::string_view text =
            std::string_view(lines_[row.line]).substr(row.from, row.length);
        const bool heading = row.from == 0 && text.starts_with("# ");
        area.put(row.indent, y, text, heading ? Role::heading : Role::normal);
        if (found_.empty()) continue;
        const std::string low = lower(text);
        for (size_t at = low.find(found_); at != std::string::npos;
             at = low.find(found_, at + found_.size()))
            area.put(row.indent + text_width(text.substr(0, at)), y, text.substr(at, found_.size()),
                     Role::selected);
    }
    if (searching_) {
        area.put(0, area.height() - 1, "/", Role::strong);
        search_.draw(area, 1, area.height() - 1, std::min(40, area.width() - 1), true);
    }
}

void TextView::find(bool forward) {
    if (found_.empty()) return;
    const int count = static_cast<int>(rows_.size());
    for (int i = 1; i <= count; ++i) {
        const int at = ((top_ + (forward ? i : -i)) % count + count) % count;
        const Row& row = rows_[static_cast<size_t>(at)];
        const std::string low =
            lower(std::string_view(lines_[row.line]).substr(row.from, row.length));
        if (low.find(found_) == std::string::npos) continue;
        at_end_ = false;
        top_ = at;
        return;
    }
}

bool TextView::key(const Key& key) {
    if (searching_) {
        if (key.is("Enter") || key.is("Esc")) {
            searching_ = false;
            if (key.is("Enter")) {
                found_ = lower(search_.text());
                find(true);
            }
            return true;
        }
        search_.key(key);
        return true;
    }
    const bool end = key.is("End") || key.is("G");
    if (const auto lines = lines_moved(key, {.page = height_}); lines && !end)
        scroll(std::max(*lines, -top_));
    else if (key.is("Space"))
        scroll(std::max(1, height_ - 1));
    else if (end)
        at_end_ = true;
    else if (key.is("/")) {
        searching_ = true;
        search_.set("");
    } else if (key.is("n"))
        find(true);
    else if (key.is("N"))
        find(false);
    else
        return false;
    return true;
}

std::string TextView::place_words() const {
    const int count = static_cast<int>(rows_.size());
    if (count <= height_) return "";
    return fmt::format("{}-{} of {}", top_ + 1, std::min(top_ + height_, count), count);
}

}  // namespace lodge
