#pragma once

#include <string>

namespace lodge {

class Host;

// A PCI device in words, from sysfs alone: "Ethernet enp1s0 (8086:125c igc)". `folder` is its
// folder below /sys/bus/pci/devices.
std::string pci_words(const Host& host, const std::string& folder);
// A USB device: "keyboard K120 (046d:c31c)".
std::string usb_words(const Host& host, const std::string& folder);

}  // namespace lodge
