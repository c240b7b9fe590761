#pragma once

#include <span>
#include <string>

#include "engine/device.h"
#include "engine/guest.h"
#include "passthrough/inventory.h"
#include "passthrough/wishes.h"

namespace lodge {

// What this machine can give guests: hostpci[n], usb[n].
std::span<const DeviceKind* const> passthrough_devices();
const DeviceKind& usb_kind();  // usb_kind.cc

// Chosen functions for one hostpci[n]: of a pool the first that is free.
struct PciChoice {
    PciWish wish;
    std::vector<const PciFunction*> functions;
    std::string problem;  // why there are none; "" when there are
};
std::vector<PciChoice> choose_devices(const Host& host, const Inventory& inventory,
                                      const Guest& guest);

}  // namespace lodge
