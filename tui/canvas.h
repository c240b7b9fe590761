#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tui/key.h"

namespace lodge {

// Role is what a cell means; the theme decides how that looks at each colour level.
enum class Role : uint8_t {
    normal,
    dim,      // there, but not for now: what is not allowed, what is stopped
    strong,   // names, totals
    heading,  // titles of columns and boxes
    header,   // the line at the top
    header_warning,
    bar,       // the line at the bottom
    bar_key,   // a key in it
    bar_off,   // a command in it that cannot be had now
    selected,  // the row under the cursor
    marked,    // rows that commands act on
    good,      // runs, done
    busy,      // at work, paused
    warning,
    danger,
    frame,
    field,    // where one types
    link,     // a key to press, in text
    graph,    // history
    graph_2,  // the second series of a graph
};

// Paint is how one cell looks: a role, and for what a guest draws its own colours.
struct Paint {
    static constexpr int32_t inherit = -1;  // the role's
    static constexpr int32_t rgb_flag =
        0x1000000;  // | 0xRRGGBB; otherwise 0…255 of xterm's palette
    enum : uint8_t { bold = 1, underline = 2, reverse = 4, italic = 8, blink = 16, faint = 32 };

    Role role = Role::normal;
    uint8_t attributes = 0;
    int32_t fg = inherit, bg = inherit;

    // NOLINTNEXTLINE(google-explicit-constructor): a role is a paint
    constexpr Paint(Role r = Role::normal, uint8_t a = 0) : role(r), attributes(a) {}
    bool operator==(const Paint&) const = default;
};

// Cell is one place of the grid. The right half of a wide character has width 0 and no text.
struct Cell {
    char32_t text = U' ';
    char32_t mark = 0;  // one combining mark
    uint8_t width = 1;
    Paint paint;
    bool operator==(const Cell&) const = default;
};

struct Size {
    int width = 0, height = 0;
    bool operator==(const Size&) const = default;
};
struct Rect {
    int x = 0, y = 0, width = 0, height = 0;
    bool contains(int px, int py) const {
        return px >= x && px < x + width && py >= y && py < y + height;
    }
};

class Area;

// Canvas is a grid of cells: a whole frame. What is drawn on it is text that the terminal can't
// take for anything else: control characters, invalid UTF-8 and marks that turn the direction of
// writing are shown as printable() shows them.
class Canvas {
  public:
    explicit Canvas(Size size) { clear(size); }

    void clear(Size size);  // blank cells, no cursor, no hits
    Size size() const { return size_; }
    const Cell& at(int x, int y) const { return cells_[place(x, y)]; }
    Cell& at(int x, int y) { return cells_[place(x, y)]; }
    Area all();

    // The place of the hardware cursor; nothing shows it when `visible` is false, but screen
    // readers follow it all the same.
    struct Cursor {
        int x = 0, y = 0;
        bool visible = false;
        bool operator==(const Cursor&) const = default;
    };
    std::optional<Cursor> cursor;

    // What a click on a place does: it stands for this key. The one added last wins.
    void hit(Rect where, Key key) { hits_.push_back({where, std::move(key)}); }
    const Key* hit_at(int x, int y) const;

    // The text of all rows, blanks at their ends cut: what a test compares.
    std::string text() const;
    // The same with each stretch of cells that is not painted `normal` in marks: "{danger:3 lost}".
    std::string marked_text() const;

  private:
    struct Hit {
        Rect where;
        Key key;
    };
    size_t place(int x, int y) const {
        return static_cast<size_t>(y) * static_cast<size_t>(size_.width) + static_cast<size_t>(x);
    }
    Size size_;
    std::vector<Cell> cells_;
    std::vector<Hit> hits_;
};

// Area is a rectangle on a canvas that one part of the screen draws on; what lies outside of it is
// cut off. Coordinates begin at its upper left corner.
class Area {
  public:
    Area(Canvas& canvas, Rect rect);

    int width() const { return rect_.width; }
    int height() const { return rect_.height; }
    Rect rect() const { return rect_; }  // on the canvas
    Canvas& canvas() const { return *canvas_; }

    // A part of this one; cut to it.
    Area part(int x, int y, int width, int height) const;
    Area row(int y) const { return part(0, y, width(), 1); }
    Area rows(int from, int count) const { return part(0, from, width(), count); }

    // Writes text from a cell on, cut at the right end ("~" as the last cell says so); returns the
    // x behind it. Text of any origin is safe.
    int put(int x, int y, std::string_view text, Paint paint = {}) const;
    // The text's end at `right` (exclusive).
    void put_right(int right, int y, std::string_view text, Paint paint = {}) const;
    void put_centre(int y, std::string_view text, Paint paint = {}) const;
    // One cell as it is: panes and graphs. Ignored outside.
    void set(int x, int y, const Cell& cell) const;
    void fill(Paint paint, char32_t text = U' ') const;
    void paint_row(int y, Paint paint) const;  // keeps the text
    void cursor(int x, int y, bool visible = true) const;
    void hit(int x, int y, int width, int height, Key key) const;

  private:
    Canvas* canvas_;
    Rect rect_;  // may begin outside of the canvas
    Rect clip_;  // within it
};

}  // namespace lodge
