#include "tui/table.h"

#include <fmt/format.h>
#include <regex.h>

#include <algorithm>
#include <numeric>

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

// Expression is a POSIX extended regular expression, upper and lower case alike: of those a machine
// can be made that takes time by the length of the text, which is why \1 and the like are no part.
class Expression {
  public:
    explicit Expression(const std::string& text)
        : good_(text.find('\\') == std::string::npos &&
                ::regcomp(&compiled_, text.c_str(), REG_EXTENDED | REG_ICASE | REG_NOSUB) == 0) {}
    ~Expression() {
        if (good_) ::regfree(&compiled_);
    }
    Expression(const Expression&) = delete;
    Expression& operator=(const Expression&) = delete;
    bool good() const { return good_; }
    bool fits(const std::string& text) const {
        return good_ && ::regexec(&compiled_, text.c_str(), 0, nullptr, 0) == 0;
    }

  private:
    regex_t compiled_{};
    bool good_;
};

}  // namespace

Table::Table(std::vector<Column> columns, size_t sorted_by)
    : columns_(std::move(columns)), sorted_by_(sorted_by), usual_(sorted_by) {}

bool Table::fits(std::string_view filter, std::string_view text) {
    if (filter.empty()) return true;
    if (filter.starts_with("re:")) {
        const Expression expression{std::string(filter.substr(3))};
        return expression.fits(std::string(text));
    }
    const std::string low = lower(text);
    for (const std::string& word : split(lower(filter), ' ')) {
        if (word.empty() || word == "!") continue;
        const bool without = word[0] == '!';
        if ((low.find(without ? word.substr(1) : word) != std::string::npos) == without)
            return false;
    }
    return true;
}

std::string Table::filter_problem(std::string_view filter) {
    if (!filter.starts_with("re:")) return "";
    return Expression(std::string(filter.substr(3))).good() ? "" : "is no expression";
}

void Table::sort(const Rows& rows) {
    struct Sorted {
        size_t row;
        std::optional<double> number;
        std::string text;
    };
    std::vector<Sorted> keys;
    keys.reserve(order_.size());
    for (const size_t row : order_) {
        const auto number = rows.number(row, sorted_by_);
        keys.push_back({row, number, number ? "" : lower(rows.cell(row, sorted_by_).text)});
    }
    std::stable_sort(keys.begin(), keys.end(), [this](const Sorted& a, const Sorted& b) {
        // What has no number comes last, whichever way it is sorted.
        if (a.number.has_value() != b.number.has_value()) return a.number.has_value();
        if (descending_) return a.number ? *a.number > *b.number : a.text > b.text;
        return a.number ? *a.number < *b.number : a.text < b.text;
    });
    for (size_t i = 0; i < keys.size(); ++i)
        order_[i] = keys[i].row;
}

void Table::update(const Rows& rows) {
    order_.clear();
    for (size_t row = 0; row < rows.count(); ++row)
        if (filter_.text().empty() || fits(filter_.text(), rows.words(row))) order_.push_back(row);
    sort(rows);
    group(rows);
    // The cursor stays with its thing; when that is gone, with its place.
    const auto same = std::find_if(order_.begin(), order_.end(),
                                   [&](size_t row) { return rows.id(row) == cursor_id_; });
    if (same != order_.end() && !cursor_id_.empty())
        cursor_ = static_cast<int>(same - order_.begin());
    move(0);
    note_cursor(rows);
}

// Those of one group stand together, groups by their names, those of none last.
void Table::group(const Rows& rows) {
    lines_.clear();
    const bool grouped = grouped_ && rows.has_groups();
    std::vector<std::pair<std::string, size_t>> named;
    for (const size_t row : order_)
        named.emplace_back(grouped ? rows.group(row) : "", row);
    if (grouped)
        std::stable_sort(named.begin(), named.end(), [](const auto& a, const auto& b) {
            if (a.first.empty() != b.first.empty()) return b.first.empty();
            return a.first < b.first;
        });
    for (size_t place = 0; place < named.size(); ++place) {
        order_[place] = named[place].second;
        if (grouped && (place == 0 || named[place].first != named[place - 1].first))
            lines_.push_back({place, true});
        lines_.push_back({place, false});
    }
}

int Table::line_of_cursor() const {
    const auto found = std::find_if(lines_.begin(), lines_.end(), [this](const Line& line) {
        return !line.heading && static_cast<int>(line.place) == cursor_;
    });
    return static_cast<int>(found - lines_.begin());
}

void Table::note_cursor(const Rows& rows) {
    const auto row = selected();
    cursor_id_ = row ? rows.id(*row) : "";
}

void Table::move_to(int place) {
    cursor_ = std::clamp(place, 0, std::max(0, static_cast<int>(order_.size()) - 1));
}

void Table::move(int by) {
    move_to(cursor_ + by);
}

std::optional<size_t> Table::selected() const {
    if (order_.empty()) return std::nullopt;
    return order_[static_cast<size_t>(cursor_)];
}

std::vector<size_t> Table::chosen(const Rows& rows) const {
    std::vector<size_t> chosen;
    if (!marked_.empty())
        for (size_t row = 0; row < rows.count(); ++row)
            if (marked_.contains(rows.id(row))) chosen.push_back(row);
    if (chosen.empty() && selected()) chosen.push_back(*selected());
    return chosen;
}

void Table::toggle_mark(const Rows& rows) {
    const auto row = selected();
    if (!row) return;
    const std::string id = rows.id(*row);
    if (marked_.erase(id) == 0) marked_.insert(id);
    move(1);
}

void Table::sort_by(int step, const Rows& rows) {
    const auto count = static_cast<int>(columns_.size());
    auto at = static_cast<int>(sorted_by_);
    do {
        at = (at + step + count) % count;
    } while (!columns_[static_cast<size_t>(at)].sortable);
    sorted_by_ = static_cast<size_t>(at);
    // Of numbers the largest are looked for, but ids and names begin at the first.
    descending_ = columns_[sorted_by_].right && sorted_by_ != usual_;
    update(rows);
}

bool Table::filter_key(const Key& key, const Rows& rows) {
    if (key.is("Enter")) {
        filtering_ = false;
    } else if (key.is("Esc")) {
        filtering_ = false;
        filter_.set("");
    } else if (key.is("Up") || key.is("Down")) {
        move(key.is("Up") ? -1 : 1);
        note_cursor(rows);
        return true;
    } else {
        filter_.key(key);
    }
    update(rows);
    return true;
}

bool Table::key(const Key& key, const Rows& rows) {
    if (filtering_ && !key.is_mouse()) return filter_key(key, rows);
    if (const auto lines = lines_moved(key, {.page = height_}))
        move(*lines);
    else if (key.is("Row"))
        move_to(key.y);
    else if (key.is("Column")) {
        if (sorted_by_ == static_cast<size_t>(key.y)) {
            descending_ = !descending_;
            update(rows);
        } else {
            sorted_by_ = static_cast<size_t>(key.y);
            sort_by(0, rows);
        }
    } else if (key.is("Space"))
        toggle_mark(rows);
    else if (key.is("/"))
        filtering_ = true;
    else if (key.is("<"))
        sort_by(-1, rows);
    else if (key.is(">"))
        sort_by(1, rows);
    else if (key.is("r")) {
        descending_ = !descending_;
        update(rows);
    } else if (key.is("T") && rows.has_groups()) {
        grouped_ = !grouped_;
        update(rows);
    } else if (key.is("Esc") && !filter_.text().empty()) {
        filter_.set("");
        update(rows);
    } else if (key.is("Esc") && !marked_.empty())
        marked_.clear();
    else
        return false;
    note_cursor(rows);
    return true;
}

// Every column gets its width; what is too much goes, the highest rank first; what is left over
// goes to those that grow.
void Table::lay_out(int width) {
    widths_.assign(columns_.size(), 0);
    for (size_t i = 0; i < columns_.size(); ++i)
        widths_[i] = std::max(columns_[i].width, text_width(columns_[i].title));
    const auto needed = [this] {
        int sum = 0;
        for (const int w : widths_)
            sum += w == 0 ? 0 : w + 1;
        return sum;
    };
    while (needed() > width) {
        int worst = -1;
        for (size_t i = 0; i < columns_.size(); ++i)
            if (widths_[i] > 0 && columns_[i].rank > 0 &&
                (worst < 0 || columns_[i].rank > columns_[static_cast<size_t>(worst)].rank))
                worst = static_cast<int>(i);
        if (worst < 0) break;
        widths_[static_cast<size_t>(worst)] = 0;
    }
    const int left = width - needed();
    int shares = 0;
    for (size_t i = 0; i < columns_.size(); ++i)
        if (widths_[i] > 0) shares += columns_[i].grow;
    if (left <= 0 || shares == 0) return;
    for (size_t i = 0; i < columns_.size(); ++i)
        if (widths_[i] > 0) widths_[i] += left * columns_[i].grow / shares;
}

void Table::draw_titles(const Area& area, const Glyphs& glyphs) const {
    int x = 1;
    for (size_t i = 0; i < columns_.size(); ++i) {
        if (widths_[i] == 0) continue;
        const bool sorted = i == sorted_by_ && (sorted_by_ != usual_ || descending_);
        std::string title(columns_[i].title);
        if (sorted) append_character(title, descending_ ? glyphs.down : glyphs.up);
        const Area place = area.part(x, 0, widths_[i], 1);
        if (columns_[i].right)
            place.put_right(widths_[i], 0, title, Role::heading);
        else
            place.put(0, 0, title, Role::heading);
        if (columns_[i].sortable)
            place.hit(0, 0, widths_[i], 1, Key{.name = "Column", .y = static_cast<int>(i)});
        x += widths_[i] + 1;
    }
}

void Table::draw_row(const Area& area, int y, size_t place, const Rows& rows, const Glyphs& glyphs,
                     bool active) const {
    const size_t row = order_[place];
    const bool here = static_cast<int>(place) == cursor_;
    const bool marked = !marked_.empty() && marked_.contains(rows.id(row));
    const Paint line = here && active ? Paint(Role::selected)
                       : marked       ? Paint(Role::marked)
                                      : Paint(Role::normal);
    const Area band = area.row(y);
    if (here && active) band.fill(line);
    if (here || marked) band.set(0, 0, Cell{marked ? glyphs.mark : glyphs.cursor, 0, 1, line});
    int x = 1;
    for (size_t i = 0; i < columns_.size(); ++i) {
        if (widths_[i] == 0) continue;
        TableCell cell = rows.cell(row, i);
        if (line.role != Role::normal) cell.paint = line;
        const Area spot = band.part(x, 0, widths_[i], 1);
        const std::string text = printable(cell.text);
        if (columns_[i].right)
            spot.put_right(widths_[i], 0, text, cell.paint);
        else
            spot.put(0, 0, text, cell.paint);
        x += widths_[i] + 1;
    }
    band.hit(0, 0, band.width(), 1, Key{.name = "Row", .y = static_cast<int>(place)});
    if (here && active) band.cursor(0, 0, false);
}

void Table::draw_heading(const Area& area, int y, size_t place, const Rows& rows) const {
    const std::string name = rows.group(order_[place]);
    const auto same = std::count_if(order_.begin(), order_.end(),
                                    [&](size_t row) { return rows.group(row) == name; });
    area.put(1, y, fmt::format("{} ({})", name.empty() ? "(none)" : printable(name), same),
             Role::strong);
}

void Table::draw(Area area, const Rows& rows, const Glyphs& glyphs, bool active) {
    lay_out(area.width() - 1);
    draw_titles(area.row(0), glyphs);
    height_ = std::max(1, area.height() - 1 - (filtering_ ? 1 : 0));
    const int count = static_cast<int>(lines_.size()), at = line_of_cursor();
    // A group's name comes into sight with its first row.
    const int first = at > 0 && lines_[static_cast<size_t>(at) - 1].heading ? at - 1 : at;
    if (at >= top_ + height_) top_ = at - height_ + 1;
    if (first < top_) top_ = first;
    top_ = std::clamp(top_, 0, std::max(0, count - height_));
    for (int y = 0; y < height_ && top_ + y < count; ++y) {
        const Line& line = lines_[static_cast<size_t>(top_) + static_cast<size_t>(y)];
        if (line.heading)
            draw_heading(area, y + 1, line.place, rows);
        else
            draw_row(area, y + 1, line.place, rows, glyphs, active);
    }
    if (filtering_) {
        area.put(0, area.height() - 1, "Filter: ", Role::strong);
        filter_.draw(area, 8, area.height() - 1, std::min(40, area.width() - 8), true);
    }
}

std::string Table::order_words() const {
    std::vector<std::string> words;
    if (sorted_by_ != usual_ || descending_)
        words.push_back(fmt::format("by {}{}", columns_[sorted_by_].title,
                                    !descending_                 ? ""
                                    : columns_[sorted_by_].right ? ", largest first"
                                                                 : ", backwards"));
    if (grouped_) words.emplace_back("grouped by tag");
    if (!filter_.text().empty()) {
        const std::string problem = filter_problem(filter_.text());
        words.push_back(
            fmt::format("filter '{}'{}", filter_.text(), problem.empty() ? "" : " " + problem));
    }
    if (!marked_.empty()) words.push_back(fmt::format("{} marked", marked_.size()));
    return join(words, ", ");
}

std::string Table::place_words() const {
    if (order_.empty()) return "";
    return fmt::format("{}/{}", cursor_ + 1, order_.size());
}

}  // namespace lodge
