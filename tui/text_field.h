#pragma once

#include <string>
#include <string_view>

#include "tui/canvas.h"
#include "tui/key.h"

namespace lodge {

// TextField is one line of text that is edited: arrows, Home, End, Backspace, Delete, Ctrl-U,
// Ctrl-K, Ctrl-W, paste.
class TextField {
  public:
    TextField() = default;
    explicit TextField(std::string text) { set(std::move(text)); }

    const std::string& text() const { return text_; }
    void set(std::string text);
    bool key(const Key& key);  // whether it had a use for the key
    // In one row of `width` cells; the hardware cursor goes there when it has the keyboard.
    void draw(Area area, int x, int y, int width, bool active) const;
    void hide(bool hidden) { hidden_ = hidden; }  // a password: a star a character

  private:
    size_t before(size_t at) const;
    size_t after(size_t at) const;

    std::string text_;
    size_t at_ = 0;  // byte of the character under the cursor
    bool hidden_ = false;
};

}  // namespace lodge
