#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tui/canvas.h"
#include "tui/glyphs.h"
#include "tui/key.h"
#include "tui/text_field.h"

namespace lodge {

// Column is one column of a table. Numbers are right-aligned.
struct Column {
    std::string_view title;
    int width = 0;  // cells, at least
    int grow = 0;   // share of what is left over; 0: none
    bool right = false;
    int rank = 0;  // when it gets narrow, those with the highest rank go first
    bool sortable = true;
};

// TableCell is what stands in one cell.
struct TableCell {
    std::string text;
    Paint paint;
};

// Rows is where a table's rows come from: the screen's own list. Asked only for rows that are
// shown, except for what sorts and filters them.
class Rows {
  public:
    virtual ~Rows() = default;
    virtual size_t count() const = 0;
    virtual std::string id(size_t row) const = 0;  // the same while it is the same thing
    virtual TableCell cell(size_t row, size_t column) const = 0;
    // What a column sorts by; texts when no number is given.
    virtual std::optional<double> number(size_t /*row*/, size_t /*column*/) const { return {}; }
    // The group that a row stands in when rows are grouped (T); "" for none of them.
    virtual bool has_groups() const { return false; }
    virtual std::string group(size_t /*row*/) const { return ""; }
    // What the filter looks at.
    virtual std::string words(size_t row) const { return cell(row, 0).text; }
};

// Table is a list with a cursor that stays with its thing when rows are sorted, filtered or come
// and go; with marks, a filter and a search. Every screen's list is one.
class Table {
  public:
    Table(std::vector<Column> columns, size_t sorted_by);

    // Looks at the rows again: order, filter, cursor.
    void update(const Rows& rows);
    void draw(Area area, const Rows& rows, const Glyphs& glyphs, bool active);
    // Movement, marks (Space), the filter (/), sorting (< > and r), n and N. `rows` as at the last
    // update().
    bool key(const Key& key, const Rows& rows);
    bool types() const { return filtering_; }

    std::optional<size_t> selected() const;  // row of Rows
    // The cursor goes to that row at the next update().
    void select(std::string_view id) { cursor_id_ = id; }
    // The marked rows that are there, else the one under the cursor.
    std::vector<size_t> chosen(const Rows& rows) const;
    void unmark_all() { marked_.clear(); }
    size_t shown() const { return order_.size(); }
    const std::string& filter() const { return filter_.text(); }
    // Why the filter fits nothing whatever the rows are; "" when it may.
    static std::string filter_problem(std::string_view filter);
    // "by CPU, filter 'web'": what a person should know of the order; "" when nothing is special.
    std::string order_words() const;
    std::string place_words() const;                               // "3/120"
    size_t place() const { return static_cast<size_t>(cursor_); }  // of the cursor, as shown

    // Tells whether `text` has what the filter says: plain words that must all be there, "!word"
    // that must not, "re:…" a regular expression (POSIX extended, without backslashes). A bad one
    // fits nothing.
    static bool fits(std::string_view filter, std::string_view text);

  private:
    void sort(const Rows& rows);
    void group(const Rows& rows);
    int line_of_cursor() const;
    void draw_heading(const Area& area, int y, size_t place, const Rows& rows) const;
    void move(int by);
    void move_to(int place);
    void note_cursor(const Rows& rows);
    void sort_by(int step, const Rows& rows);
    void toggle_mark(const Rows& rows);
    bool filter_key(const Key& key, const Rows& rows);
    void lay_out(int width);
    void draw_titles(const Area& area, const Glyphs& glyphs) const;
    void draw_row(const Area& area, int y, size_t place, const Rows& rows, const Glyphs& glyphs,
                  bool active) const;

    std::vector<Column> columns_;
    std::vector<int> widths_;  // 0: not shown
    size_t sorted_by_;
    bool descending_ = false;
    const size_t usual_;
    std::vector<size_t> order_;  // rows that fit the filter, as shown
    std::string cursor_id_;
    // What is drawn below each other: rows, and over the first of each group its name.
    struct Line {
        size_t place;  // in order_
        bool heading = false;
    };
    std::vector<Line> lines_;
    bool grouped_ = false;
    int cursor_ = 0, top_ = 0, height_ = 1;
    std::set<std::string, std::less<>> marked_;
    TextField filter_;
    bool filtering_ = false;
};

}  // namespace lodge
