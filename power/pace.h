#pragma once

#include <algorithm>
#include <chrono>
#include <ctime>
#include <optional>

namespace lodge {

// Pace keeps what looks again and again within a share of one processor: what took long is looked
// at less often. A machine of 256 CPUs is seen as cheaply as one of four, only not as often.
class Pace {
  public:
    using Time = std::chrono::steady_clock::time_point;
    using Duration = std::chrono::steady_clock::duration;

    // `least` between two looks; `share` of the processor that they may take, 0.0005 is half a
    // millisecond a second.
    Pace(Duration least, double share) : least_(least), share_(share) {}

    bool due(Time now) const { return !next_ || now >= *next_; }
    // Does the work and sets when the next is due.
    template <class Work>
    void run(Time now, const Work& work) {
        const double before = processor_seconds();
        work();
        const double rest = (processor_seconds() - before) / share_;
        const auto wait = std::chrono::duration<double>(std::min(rest, longest));
        next_ = now + std::max(least_, std::chrono::duration_cast<Duration>(wait));
    }
    void hurry() { next_.reset(); }

  private:
    static constexpr double longest = 30;
    static double processor_seconds() {
        timespec time{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
    }
    Duration least_;
    double share_;
    std::optional<Time> next_;
};

}  // namespace lodge
