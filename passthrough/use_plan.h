#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/plan.h"
#include "passthrough/inventory.h"

// From the wish ("jellyfin is to use the iGPU") to a guest that runs and has it, by the way that
// takes least from this machine: sharing, then a virtual function, then the whole device.
namespace lodge {

// Way is one of the ways to let a guest use a device.
struct Way {
    std::string name;     // "share", "virtual function", "whole"
    std::string words;    // what it means, a sentence
    std::string command;  // the words that do it
    std::string why_not;  // why it cannot be done here; "" when it can
};
// From the gentlest to the hardest. `guest` is a name or number, of a guest that may not exist yet.
std::vector<Way> ways_to_use(Engine& engine, const Inventory& inventory,
                             const PciFunction& function, const std::string& guest);

// words: device ("gpu": the graphics processor), guest, [template], [whole], [anyway]. Throws Error
// with the ways that there are, where the wished one cannot be.
Plan plan_use(Engine& engine, const Values& words);

// The verb: gpu-share guest device: a container gets a render node, planned when it is there.
std::span<const ActionKind> use_actions();

}  // namespace lodge
