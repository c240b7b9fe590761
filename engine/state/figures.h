#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/state/views.h"

// What the kernel's texts say, taken apart without copying; and rates made of what they count.
namespace lodge {

// The next word of a text, which is shortened by it; "" at its end. Blanks are spaces, tabs and
// line breaks.
std::string_view next_word(std::string_view& text);
// The next line without its end, which the text is shortened by; "" at the end of the text.
std::string_view next_line(std::string_view& text);
// The digits that a text begins with as a number; 0 for none.
uint64_t number_of(std::string_view text);

// /proc/<pid>/stat (proc(5)).
struct ProcessFigures {
    char state = '?';    // 'R', 'S', … 'Z' when it has ended
    uint64_t ticks = 0;  // of processor time, sysconf(_SC_CLK_TCK) a second
};
std::optional<ProcessFigures> process_figures(std::string_view stat);
// Bytes read and written (/proc/<pid>/io).
struct IoFigures {
    uint64_t read = 0, written = 0;
};
std::optional<IoFigures> io_figures(std::string_view io);

// Processor time that a control group counts, in seconds: cpuacct.usage (version 1) or cpu.stat
// (version 2).
double group_cpu_seconds(std::string_view text);
// Bytes of memory.stat that the kernel can take back at once: files not used lately.
int64_t group_cache(std::string_view text);

// Of each "cpu" line of /proc/stat: all of them together first, then one by one.
struct CpuFigures {
    uint64_t busy = 0, all = 0;  // ticks
};
std::vector<CpuFigures> cpu_figures(std::string_view stat);
// The share of the time between two looks that was busy, 0…1.
double busy_share(const CpuFigures& before, const CpuFigures& now);

// /proc/meminfo, in bytes.
struct MemoryFigures {
    int64_t total = 0, available = 0, swap_total = 0, swap_free = 0;
};
MemoryFigures memory_figures(std::string_view meminfo);

// A line of /proc/net/dev.
struct LinkFigures {
    std::string_view name;
    uint64_t received = 0, sent = 0;  // bytes
};
std::vector<LinkFigures> link_figures(std::string_view text);

// A line of /proc/diskstats (Documentation/admin-guide/iostats.rst).
struct DiskFigures {
    std::string_view name;
    uint64_t read = 0, written = 0;  // bytes
    uint64_t busy = 0;               // milliseconds
};
std::vector<DiskFigures> disk_figures(std::string_view text);

// "some avg10=64.76 …": the share of the last ten seconds, 0…1; nullopt for anything else.
std::optional<double> pressure_figure(std::string_view text);

// Meter makes a rate of a counter that grows. A look too soon after the one before changes nothing,
// so that a picture that is drawn out of turn shows no jumps.
class Meter {
  public:
    using Time = std::chrono::steady_clock::time_point;
    // nullopt until there have been two looks, and after the counter began anew.
    std::optional<double> rate(double counter, Time now);
    void forget() { known_ = false; }
    // Seconds that the last rate is over.
    double seconds() const { return seconds_; }

  private:
    bool known_ = false;
    double counter_ = 0, seconds_ = 0;
    Time time_{};
    std::optional<double> rate_;
};

// TickMeter makes a rate of a counter of whole ticks, as that of a process's time on a processor:
// over a second it could not tell 0.6 % from 1.4 % and would flicker between 0 and 2. The rate is
// over the last ten seconds as long as each look fits to it, and begins anew with one that does
// not.
class TickMeter {
  public:
    using Time = std::chrono::steady_clock::time_point;
    explicit TickMeter(double tick) : tick_(tick) {}
    // nullopt until there have been two looks, and after the counter began anew.
    std::optional<double> rate(double counter, Time now);

  private:
    struct Look {
        Time time;
        double counter;
    };
    double tick_;
    std::deque<Look> looks_;
    std::optional<double> rate_;
};

}  // namespace lodge
