#include "power/pci.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "engine/units.h"
#include "power/kernel.h"

namespace lodge {
namespace {

const std::string top = "/sys/bus/pci/devices";

unsigned hex(const std::string& text) {
    return static_cast<unsigned>(std::strtoul(text.c_str(), nullptr, 16));
}

bool is_address(std::string_view name) {
    return name.size() >= 12 && name[name.size() - 2] == '.' && name[name.size() - 5] == ':';
}

// Whole disks whose device lies below a PCI function, by the function's address.
std::string function_above(const std::string& real) {
    std::string last;
    for (const std::string& part : split(real, '/'))
        if (is_address(part)) last = part;
    return last;
}

void add_children(const Host& host, std::vector<PciDevice>& devices, const std::string& folder,
                  std::vector<std::string> PciDevice::*names) {
    for (const std::string& name : kernel::list(host, folder)) {
        const std::string above = function_above(kernel::real_path(host, folder + "/" + name));
        for (PciDevice& device : devices)
            if (device.address == above) (device.*names).push_back(name);
    }
}

}  // namespace

std::string PciDevice::ids() const {
    return fmt::format("{:04x}:{:04x}", vendor, id);
}

std::string PciDevice::words() const {
    std::string words = ids();
    if (!driver.empty()) words += " " + driver;
    for (const std::string& name : cards)
        words += " " + name;
    for (const std::string& name : blocks)
        words += " " + name;
    return words;
}

std::vector<PciDevice> pci_devices(const Host& host) {
    std::vector<PciDevice> devices;
    for (const std::string& address : kernel::list(host, top)) {
        if (!is_address(address)) continue;
        const std::string folder = top + "/" + address + "/";
        PciDevice device;
        device.address = address;
        device.vendor = hex(kernel::text(host, folder + "vendor"));
        device.id = hex(kernel::text(host, folder + "device"));
        device.class_code = hex(kernel::text(host, folder + "class"));
        device.driver = kernel::link_name(host, folder + "driver");
        const auto parts = split(kernel::real_path(host, top + "/" + address), '/');
        if (parts.size() > 1 && is_address(parts[parts.size() - 2]))
            device.parent = parts[parts.size() - 2];
        devices.push_back(std::move(device));
    }
    if (devices.empty()) return devices;
    add_children(host, devices, "/sys/class/net", &PciDevice::cards);
    add_children(host, devices, "/sys/class/block", &PciDevice::blocks);
    for (PciDevice& device : devices)
        std::erase_if(device.blocks, [&](const std::string& name) {
            return kernel::exists(host, "/sys/class/block/" + name + "/partition");
        });
    return devices;
}

const PciDevice* find_device(const std::vector<PciDevice>& devices, std::string_view address) {
    const auto found = std::find_if(devices.begin(), devices.end(), [&](const PciDevice& device) {
        return device.address == address;
    });
    return found == devices.end() ? nullptr : &*found;
}

namespace {

bool is_below(const std::vector<PciDevice>& devices, const PciDevice& device,
              const std::string& above) {
    const PciDevice* at = &device;
    for (int i = 0; at && i < 32; ++i) {
        if (at->address == above) return true;
        at = find_device(devices, at->parent);
    }
    return false;
}

// The disks below a mounted block device, through LVM, dm-crypt and RAID ("slaves").
void disks_below(const Host& host, const std::string& name, std::set<std::string>& disks,
                 int depth = 0) {
    const std::string folder = "/sys/class/block/" + name;
    const auto below = kernel::list(host, folder + "/slaves");
    if (below.empty() || depth > 8) {
        const auto parts = split(kernel::real_path(host, folder), '/');
        const bool partition = kernel::exists(host, folder + "/partition");
        if (partition && parts.size() > 1) disks.insert(parts[parts.size() - 2]);
        if (!partition) disks.insert(name);
        return;
    }
    for (const std::string& one : below)
        disks_below(host, one, disks, depth + 1);
}

std::set<std::string> disks_of_root(const Host& host) {
    std::set<std::string> disks;
    // proc(5), mountinfo: field 3 is major:minor, field 5 the mount point.
    for (const std::string& line : split(kernel::text(host, "/proc/self/mountinfo"), '\n')) {
        const auto fields = split(line, ' ');
        if (fields.size() < 5 || fields[4] != "/") continue;
        const std::string name = kernel::link_name(host, "/sys/dev/block/" + fields[2]);
        if (!name.empty()) disks_below(host, name, disks);
    }
    return disks;
}

bool carries(const Host& host, const std::string& card) {
    return kernel::text(host, "/sys/class/net/" + card + "/carrier") == "1";
}

}  // namespace

std::string depends_on(const Host& host, const std::vector<PciDevice>& devices,
                       const PciDevice& device) {
    const std::set<std::string> root = disks_of_root(host);
    int up_below = 0, up_elsewhere = 0;
    for (const PciDevice& one : devices) {
        const bool below = is_below(devices, one, device.address);
        for (const std::string& disk : one.blocks)
            if (below && root.count(disk)) return "the root file system (" + disk + ")";
        for (const std::string& card : one.cards)
            if (carries(host, card)) ++(below ? up_below : up_elsewhere);
    }
    if (up_below > 0 && up_elsewhere == 0) return "the only network that is up";
    return "";
}

}  // namespace lodge
