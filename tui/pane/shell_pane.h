#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "engine/fd.h"
#include "engine/loop.h"
#include "engine/process.h"
#include "tui/pane/terminal_pane.h"

namespace lodge {

// ShellPane is a program on a terminal of its own in an Area, such as a shell in a container. It
// sleeps in the loop. Leaving is destroying it: the program gets SIGHUP, as when a terminal is
// closed.
class ShellPane {
  public:
    // `on_change` is called when there is something to draw. Throws Error when it cannot be
    // started.
    ShellPane(Loop& loop, const Program& program, std::function<void()> on_change);
    ShellPane(const ShellPane&) = delete;
    ShellPane& operator=(const ShellPane&) = delete;
    ~ShellPane();

    // Its exit status, or 128 + the signal, when it has ended and all it said was taken.
    const std::optional<int>& ended() const { return ended_; }
    void draw(const Area& area);
    void write(const Key& key);
    TerminalPane& pane() { return pane_; }

  private:
    void listen();
    void turn();
    void end();
    void send(std::string_view bytes);
    void send_rest();
    void tell_size();

    Loop& loop_;
    std::function<void()> on_change_;
    TerminalPane pane_;
    Fd terminal_, process_;
    pid_t pid_ = 0;
    Size told_{0, 0};
    std::string unsent_;
    std::optional<int> ended_;
    Loop::Source input_, output_, pause_;
};

}  // namespace lodge
