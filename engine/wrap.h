#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lodge {

// The text in lines of at most `width` cells, broken at spaces; a word that is longer stands alone
// and sticks out. A line's own indentation is kept, and what is broken off it hangs under it. Empty
// lines at the end are dropped. The text has gone through printable().
std::vector<std::string> wrapped(std::string_view text, int width);
// The same as one text, each line indented by `indent` more within `width` and ended by a newline.
std::string wrap_text(std::string_view text, int width, int indent);

// Columns of the terminal behind standard error, or output, now; 80 when it does not say.
int terminal_columns();

}  // namespace lodge
