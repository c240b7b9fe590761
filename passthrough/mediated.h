#pragma once

#include <string>

#include "engine/guest.h"
#include "engine/plan.h"
#include "passthrough/inventory.h"
#include "passthrough/wishes.h"

// Mediated devices: parts of a function that its own driver makes (Documentation/driver-api/
// vfio-mediated-device.rst).
namespace lodge {

// The part's number for a key of a guest, the same at each start, as Proxmox VE makes it.
std::string mediated_number(int guest, std::string_view key);
// "/sys/bus/mdev/devices/<number>".
std::string mediated_folder(int guest, std::string_view key);
// Adds the steps that make it and let QEMU's user open its group. Throws Error when the function
// has no such kind, or none left.
void plan_mediated(const PciFunction& function, const PciWish& wish, int guest, Plan& plan);
// Adds the steps that take away those which the guest has.
void plan_mediated_end(const Host& host, const Guest& guest, Plan& plan);

// Verbs: mdev-make folder, type, number, user; mdev-remove number.
std::span<const ActionKind> mediated_actions();

}  // namespace lodge
