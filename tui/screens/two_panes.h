#pragma once

#include <optional>

#include "tui/canvas.h"
#include "tui/glyphs.h"
#include "tui/key.h"

namespace lodge {

// TwoPanes is a list and the details of what is under its cursor: side by side where there is room,
// else one in the other's place. It knows which of them has the keyboard.
class TwoPanes {
  public:
    // The parts that are to be drawn; the line between them is.
    struct Parts {
        std::optional<Area> list, details;
    };
    // `share`: the list's part of the width in percent, where they stand side by side.
    Parts lay_out(const Area& area, const Glyphs& glyphs, int share = 45);
    bool wide() const { return wide_; }
    bool in_details() const { return in_details_; }
    void go(bool details) { in_details_ = details; }
    // Enter and Tab go to the details when there is something to show; Esc, q and Tab come back.
    // Whether it had a use for the key.
    bool key(const Key& key, bool anything);

  private:
    bool wide_ = false, in_details_ = false;
};

}  // namespace lodge
