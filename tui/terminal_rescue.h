#pragma once

#include <string_view>

namespace lodge {

// TerminalRescue gives the terminal back when the program dies of a bug while it lives: bytes that
// undo what was switched on, and the modes of standard input as they were. One at a time.
class TerminalRescue {
  public:
    TerminalRescue();  // takes note of the modes
    ~TerminalRescue();
    TerminalRescue(const TerminalRescue&) = delete;
    TerminalRescue& operator=(const TerminalRescue&) = delete;

    // What is to be written; at most 512 bytes of it.
    static void set(std::string_view bytes);
    // While the terminal is lent to someone else nothing is to be given back.
    static void wanted(bool now);
};

}  // namespace lodge
