#include "power/pci_config.h"

#include <cstdarg>
#include <cstdio>
#include <memory>

// libpci 3.9 has no extern "C" in its header (since 3.14 it has).
extern "C" {
#include <pci/pci.h>
}

#include "engine/error.h"
#include "engine/fd.h"
#include "power/kernel.h"

namespace lodge {
namespace {

// libpci's own handler ends the program. This one must not return either; the exception passes
// through frames of C, which Debian compiles with tables for unwinding on all its 64-bit machines.
__attribute__((noreturn)) void on_error(char* format, ...) {
    char words[512];
    va_list list;
    va_start(list, format);
    std::vsnprintf(words, sizeof words, format, list);
    va_end(list);
    throw Error(std::string("cannot read PCI configuration: ") + words);
}

void on_word(char*, ...) {}  // warnings would be written over the screen

int64_t l1_ns(unsigned code) {
    return code == 7 ? 65'000 : int64_t{1000} << code;  // K: aspm.c, calc_l1_latency()
}

int64_t l0s_ns(unsigned code) {
    return code == 7 ? 5'000 : int64_t{64} << code;  // K: aspm.c, calc_l0s_latency()
}

using Device = std::unique_ptr<pci_dev, Owned<pci_free_dev>>;

}  // namespace

struct PciConfig::Access {
    pci_access* pci;
};

PciConfig::PciConfig(const Host& host) : host_(host), access_(new Access{pci_alloc()}) {
    pci_access* pci = access_->pci;
    pci->error = on_error;
    pci->warning = on_word;
    pci->debug = on_word;
    // Else it falls back to /proc/bus/pci where it does not like a folder.
    pci->method = PCI_ACCESS_SYS_BUS_PCI;
    std::string name = "sysfs.path", path = host.system("/sys/bus/pci");
    pci_set_param(pci, name.data(), path.data());
    try {
        pci_init(pci);
    } catch (...) {
        delete access_;  // pci_cleanup() wants one that was begun
        throw;
    }
}

PciConfig::~PciConfig() {
    pci_cleanup(access_->pci);
    delete access_;
}

std::optional<LinkEnd> PciConfig::end_of(const std::string& address) {
    unsigned domain = 0, bus = 0, slot = 0, function = 0;
    if (std::sscanf(address.c_str(), "%x:%x:%x.%x", &domain, &bus, &slot, &function) != 4)
        return std::nullopt;
    const std::string folder = "/sys/bus/pci/devices/" + address;
    if (kernel::text(host_, folder + "/power/runtime_status") == "suspended" ||
        !kernel::exists(host_, folder + "/config"))
        return std::nullopt;
    const Device device(pci_get_dev(access_->pci, static_cast<int>(domain), static_cast<int>(bus),
                                    static_cast<int>(slot), static_cast<int>(function)));
    const pci_cap* express = pci_find_cap(device.get(), PCI_CAP_ID_EXP, PCI_CAP_NORMAL);
    if (!express) return std::nullopt;
    const int at = static_cast<int>(express->addr);
    const uint32_t device_can = pci_read_long(device.get(), at + PCI_EXP_DEVCAP);
    const uint32_t link_can = pci_read_long(device.get(), at + PCI_EXP_LNKCAP);
    const unsigned link_does = pci_read_word(device.get(), at + PCI_EXP_LNKCTL);
    const unsigned link_is = pci_read_word(device.get(), at + PCI_EXP_LNKSTA);
    LinkEnd end;
    end.supported = (link_can >> 10) & 3u;
    end.enabled = link_does & 3u;
    end.l0s_exit_ns = l0s_ns((link_can >> 12) & 7u);
    end.l1_exit_ns = l1_ns((link_can >> 15) & 7u);
    end.clock_pm = (link_can >> 18) & 1u;
    const unsigned l0s = (device_can >> 6) & 7u, l1 = (device_can >> 9) & 7u;
    end.l0s_takes_ns = l0s == 7 ? -1 : l0s_ns(l0s);
    end.l1_takes_ns = l1 == 7 ? -1 : l1_ns(l1);
    end.role_based = (device_can >> 15) & 1u;
    end.speed = link_is & 15u;
    end.width = (link_is >> 4) & 63u;
    if (const pci_cap* l1pm = pci_find_cap(device.get(), PCI_EXT_CAP_ID_L1PM, PCI_CAP_EXTENDED)) {
        const int where = static_cast<int>(l1pm->addr);
        end.substates = pci_read_long(device.get(), where + 4) & 15u;
        end.substates_on = pci_read_long(device.get(), where + 8) & 15u;
    }
    return end;
}

}  // namespace lodge
