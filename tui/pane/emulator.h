#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tui/canvas.h"
#include "tui/pane/gate.h"
#include "tui/pane/history.h"

namespace lodge {

// Emulator is a terminal without a screen (libvterm): a guest's bytes in, a grid of cells out, each
// of them safe to draw. What leaves the screen at its top goes to a history.
class Emulator {
  public:
    static constexpr Size least{2, 1}, most{1000, 500};  // a size beyond is brought within
    static constexpr size_t most_answers = 4096;         // bytes kept until they are taken

    explicit Emulator(Size size = {80, 24});
    ~Emulator();
    Emulator(const Emulator&) = delete;
    Emulator& operator=(const Emulator&) = delete;

    void feed(std::string_view bytes);
    void resize(Size size);
    Size size() const { return size_; }
    // Takes back what a guest that is gone had switched on (other screen, mouse, colours, …); text
    // stays, and what comes next begins on a line of its own.
    void forget_modes();

    // The cells of a row of the screen.
    void read(int row, std::vector<Cell>& cells) const;
    const PaneHistory& history() const { return history_; }
    struct Cursor {
        int column = 0, row = 0;
        bool visible = true;
    };
    Cursor cursor() const;
    // Whether anything that shows changed since this was asked last.
    bool take_changed();

    // What the guest's questions (DA, DSR, …) are answered with, taken once.
    std::string take_answers();
    // The bytes of a key in the guest's present modes; "" for what is no key of a terminal.
    std::string key(const Key& key);
    std::string paste(std::string_view text);
    // "" unless the guest asked for the mouse. `column` and `row` of the screen.
    std::string mouse(const Key& key, int column, int row);
    bool wants_mouse() const { return wants_mouse_; }

    const std::string& title() const { return gate_.title(); }
    size_t bells() const { return gate_.bells(); }

  private:
    struct Callbacks;
    struct Machine;
    std::string collected(const std::function<void()>& what);
    bool press(std::string_view name, int modifiers);

    std::unique_ptr<Machine> machine_;
    OutputGate gate_;
    PaneHistory history_;
    std::vector<Cell> line_;  // of the callbacks
    std::string passed_;      // of feed()
    std::string output_;      // what libvterm wants to be sent
    Size size_;
    bool changed_ = true;
    bool cursor_visible_ = true;
    bool wants_mouse_ = false;
    int held_button_ = 0;
};

}  // namespace lodge
