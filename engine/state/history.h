#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <limits>

namespace lodge {

// History is the last samples of one figure, a second each, for a small graph. A look that comes
// later than a second after the one before stands for all the seconds between. What could not be
// seen is a gap, never zero.
class History {
  public:
    static constexpr size_t capacity = 300;

    // The figure over the last `seconds` (at least one sample).
    void add(double value, size_t seconds = 1);
    void add_gap(size_t seconds = 1) { add(std::numeric_limits<double>::quiet_NaN(), seconds); }
    void clear() { size_ = total_ = 0; }

    size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    // How many were ever added: the place of the newest in the row of all.
    size_t total() const { return total_; }
    // 0 is the oldest; NaN for a gap. `index` is below size().
    double at(size_t index) const {
        return samples_[(next_ + capacity - size_ + index) % capacity];
    }
    // Of the last `count` samples: the largest, and the mean; NaN when all are gaps.
    double largest(size_t count = capacity) const;
    double mean(size_t count = capacity) const;

  private:
    std::array<float, capacity> samples_;
    size_t next_ = 0, size_ = 0, total_ = 0;
};

}  // namespace lodge
