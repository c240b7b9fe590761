#include <algorithm>
#include <filesystem>

#include "engine/engine.h"
#include "engine/units.h"
#include "engine/vm/vm.h"
#include "passthrough/binding.h"
#include "passthrough/inventory.h"
#include "passthrough/wishes.h"

// Which guest has a device, and which wants it.

namespace lodge {
namespace {

void add_claim(const Guest& guest, const std::string& key, std::vector<std::string>& wanted,
               std::vector<int>& guests) {
    const std::string words = fmt::format("{} {}", guest.id, key);
    if (std::find(wanted.begin(), wanted.end(), words) == wanted.end()) wanted.push_back(words);
    if (std::find(guests.begin(), guests.end(), guest.id) == guests.end())
        guests.push_back(guest.id);
}

// What a running guest has: the device nodes that its QEMU holds open. A node that was unplugged
// has " (deleted)" behind its name.
void find_usb_of(const Host& host, const Guest& guest, Inventory& inventory) {
    const auto process = vm_process(host, guest.id);
    if (!process) return;
    const std::string folder = host.system(fmt::format("/proc/{}/fd", process->pid));
    for (const std::string& name : host.list(folder)) {
        std::error_code none;
        const std::string target = std::filesystem::read_symlink(folder + "/" + name, none);
        if (none || !target.starts_with("/dev/bus/usb/")) continue;
        for (UsbDevice& device : inventory.usb)
            if (device.node() == target) device.holder = guest.id;
    }
}

}  // namespace

void find_claims(Engine& engine, Inventory& inventory) {
    for (const Guest& guest : list_guests(engine)) {
        if (guest.kind->name() != "vm" || !guest.unreadable.empty()) continue;
        for (const PciWish& wish : pci_wishes(engine.host, guest.config))
            for (const std::string& address : wish.addresses)
                for (const PciFunction* one : functions_at(inventory, address)) {
                    auto* function = const_cast<PciFunction*>(one);
                    add_claim(guest, wish.key, function->wanted_by, function->wanted_by_guests);
                }
        for (const UsbWish& wish : usb_wishes(engine.host, guest.config))
            for (UsbDevice& device : inventory.usb)
                if (wish.fits(device))
                    add_claim(guest, wish.key, device.wanted_by, device.wanted_by_guests);
        if (!inventory.usb.empty() && !guest.config.indexed("usb").empty())
            find_usb_of(engine.host, guest, inventory);
    }
    for (const Handed& handed : handed_devices(engine.host))
        if (auto* function = const_cast<PciFunction*>(inventory.find(handed.address)))
            function->holder = handed.guest;
}

Inventory take_inventory(Engine& engine, const Surroundings& around, bool names) {
    Inventory inventory;
    inventory.around = around;
    scan_pci(engine.host, inventory);
    scan_usb(engine.host, inventory);
    find_uses(engine.host, inventory);
    find_claims(engine, inventory);
    if (names) name_devices(engine.host, inventory);
    return inventory;
}

}  // namespace lodge
