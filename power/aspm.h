#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/plan.h"
#include "power/pci.h"

// PCIe Active State Power Management, by the kernel's own attributes only: a register written
// behind the kernel makes it believe something else than is so (K: drivers/pci/pcie/aspm.c,
// pcie_config_aspm_link() returns early when its own memory says that nothing changes).
namespace lodge::aspm {

inline constexpr std::string_view policy_file = "/sys/module/pcie_aspm/parameters/policy";

// The attributes of a link, which lie at the function at its lower end.
inline constexpr std::string_view attributes[] = {
    "l0s_aspm", "l1_aspm", "l1_1_aspm", "l1_2_aspm", "l1_1_pcipm", "l1_2_pcipm", "clkpm"};
std::string attribute_file(const std::string& address, std::string_view attribute);

// Who keeps ASPM from the kernel, in words: firmware (FADT), pcie_aspm=off, or _OSC; "" nobody.
std::string held_by(const Host& host);

// What is known against an attribute of a device: its driver turns it off, or machines were lost by
// it; with the source. "" nothing.
std::string objection(const PciDevice& device, std::string_view attribute);

// LinkWish is one attribute of one link that shall be on or off.
struct LinkWish {
    std::string address;  // of the function at the lower end
    std::string file;     // the attribute
    bool on = false;
};
// The steps that bring attributes to what is wished and change no other link: a 1 is ANDed by the
// kernel with its policy (policy_to_aspm_state()), so that what a policy forbids stays off without
// a word. Where the policy has to change, each attribute that is off and shall stay off is pinned
// by a 0 first. Taken back in reverse: the policy first, which stops at once. Never is a 1 written
// back where a 0 stood: that would clear a driver's own objection.
Plan link_steps(const Host& host, const std::vector<LinkWish>& wishes);

// The verbs: aspm-link knob file to | aspm-pin file….
std::span<const ActionKind> actions();

}  // namespace lodge::aspm
