#pragma once

#include <functional>
#include <string>

#include "engine/loop.h"
#include "tui/pane/terminal_pane.h"

namespace lodge {

// LogPane is a file that others write to, in an Area: its end first, then what is added, with
// scrolling and search (by pane()). It sleeps in the loop until the file changes. Of a long file
// the last megabyte is there.
class LogPane {
  public:
    // `on_change` is called when there is something to draw. A file that is not there yet is
    // waited for as long as its folder is there.
    LogPane(Loop& loop, std::string path, std::function<void()> on_change);
    LogPane(const LogPane&) = delete;
    LogPane& operator=(const LogPane&) = delete;

    void draw(const Area& area);
    TerminalPane& pane() { return pane_; }

  private:
    void follow();
    void watch();
    void turn();

    Loop& loop_;
    std::string path_;
    std::function<void()> on_change_;
    TerminalPane pane_;
    int64_t from_ = 0;     // bytes of the file
    std::string waiting_;  // read and not fed yet
    Loop::Source file_, folder_, turn_;
};

}  // namespace lodge
