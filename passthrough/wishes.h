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
    // Way is a device that would do: whatever is in a port, whatever has the ids ("1234:abcd"), or,
    // with both, what has the ids and is in that port.
    struct Way {
        std::string port, ids;
        bool fits(const UsbDevice& device) const;
        std::string words() const;  // "1234:abcd", "what is in port 1-2"
    };
    std::string key;
    std::vector<Way> ways;  // several: of a mapping with as many devices
    std::string mapping;
    std::string problem;  // why it says nothing that can be had; "" when it does
    bool fits(const UsbDevice& device) const;
    bool by_port() const;
    std::string words() const;
};
// Those of redirection by SPICE are left out: they are no device of this machine.
std::vector<UsbWish> usb_wishes(const Host& host, const Config& config);

// Mapped is one device of a mapping, a "map" line of <config>/mapping/pci.cfg or usb.cfg, whose
// format is Proxmox VE's (pve-guest-common: src/PVE/Mapping/PCI.pm): a line with the name, then
// indented lines "map id=8086:46a6,iommugroup=0,node=x,path=0000:00:02.0,subsystem-id=…".
struct Mapped {
    std::string name, path, ids, subsystem;
};
std::vector<Mapped> read_mappings(std::string_view text);

}  // namespace lodge
