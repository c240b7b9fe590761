#include "engine/wrap.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "engine/text.h"
#include "engine/units.h"

namespace lodge {

std::vector<std::string> wrapped(std::string_view text, int width) {
    std::vector<std::string> lines;
    for (const std::string& line : split(text, '\n')) {
        const size_t own = std::min(line.find_first_not_of(' '), line.size());
        // An indentation that leaves no room for words is not worth keeping.
        const std::string margin(own * 2 < static_cast<size_t>(std::max(width, 0)) ? own : 0, ' ');
        std::string now = margin, gap;  // the blanks before a word, which are kept within a line
        bool begun = false;
        for (const std::string& word : split(line.substr(own), ' ')) {
            if (begun) gap += ' ';
            if (word.empty()) continue;
            if (begun && text_width(now) + text_width(gap) + text_width(word) > width) {
                lines.push_back(now);
                now = margin + word;
            } else {
                now += gap + word;
            }
            gap.clear();
            begun = true;
        }
        lines.push_back(begun ? now : "");
    }
    while (!lines.empty() && lines.back().empty())
        lines.pop_back();
    return lines;
}

std::string wrap_text(std::string_view text, int width, int indent) {
    const std::string margin(static_cast<size_t>(indent), ' ');
    std::string all;
    for (const std::string& line : wrapped(text, width - indent))
        all += line.empty() ? "\n" : margin + line + "\n";
    return all;
}

int terminal_columns() {
    winsize size{};
    for (const int terminal : {STDERR_FILENO, STDOUT_FILENO})
        if (::ioctl(terminal, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return 80;
}

}  // namespace lodge
