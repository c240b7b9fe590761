#pragma once

#include <string>

#include "engine/fd.h"
#include "engine/host.h"

namespace lodge {

// ConsoleHold is the right to type to a guest's console, which one has at a time (flock(2) on
// "serial0.lock" beside its socket, gone with its process).
class ConsoleHold {
  public:
    // Opens the lock and tries to take it. Throws Error when it can't be opened.
    ConsoleHold(const Host& host, std::string path);

    bool held() const { return held_; }
    // Tries again; the answer is held().
    bool take();
    // Who has it, in words, when we do not: "process 4711 of user 0 (lodge console 101)".
    std::string holder() const;

  private:
    const Host& host_;
    std::string path_;
    Fd fd_;
    bool held_ = false;
};

}  // namespace lodge
