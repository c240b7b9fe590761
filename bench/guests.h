#pragma once

#include <string>
#include <vector>

#include "engine/engine.h"

namespace lodge::bench {

// Scratch is a place of its own for the guests that are measured: a folder that Lodge is pointed to
// with LODGE_ROOT. Guests that still run are ended and the folder is removed with it.
class Scratch {
  public:
    Scratch();
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch();

    Engine& engine() { return engine_; }
    // Writes configurations of small virtual machines (64 MiB, one CPU, a serial console, no disk)
    // with the ids first … first+count-1.
    void add(int first, int count);
    void remove(int first, int count);

  private:
    std::string top_;
    Host host_;
    Engine engine_;
};

// Starts the guest's command line without anything of Lodge's start around it: sockets, fork, exec,
// and the question over QMP until it says running. Milliseconds.
double start_by_hand(Engine& engine, int id);
// Ends it by QMP quit and waits for the process.
void end_by_hand(Engine& engine, int id);

// Processes that the running guests keep besides their QEMUs: what was not there `before` and is no
// QEMU. As "name (PSS)".
std::vector<int> processes();
std::vector<std::string> left_behind(const std::vector<int>& before);

}  // namespace lodge::bench
