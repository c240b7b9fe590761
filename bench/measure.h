#pragma once

#include <functional>
#include <string>
#include <vector>

namespace lodge::bench {

// Figures is a set of repeated measurements of one thing, in milliseconds unless a Row says else.
class Figures {
  public:
    void add(double value) { values_.push_back(value); }
    bool empty() const { return values_.empty(); }
    size_t count() const { return values_.size(); }
    double median() const;
    double least() const;
    double most() const;

  private:
    std::vector<double> values_;
};

// Wall time of a call, milliseconds.
double time_of(const std::function<void()>& call);

// Runs a program with its output thrown away; throws Error with its words when it does not end
// with 0. Wall time from before the fork to its end, milliseconds.
double time_program(const std::vector<std::string>& argv);

// One row of the result: what was measured, of what, beside what.
struct Row {
    std::string what;  // "start until running, beyond QEMU itself"
    std::string who;   // "lodge", "virsh"
    Figures figures;
    std::string budget;  // "<= 15 ms", "" when it is the peer
    std::string note;
    std::string unit = "ms";
};

// A JSON line, and the readable table of all rows with ratios to the first row of the same `what`.
std::string json_line(const Row& row);
std::string table(const std::vector<Row>& rows);

// Proportional set size of a process in bytes (Pss: of /proc/<pid>/smaps_rollup); 0 when gone.
int64_t pss(int pid);

}  // namespace lodge::bench
