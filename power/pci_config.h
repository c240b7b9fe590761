#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/host.h"

namespace lodge {

// LinkEnd is one end of a PCIe link, as its registers say.
// PCI Express Base Specification: LnkCap 7.5.3.6, LnkCtl 7.5.3.7, DevCap 7.5.3.3, L1 PM 7.8.3.
struct LinkEnd {
    unsigned supported = 0;  // 1: L0s, 2: L1
    unsigned enabled = 0;    // the same
    unsigned substates = 0;  // supported: 1 PCI-PM L1.2, 2 PCI-PM L1.1, 4 ASPM L1.2, 8 ASPM L1.1
    unsigned substates_on = 0;
    int64_t l0s_exit_ns = 0;  // to wake from L0s, from L1, at most
    int64_t l1_exit_ns = 0;
    int64_t l0s_takes_ns = 0;  // what the device can wait for; -1: any time
    int64_t l1_takes_ns = 0;
    bool clock_pm = false;          // its clock may be taken away
    bool role_based = false;        // role-based error reporting: of PCIe 1.1 or later
    unsigned speed = 0, width = 0;  // 1: 2.5 GT/s, 2: 5 …; lanes
};

// PciConfig reads PCI configuration space through libpci. Reading wakes a device that sleeps
// (K: drivers/pci/pci-sysfs.c, pci_read_config), so that only who changes a link does it; it never
// writes.
class PciConfig {
  public:
    explicit PciConfig(const Host& host);
    ~PciConfig();
    PciConfig(const PciConfig&) = delete;
    PciConfig& operator=(const PciConfig&) = delete;

    // nullopt: it sleeps and is left alone, it is no PCIe device, or only root may read it.
    // Throws Error when libpci has trouble.
    std::optional<LinkEnd> end_of(const std::string& address);

  private:
    struct Access;
    const Host& host_;
    Access* access_;
};

}  // namespace lodge
