#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "tui/canvas.h"

namespace lodge {

// PaneHistory keeps the lines that left a pane's screen at its top, the newest last, in bounds: the
// oldest go first. A line is its text in UTF-8 and, only when it was painted, its paints in runs:
// about 150 bytes for a usual one.
class PaneHistory {
  public:
    static constexpr size_t most_lines = 10000;
    static constexpr size_t most_bytes = 8 << 20;

    // Blanks at the end that nothing is painted on are not kept.
    void push(std::span<const Cell> cells);
    // Takes the newest line back; false when there is none.
    bool pop(std::vector<Cell>& cells);
    // Line `index`, 0 the oldest; as many cells as it has.
    void read(size_t index, std::vector<Cell>& cells) const;
    size_t size() const { return lines_.size(); }
    // Lines that were there and are gone: `dropped() + index` names a line as long as it is kept.
    int64_t dropped() const { return dropped_; }
    size_t bytes() const { return bytes_; }
    void clear();

  private:
    struct Line {
        std::string text, paints;
        size_t bytes() const { return sizeof(Line) + text.size() + paints.size(); }
    };
    std::deque<Line> lines_;
    size_t bytes_ = 0;
    int64_t dropped_ = 0;
};

}  // namespace lodge
