#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lodge {

// Progress is how far a job is, as a line can show it.
struct Progress {
    std::string_view title = {};  // "clone 101 (web)"
    std::string_view step = {};   // what it does now
    size_t number = 0;            // of the step, from 1; 0 when not known
    size_t steps = 0;
    int64_t done = 0, total = 0;  // of the step; total 0: not known
    std::string_view unit = {};   // "bytes", "%", …
    double seconds = 0;           // since the step began
};

// "5.2G" for bytes, "12" with the unit behind for anything else.
std::string amount_words(int64_t amount, std::string_view unit);
// "3.1G of 8.0G  212M/s  24s left", as much as is known.
std::string progress_words(const Progress& progress);
// One line of at most `width` cells: the title, a bar, and progress_words(). What does not fit is
// left out from the least important on.
std::string progress_line(const Progress& progress, int width, bool blocks);

}  // namespace lodge
