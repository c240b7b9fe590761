#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "tui/canvas.h"
#include "tui/glyphs.h"
#include "tui/key.h"
#include "tui/theme.h"

namespace lodge {

// Terminal is the person's terminal as a grid of cells and a row of keys. Its file is the only one
// that knows ncurses. While it lives the terminal is in its full-screen mode; it is given back as
// it was when it ends, also by a crash. Only one at a time.
class Terminal {
  public:
    struct Wishes {
        std::optional<ColorLevel> colors;  // else what TERM has, and none with NO_COLOR
        std::optional<GlyphLevel> glyphs;  // else what locale and TERM have
        bool mouse = true;
    };
    // Throws Error(Exit::missing) when TERM is not set, not known, or can't move its cursor.
    explicit Terminal(const Wishes& wishes);
    ~Terminal();
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;

    ColorLevel colors() const;
    GlyphLevel glyphs() const;
    Size size() const;  // as the kernel says now
    Size cell() const;  // of one cell in pixels; 0 when the kernel does not know

    // Writes the cells that differ from those shown before. Nothing when nothing differs.
    void show(const Canvas& canvas);
    // Whether it has taken what was written before: a slow line is not given the next frame yet.
    bool ready() const;
    // Bytes for the terminal itself (pictures), after what was shown. Nothing here waits for the
    // terminal: what it does not take now is pending(), until flush() is called when output() has
    // become writable.
    void write(std::string_view bytes);
    bool pending() const;
    void flush();
    int output() const;

    // What was typed since the last time. Waits for nothing but the rest of an escape sequence
    // (25 ms at most).
    std::vector<Key> keys();
    // The descriptor that becomes readable when something was typed.
    int input() const { return 0; }
    // The terminal is no longer there: input ended.
    bool gone() const;

    // Asks the terminal what it can; the answer comes among the keys, if at all.
    void ask_attributes();
    const std::string& attributes() const;  // "" before it has come

    void mouse(bool on);
    // Gives the terminal back for a while (a program, Ctrl-Z) and takes it again.
    void leave();
    void enter();
    void forget();  // the next show() writes every cell: Ctrl-L

  private:
    struct Inside;
    std::unique_ptr<Inside> inside_;
};

}  // namespace lodge
