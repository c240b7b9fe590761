#pragma once

#include <string>
#include <vector>

#include "tui/canvas.h"
#include "tui/glyphs.h"
#include "tui/key.h"

namespace lodge {

// PickList is a list of which a line is chosen with Enter.
class PickList {
  public:
    struct Line {
        std::string label, note, help;
    };
    void set(std::vector<Line> lines, size_t at);
    size_t at() const { return static_cast<size_t>(at_); }
    void go_to(size_t at);
    const std::string& help() const { return lines_[at()].help; }
    // Whether it had a use for the key; Enter, and a click, choose.
    bool key(const Key& key, bool& chosen);
    void draw(const Area& area, const Glyphs& glyphs);

  private:
    std::vector<Line> lines_;
    int at_ = 0, top_ = 0, height_ = 1;
};

}  // namespace lodge
