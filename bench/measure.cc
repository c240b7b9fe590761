#include "bench/measure.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/error.h"
#include "engine/process.h"

namespace lodge::bench {

double Figures::median() const {
    std::vector<double> sorted = values_;
    std::sort(sorted.begin(), sorted.end());
    const size_t middle = sorted.size() / 2;
    return sorted.size() % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
double Figures::least() const {
    return *std::min_element(values_.begin(), values_.end());
}
double Figures::most() const {
    return *std::max_element(values_.begin(), values_.end());
}

double time_of(const std::function<void()>& call) {
    const auto begin = std::chrono::steady_clock::now();
    call();
    const std::chrono::duration<double, std::milli> spent =
        std::chrono::steady_clock::now() - begin;
    return spent.count();
}

double time_program(const std::vector<std::string>& argv) {
    Program program;
    program.argv = argv;
    return time_of([&] { run_checked(program, std::chrono::minutes(2), "cannot run " + argv[0]); });
}

std::string json_line(const Row& row) {
    nlohmann::json line = {{"what", row.what}, {"who", row.who}, {"runs", row.figures.count()}};
    if (!row.figures.empty()) {
        line["unit"] = row.unit;
        line["median"] = row.figures.median();
        line["min"] = row.figures.least();
        line["max"] = row.figures.most();
    }
    if (!row.budget.empty()) line["budget"] = row.budget;
    if (!row.note.empty()) line["note"] = row.note;
    return line.dump();
}

std::string table(const std::vector<Row>& rows) {
    std::string text =
        fmt::format("{:<44} {:<12} {:>9} {:>9} {:>9} {:>4}  {:>7}  {}\n", "what", "who", "median",
                    "min", "max", "runs", "ratio", "unit; budget, note");
    std::string what;
    double first = 0;
    for (const Row& row : rows) {
        const bool same = row.what == what;
        what = row.what;
        if (row.figures.empty()) {
            text += fmt::format("{:<44} {:<12} {}\n", same ? "" : row.what, row.who, row.note);
            continue;
        }
        const double median = row.figures.median();
        if (!same) first = median;
        const std::string ratio = same && first > 0 ? fmt::format("{:.1f}x", median / first) : "";
        text += fmt::format("{:<44} {:<12} {:>9.2f} {:>9.2f} {:>9.2f} {:>4}  {:>7}  {}{}{}{}{}\n",
                            same ? "" : row.what, row.who, median, row.figures.least(),
                            row.figures.most(), row.figures.count(), ratio, row.unit,
                            row.budget.empty() ? "" : "; ", row.budget,
                            row.note.empty() ? "" : "; ", row.note);
    }
    return text;
}

int64_t pss(int pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/smaps_rollup");
    std::string word;
    while (file >> word)
        if (word == "Pss:") {
            int64_t kibibytes = 0;
            file >> kibibytes;
            return kibibytes * 1024;
        }
    return 0;
}

}  // namespace lodge::bench
