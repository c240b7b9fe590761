#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/fd.h"
#include "engine/plan.h"
#include "passthrough/inventory.h"
#include "passthrough/ways.h"

namespace lodge {

// The graphics card that the console's picture comes from: before it leaves its driver the console
// lets go of it, and takes it again after it is back.

// Whether the console's picture comes from it.
bool drives_console(const PciFunction& function);

// Ways to this machine that are left when these functions are gone and the screen is dark.
struct OtherWays {
    std::vector<std::string> addresses;  // where an SSH server answers: "192.168.1.2", without port
    int port = 22;
    std::vector<std::string> serial;  // "ttyS0", where somebody can log in
    bool any() const { return !addresses.empty() || !serial.empty(); }
    std::string words() const;  // "ssh 192.168.1.2, or the serial line ttyS0"
};
OtherWays other_ways(const Host& host, const Inventory& inventory,
                     const std::vector<const PciFunction*>& going);

// Adds the step by which the console lets go of its picture, when one of `going` drives it. Throws
// Error(Exit::refused) when no other way to this machine can be proven.
void plan_console_release(Engine& engine, const Inventory& inventory, int guest,
                          const std::vector<const PciFunction*>& going, Plan& plan);
// Adds the step that gives the console its picture back, when the guest has it.
void plan_console_return(const Host& host, int guest, Plan& plan);
// The guest that has the console's picture; 0: none.
int console_holder(const Host& host);

// Verbs: device-console-release guest | device-console-return guest. They write vtcon*/bind (ABI:
// Documentation/fb/fbcon.rst) and unbind the firmware's framebuffers from their platform drivers.
std::span<const ActionKind> console_actions();

// PowerButton is the machine's power button, as /dev/input tells it
// (Documentation/input/input.rst).
class PowerButton {
  public:
    explicit PowerButton(const Host& host);  // without one it never tells anything
    const std::vector<Fd>& fds() const { return fds_; }
    // Whether it was pressed since it was asked last; never waits.
    bool pressed();

  private:
    std::vector<Fd> fds_;
};

}  // namespace lodge
