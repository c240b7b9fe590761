#pragma once

#include <functional>
#include <string>

#include "engine/host.h"
#include "engine/loop.h"

namespace lodge {

// RunWatch says when it is worth a look whether a guest runs and has its sockets: when something
// in its run folder changes, which is made by its start, and shortly after. It sleeps in the loop.
class RunWatch {
  public:
    RunWatch(Loop& loop, const Host& host, int id, std::function<void()> look);

    // For who knows of a change by other means.
    void look_soon();
    void look_later();

  private:
    void watch();

    Loop& loop_;
    const Host& host_;
    std::string all_, folder_;
    std::function<void()> look_;
    Loop::Source all_change_, change_, soon_, later_;
};

}  // namespace lodge
