#pragma once

#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "engine/fd.h"

namespace lodge {

// TerminalOutput is what goes to the terminal on descriptor 1, without ever waiting for it: bytes
// that a slow line, or one that nobody reads, does not take yet are kept, and sent when it does.
// Who asks first whether it is busy() never has a backlog of more than a frame.
class TerminalOutput {
  public:
    TerminalOutput();

    // What ncurses is to write to. It calls write(2) for every few cells, each of which wakes who
    // reads the line (sshd, tmux), and waits when the line is slow.
    FILE* file() const { return file_.get(); }
    // What `work` makes ncurses write is added, in one piece.
    void capture(const std::function<void()>& work);
    void add(std::string_view bytes);
    // Sends what the terminal takes now.
    void flush();
    // Whether something is still to be sent.
    bool pending() const { return !bytes_.empty(); }
    // Whether it has not taken all that was sent: the next frame would come late.
    bool busy() const;
    // Sends all of it, and gives up when the terminal takes nothing for so long.
    void drain(std::chrono::milliseconds patience);
    // The descriptor that becomes writable when more can be sent.
    int descriptor() const { return line_ ? line_.get() : 1; }

  private:
    Fd line_;    // the terminal once more, not to be waited for; none where it can't be opened
    Fd memory_;  // stands in for the file's descriptor
    std::unique_ptr<FILE, Owned<std::fclose>> file_;
    std::string bytes_;
};

}  // namespace lodge
