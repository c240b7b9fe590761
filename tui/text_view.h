#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tui/canvas.h"
#include "tui/key.h"
#include "tui/text_field.h"

namespace lodge {

// TextView is text to be read: it scrolls by all the keys for that, searches with / n N, and wraps
// long lines.
class TextView {
  public:
    void set(std::string_view text);  // keeps the place when it is still there
    void draw(Area area);
    bool key(const Key& key);
    bool types() const { return searching_; }
    int rows_in(int width) {  // as wrapped
        wrap(width);
        return static_cast<int>(rows_.size());
    }
    // "12-34 of 80", "" when all is seen.
    std::string place_words() const;
    void to_end();

  private:
    void wrap(int width);
    void scroll(int lines);
    void find(bool forward);

    std::string text_;
    std::vector<std::string> lines_;  // of the text
    struct Row {
        size_t line, from, length;
        int indent;  // of what goes on from the row before
    };
    std::vector<Row> rows_;  // as wrapped
    int width_ = 0, height_ = 0, top_ = 0;
    bool at_end_ = false, searching_ = false;
    TextField search_;
    std::string found_;
};

}  // namespace lodge
