#pragma once

#include <string>
#include <vector>

#include "engine/plan.h"
#include "passthrough/inventory.h"

namespace lodge {

// Graphics cards: what belongs to one, and what would do in its place.

// With the functions of the same device without which a card does not work in a guest: its sound,
// of AMD's the other coprocessors of sound, of NVIDIA's all (USB-C); in the order of addresses.
std::vector<const PciFunction*> with_card_set(const Inventory& inventory,
                                              std::vector<const PciFunction*> functions);

// Warns of what would do without handing the card over: containers sharing its render node, or a
// virtual function of it.
void warn_of_sharing(const Host& host, const std::vector<const PciFunction*>& functions,
                     Plan& plan);

// Whether QEMU can hand on the OpRegion of Intel graphics, where the firmware keeps what screens
// there are (UPT mode; QEMU: docs/igd-assign.txt): the card's register ASLS (0xfc) points to it.
// Reads its configuration space, which wakes it.
bool has_opregion(const Host& host, const PciFunction& function);

}  // namespace lodge
