#pragma once

#include <string>
#include <string_view>

#include "engine/plan.h"
#include "passthrough/inventory.h"

namespace lodge {

// The text of a mapping file with a mapping of that name in place of the one that may be there
// (Proxmox VE: src/PVE/SectionConfig.pm: sections of a name and indented lines, between empty
// lines). `lines` are the values of its "map" lines.
std::string with_mapping(std::string_view text, const std::string& name,
                         const std::vector<std::string>& lines);

// Adds the step that makes a mapping of the card's virtual functions, each a device that would do:
// hostpci0=mapping=NAME then means any that is free. Throws Error for a name that is none.
void plan_pool(const Host& host, const PciFunction& card, const std::string& name, int64_t count,
               Plan& plan);

// Whether <config>/mapping/<kind>.cfg has a mapping of the name; kind: "pci", "usb".
bool has_mapping(const Host& host, std::string_view kind, std::string_view name);

}  // namespace lodge
