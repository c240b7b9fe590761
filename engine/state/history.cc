#include "engine/state/history.h"

#include <algorithm>

namespace lodge {

void History::add(double value, size_t seconds) {
    for (size_t i = std::clamp<size_t>(seconds, 1, capacity); i > 0; --i) {
        samples_[next_] = static_cast<float>(value);
        next_ = (next_ + 1) % capacity;
        size_ = std::min(size_ + 1, capacity);
        ++total_;
    }
}

double History::largest(size_t count) const {
    double found = std::numeric_limits<double>::quiet_NaN();
    for (size_t i = size_ - std::min(count, size_); i < size_; ++i)
        found = std::fmax(found, at(i));
    return found;
}

double History::mean(size_t count) const {
    double sum = 0;
    size_t known = 0;
    for (size_t i = size_ - std::min(count, size_); i < size_; ++i) {
        if (std::isnan(at(i))) continue;
        sum += at(i);
        ++known;
    }
    return known == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / static_cast<double>(known);
}

}  // namespace lodge
