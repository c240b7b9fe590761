#pragma once

#include <span>

#include "engine/plan.h"

namespace lodge {

struct Engine;

// Who waits for the end of a guest with devices: a guest that shuts itself down, or a QEMU that
// crashes, is ended by nobody who could give the devices back.

// Adds the step that starts it, where the program lodge is found.
void plan_mind(Engine& engine, int guest, Plan& plan);
// Waits until the guest's QEMU has ended and no job works on the guest, then gives back what it
// has. Returns at once when it has nothing.
int mind_guest(Engine& engine, int guest);

// The verb: device-mind guest.
std::span<const ActionKind> mind_actions();

}  // namespace lodge
