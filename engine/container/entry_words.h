#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lodge {

// The words of the configuration's `entrypoint`, as a shell would take them apart: '…' keeps all,
// in "…" a backslash stands before " and \, elsewhere before anything. liblxc itself splits at
// blanks only (lxc.init.cmd, lxc.container.conf(5)). A quote that nothing ends is taken as it is.
std::vector<std::string> entry_words(std::string_view text);

// As lodge-lxc reads them: a line a word, "\n" for a line's end within one and "\\" for "\".
std::string print_entry_words(const std::vector<std::string>& words);

}  // namespace lodge
