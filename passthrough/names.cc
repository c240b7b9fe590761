extern "C" {
#include <pci/pci.h>
}

#include <array>
#include <cstdarg>
#include <memory>

#include "engine/error.h"
#include "engine/fd.h"
#include "engine/host.h"
#include "passthrough/inventory.h"

// Names from the list of PCI ids, by libpci.

namespace lodge {
namespace {

// libpci's own handler ends the program (pciutils: lib/init.c, pci_generic_error); it must not
// return either. (clang takes the attribute, not the word, for a part of the type.)
__attribute__((noreturn)) void fail_in_library(char* format, ...) {
    std::array<char, 512> words{};
    va_list list;
    va_start(list, format);
    ::vsnprintf(words.data(), words.size(), format, list);
    va_end(list);
    throw Error(std::string("libpci: ") + words.data());
}
void say_nothing(char* /*format*/, ...) {}

using Access = std::unique_ptr<pci_access, Owned<pci_cleanup>>;

// For names only: nothing is scanned and no function touched.
Access open_names() {
    Access access(pci_alloc());
    if (!access) throw Error("cannot read the list of PCI ids: out of memory");
    access->error = fail_in_library;
    access->warning = say_nothing;
    access->debug = say_nothing;
    return access;
}

std::string lookup(pci_access* access, int flags, int one, int two) {
    std::array<char, 256> text{};
    const char* name = ::pci_lookup_name(access, text.data(), static_cast<int>(text.size()),
                                         flags | PCI_LOOKUP_NO_NUMBERS, one, two, 0, 0);
    return name ? name : "";
}

}  // namespace

void name_devices(const Host& host, Inventory& inventory) {
    const Access access = open_names();
    // Below another root the names are that root's.
    std::string list = host.system("/usr/share/misc/pci.ids");
    if (!host.system("").empty()) {
        if (!host.exists(list)) return;
        ::pci_set_name_list_path(access.get(), list.data(), 0);
    }
    for (PciFunction& function : inventory.pci) {
        function.vendor_name =
            lookup(access.get(), PCI_LOOKUP_VENDOR, function.vendor, function.device);
        function.device_name =
            lookup(access.get(), PCI_LOOKUP_DEVICE, function.vendor, function.device);
    }
}

}  // namespace lodge
