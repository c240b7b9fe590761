#pragma once

#include <optional>
#include <string>
#include <vector>

#include "power/pci.h"
#include "power/pci_config.h"

namespace lodge::aspm {

// LinkFacts is what is known of a link: both ends and what speaks against its L1.
struct LinkFacts {
    PciDevice lower, upper;            // the device, and the port above it
    std::optional<LinkEnd> low, high;  // nullopt: not read
    std::vector<std::pair<std::string, std::string>> attributes;  // of the kernel, with values
    std::vector<std::string> against;  // reasons, for a person; empty: nothing known
};

// All links with a port above them. Reads configuration space of what is awake.
std::vector<LinkFacts> read_links(const Host& host);

// Whether both ends' registers say of L1 what the kernel's attribute says; "" yes, else what
// differs. What was not read agrees.
std::string disagreement(const LinkFacts& link);

}  // namespace lodge::aspm
