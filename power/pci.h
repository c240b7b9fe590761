#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/host.h"

namespace lodge {

// PciDevice is a PCI function as sysfs tells of it, without a look at its configuration space,
// which would wake it (K: drivers/pci/pci-sysfs.c, pci_read_config).
struct PciDevice {
    std::string address;  // "0000:01:00.0"
    std::string parent;   // the bridge above: "0000:00:1c.0"; "" at the root
    unsigned vendor = 0, id = 0;
    unsigned class_code = 0;  // 0x020000 Ethernet, 0x0604xx bridge, 0x0108xx NVMe, 0x03xxxx GPU
    std::string driver;       // "" none
    std::vector<std::string> cards;   // network interfaces
    std::vector<std::string> blocks;  // whole disks: "nvme0n1", "sda"

    bool is_bridge() const { return (class_code >> 8) == 0x0604; }
    std::string ids() const;    // "8086:125c"
    std::string words() const;  // "8086:125c igc enp1s0"
};

// All functions, by address. Empty on a machine without PCI.
std::vector<PciDevice> pci_devices(const Host& host);
const PciDevice* find_device(const std::vector<PciDevice>& devices, std::string_view address);

// What would be lost with the device, for a person: "the root file system", "the only network that
// is up"; "" nothing that we know of. A bridge stands for all below it.
std::string depends_on(const Host& host, const std::vector<PciDevice>& devices,
                       const PciDevice& device);

}  // namespace lodge
