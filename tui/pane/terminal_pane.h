#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tui/canvas.h"
#include "tui/pane/emulator.h"

namespace lodge {

// TerminalPane is a terminal in an Area: what a guest writes is fed, what the person types is
// turned into the bytes for the guest, and lines that scrolled away can be read and searched.
//
//     pane.resize({area.width(), area.height()});
//     pane.feed(bytes);                    // at most `per_turn` bytes, then let the loop breathe
//     guest.write(pane.take_answers());    // unless what was fed is old
//     if (pane.changed()) pane.draw(area);
//     guest.write(pane.key(key));
class TerminalPane {
  public:
    // Feeding so much takes about a millisecond, seven when it is short lines only.
    static constexpr size_t per_turn = 8192;

    // The guest's terminal is never smaller than `least`: a serial line can't say how large its
    // terminal is, and most guests reckon with 80x24. A smaller area shows the part around the
    // cursor.
    explicit TerminalPane(Size least = {});

    void feed(std::string_view bytes);
    // The same for what was written long ago: its questions are answered by nobody.
    void replay(std::string_view bytes);
    std::string take_answers() { return emulator_.take_answers(); }
    void forget_modes() { emulator_.forget_modes(); }

    void resize(Size area);
    Size size() const { return emulator_.size(); }  // as the guest should have it
    void draw(const Area& area);                    // the cursor too, when not scrolled back
    bool changed() const { return changed_; }       // since it was drawn
    const std::string& title() const { return emulator_.title(); }
    size_t bells() const { return emulator_.bells(); }  // so far

    // What to send to the guest; "" for what is none of its. Typing goes back to the newest line.
    // The wheel scrolls unless the guest asked for the mouse; clicks count within the area drawn.
    std::string key(const Key& key);

    // Lines up from the newest that the view stands; 0: it follows the output.
    int offset() const { return offset_; }
    int most_offset() const;
    void scroll(int lines);  // above 0: back
    void scroll_pages(int pages);
    void scroll_top() { scroll(most_offset()); }
    void scroll_bottom() { scroll(-offset_); }

    // Plain text, upper and lower case alike; "" ends it. Goes to the newest match at or above the
    // lower edge of the view. False when there is none.
    bool find(std::string_view text);
    bool find_next(bool older);  // false and nothing happens when there is none further
    bool searches() const { return !needle_.empty(); }

  private:
    struct Match {
        int64_t line = 0;  // as PaneHistory names lines; the screen's go on behind them
        int column = 0;
        bool operator==(const Match&) const = default;
    };
    int64_t line_count() const;
    int64_t top_line() const;
    int first_row() const;
    int first_column() const;
    void read(int64_t index, std::vector<Cell>& cells) const;
    std::vector<int> matches_in(const std::vector<Cell>& cells) const;
    void mark_matches(int64_t index, std::vector<Cell>& cells) const;
    bool go_to(int64_t index, bool older, std::optional<int> beyond);
    void keep_view(int64_t before);

    Emulator emulator_;
    Size least_;
    Size area_{80, 24};
    Rect drawn_;
    int offset_ = 0;
    bool changed_ = true;
    std::u32string needle_;
    std::optional<Match> match_;
};

}  // namespace lodge
