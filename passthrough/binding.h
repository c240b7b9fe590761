#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/plan.h"
#include "passthrough/inventory.h"

namespace lodge {

// HandedNet is how an interface was before its card went, so that it can be so again.
struct HandedNet {
    std::string name;
    bool up = false;
    int64_t mtu = 0;                     // bytes; 0: not known
    std::string master;                  // bridge or bond it was part of
    std::vector<std::string> addresses;  // with prefix
    std::vector<std::string> gateways;   // of its default routes: "10.0.0.1", "10.0.0.1 metric 5"
};

// Handed is what is remembered of a function that was taken from its driver, from before that
// happens until it is back: <run>/device/<address>. After a reboot every driver has its own again.
struct Handed {
    std::string address;
    int guest = 0;
    std::string driver;     // that had it; "" for none
    std::string preferred;  // what somebody had written to its driver_override; "" for nothing
    std::string ids;        // "8086:10d3"
    std::string slot_path;  // where it sits
    int group = -1;
    std::vector<HandedNet> nets;
};
std::vector<Handed> handed_devices(const Host& host);
std::optional<Handed> handed_device(const Host& host, const std::string& address);

// The functions of the device's group that must leave their drivers when it is handed over: the
// kernel gives a group to a guest only when every member is with vfio-pci, a bridge's own driver,
// or none (drivers/vfio/vfio_main.c, vfio_dev_viable).
std::vector<const PciFunction*> must_go(const Inventory& inventory, const PciFunction& function);

// Adds the steps that hand functions to vfio-pci for a guest, and let the user that guests run as
// open their groups: the machine's sensors and clocks are compared before and after, and a loss
// takes everything back. `functions` are those the guest gets; what must go along is added.
void plan_hand_over(Engine& engine, const Inventory& inventory, int guest,
                    const std::vector<const PciFunction*>& functions, Plan& plan);
// Adds the steps that give back to this machine what the guest has (all, or only `addresses`).
void plan_give_back(Engine& engine, int guest, Plan& plan,
                    const std::vector<std::string>& addresses = {});

// Verbs. Each waits at most "limit" seconds (30 when not said) for the kernel:
//   device-bind     address, guest, ids, slot, group, driver, [net…]
//   device-return   guest, [address…]: all of them, and throws what went wrong with some at the end
//   device-open     group, guest; device-close group
//   device-look     guest, [going…]: keeps what the machine has of sensors, clocks and zones
//   device-compare  guest, [going…]: throws when some of it is gone
//   device-mind     guest: starts who waits for the guest's end and gives its devices back
std::span<const ActionKind> binding_actions();

// Writes a kernel file in a process of its own and waits at most `seconds`: a driver that hangs in
// its release takes only that process along. Throws Error(Exit::busy) when it hangs, else with the
// kernel's word.
void write_kernel_within(const Host& host, const std::string& path, std::string_view text,
                         const std::string& what, int64_t seconds);

}  // namespace lodge
