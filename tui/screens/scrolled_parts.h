#pragma once

#include <vector>

#include "tui/screens/host_parts.h"

namespace lodge {

// ScrolledParts shows parts one below the other, in one column or two, and scrolls where there is
// more than fits.
class ScrolledParts {
  public:
    // `right` is the second column, beside the first; empty for none.
    void draw(const Area& area, const std::vector<HostPart>& left,
              const std::vector<HostPart>& right = {});
    // Whether it had a use for the key.
    bool key(const Key& key);
    void to_top() { top_ = 0; }

  private:
    int top_ = 0, height_ = 0, whole_ = 0;
};

}  // namespace lodge
