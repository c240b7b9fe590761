#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/config.h"

namespace lodge {

class Host;
struct UsbDevice;

// PciWish is what a hostpci[n] of a configuration asks for.
struct PciWish {
    std::string key;  // "hostpci0"
    // Addresses as full_address() gives them, "0000:01:00" for all functions; those of `host`, or
    // of the mapping when it has one device only.
    std::vector<std::string> addresses;
    std::string mapping;
    // The devices of the mapping, each one that would do.
    std::vector<std::vector<std::string>> pool;
    std::string mediated;  // the kind of mediated device
    bool keep_driver = false;
    std::string romfile;
    std::string problem;  // why it says nothing that can be had; "" when it does
};
std::vector<PciWish> pci_wishes(const Host& host, const Config& config);

// UsbWish is what a usb[n] of a configuration asks for.
struct UsbWish {
    std::string key;
    std::string host;  // "1234:abcd" or "1-2.3"; of the mapping's first device
    std::string mapping;
    std::string problem;
    bool fits(const UsbDevice& device) const;
};
std::vector<UsbWish> usb_wishes(const Host& host, const Config& config);

// Mapped is one device of a mapping, a "map" line of <config>/mapping/pci.cfg or usb.cfg, whose
// format is Proxmox VE's (pve-guest-common: src/PVE/Mapping/PCI.pm): a line with the name, then
// indented lines "map id=8086:46a6,iommugroup=0,node=x,path=0000:00:02.0,subsystem-id=…".
struct Mapped {
    std::string name, path, ids, subsystem;
};
std::vector<Mapped> read_mappings(std::string_view text);

}  // namespace lodge
