#pragma once

#include <string>
#include <vector>

#include "engine/state/views.h"
#include "engine/vm/agent.h"

namespace lodge {

// The addresses worth showing of what a guest's agent told: of the interfaces that are the guest's
// own cards (`macs`) when there are such, else of all; IPv4 first. Loopback and link-local ones
// and what is no address are left out; at most 8.
std::vector<GuestAddress> told_addresses(const std::vector<Agent::Interface>& interfaces,
                                         const std::vector<std::string>& macs);

}  // namespace lodge
