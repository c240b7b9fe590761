#pragma once

#include <string>
#include <vector>

#include "bench/measure.h"

namespace lodge::bench {

// ScreenPeer is another full-screen program: how it is started, and the keys that go down and up a
// list.
struct ScreenPeer {
    std::string name;
    std::vector<std::string> argv;
    // As it wants them: terminfo's application mode, unless it reads without terminfo.
    std::string down = "\033OB", up = "\033OA";
};
// htop, btop, top: those that are installed.
std::vector<ScreenPeer> screen_peers();

// Each plays a program on a pseudo-terminal of 120x40 (xterm-256color, UTF-8) and its peers after
// it, and gives a row for each.

// From before the fork to the last byte before 100 ms of silence, milliseconds.
std::vector<Row> screen_start(const std::string& what, const std::vector<std::string>& lodge,
                              const std::string& budget, const std::vector<ScreenPeer>& peers);
// From a key (Down and Up in turns) to the first bytes that come of it, milliseconds. A program
// that leaves its first keys without an answer is not asked further.
std::vector<Row> screen_keys(const std::string& what, const std::vector<std::string>& lodge,
                             const std::string& budget, const std::vector<ScreenPeer>& peers);
// Left alone for 20 s after the first 3: processor time and wakeups a second, bytes a second to the
// terminal, memory (PSS).
std::vector<Row> screen_at_rest(const std::string& what, const std::vector<std::string>& lodge,
                                const std::string& budget, const std::vector<ScreenPeer>& peers);

}  // namespace lodge::bench
