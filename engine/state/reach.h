#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <string>

#include "engine/fd.h"

namespace lodge {

// Reach finds out whether a path answers, without waiting for it: a child looks at it, and may hang
// as long as it likes. A dead network mount holds whoever touches it, for good.
class Reach {
  public:
    using Time = std::chrono::steady_clock::time_point;

    ~Reach();
    // Whether a child has looked at the path within the last seconds. Starts one when none is on
    // its way; an answer may be there at the next look.
    bool answers(const std::string& path, Time now);

  private:
    struct Probe {
        pid_t child = 0;  // on its way; 0 for none
        Time began{}, answered{};
        bool known = false;
    };
    static bool has_ended(Probe& probe);
    std::map<std::string, Probe> probes_;
};

}  // namespace lodge
