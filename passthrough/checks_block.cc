#include <algorithm>
#include <array>

#include "engine/engine.h"
#include "engine/units.h"
#include "passthrough/console.h"
#include "passthrough/findings.h"

// What stands in the way of handing a device over.

namespace lodge {
namespace {

Finding block(const PciFunction& function, std::string reason, std::string path, std::string value,
              std::string way_out) {
    return {"",
            Severity::block,
            false,
            function.address,
            std::move(reason),
            std::move(path),
            std::move(value),
            std::move(way_out)};
}

std::string words_of(const PciFunction& function) {
    return fmt::format("{} ({})", short_address(function.address), function.class_name());
}

// B1
void no_iommu(const Proposal& proposal, std::vector<Finding>& findings) {
    const Inventory& inventory = proposal.inventory;
    if (inventory.iommus.empty()) {
        Finding finding{"", Severity::block, false, "", {}, "/sys/class/iommu", "empty", {}};
        finding.reason = "this machine's IOMMU is off or missing";
        finding.way_out =
            inventory.amd
                ? "switch IOMMU (AMD-Vi) on in the machine's firmware; the kernel then uses it"
                : "switch VT-d on in the machine's firmware; lodge device prepare then adds "
                  "intel_iommu=on to what it is started with";
        findings.push_back(std::move(finding));
        return;
    }
    for (const PciFunction* function : proposal.wanted)
        if (function->group < 0)
            findings.push_back(
                block(*function, words_of(*function) + " is behind no IOMMU",
                      function->folder + "/iommu_group", "none",
                      "another slot may be behind it; for Intel graphics boot without igfx_off"));
}

bool has_route(const Use& use) {
    return use.kind == UseKind::network &&
           std::find(use.what.begin(), use.what.end(), "default route") != use.what.end();
}

// Whether another card, one that stays, has a default route too.
bool another_way_out(const Proposal& proposal) {
    for (const PciFunction& function : proposal.inventory.pci)
        if (!proposal.goes(function) &&
            std::any_of(function.uses.begin(), function.uses.end(), has_route))
            return true;
    return false;
}

bool reachable_otherwise(const Proposal& proposal) {
    const Inventory& inventory = proposal.inventory;
    if (inventory.around.ssh_serves || !inventory.around.ssh_address.empty()) return true;
    return other_ways(proposal.host(), inventory, proposal.going).any();
}

bool another_keyboard(const Proposal& proposal) {
    for (const PciFunction& function : proposal.inventory.pci)
        for (const Use& use : function.uses)
            if (use.kind == UseKind::keyboard && !proposal.goes(function)) return true;
    return false;
}

std::string joined(const Use& use) {
    return use.name + (use.what.empty() ? "" : ": " + join(use.what, ", "));
}

void look_at_use(const Proposal& proposal, const PciFunction& function, const Use& use,
                 std::vector<Finding>& findings) {
    Finding finding = block(function, "", use.path, joined(use), "");
    finding.reason = fmt::format("{} has {}, and {}", words_of(function), use.name, use.needed);
    switch (use.kind) {
        case UseKind::disk:
            finding.way_out = "move that to a disk on another controller first";
            break;
        case UseKind::network:
            finding.cuts_off = true;
            finding.way_out =
                "give the machine another way to the network first, or hand the guest "
                "a bridge instead of the card";
            if (has_route(use) && another_way_out(proposal) && !use.needed.starts_with("your SSH"))
                finding.severity = Severity::warn;
            break;
        case UseKind::display:
            finding.cuts_off = true;
            finding.way_out = "have SSH or a serial console before; containers can share the card";
            finding.unanswered = !reachable_otherwise(proposal);
            if (!finding.unanswered) finding.severity = Severity::warn;
            break;
        case UseKind::keyboard:
            finding.cuts_off = true;
            finding.way_out =
                "put the keyboard on another controller, or hand over single USB "
                "devices";
            if (another_keyboard(proposal) || reachable_otherwise(proposal))
                finding.severity = Severity::warn;
            break;
        default:
            break;
    }
    findings.push_back(std::move(finding));
}

bool is_mounted(const Use& use) {
    return use.kind == UseKind::disk && !use.what.empty();
}

// What the board itself needs, wherever it has no driver of its own too.
bool is_board(const PciFunction& function) {
    constexpr std::array board = {uint16_t{0x0601}, uint16_t{0x0c05}, uint16_t{0x0500},
                                  uint16_t{0x0806}};
    if (std::find(board.begin(), board.end(), function.sub_class()) != board.end()) return true;
    if (function.sub_class() == 0x0600) return !function.driver.empty();
    return function.driver == "intel_pch_thermal" || function.driver == "proc_thermal_pci" ||
           std::any_of(function.uses.begin(), function.uses.end(),
                       [](const Use& use) { return use.path.starts_with("/sys/class/tpm/"); });
}

// B2
void host_needs_it(const Proposal& proposal, std::vector<Finding>& findings) {
    for (const PciFunction* function : proposal.group) {
        if (is_board(*function)) {
            findings.push_back(
                block(*function, words_of(*function) + " belongs to the board itself",
                      function->folder + "/class", fmt::format("0x{:06x}", function->class_code),
                      proposal.group.size() > proposal.wanted.size()
                          ? "the device shares its IOMMU group with it: try another slot"
                          : "it stays with this machine"));
            continue;
        }
        if (!proposal.goes(*function)) continue;
        for (const Use& use : function->uses) {
            if (!use.needed.empty()) {
                look_at_use(proposal, *function, use, findings);
            } else if (is_mounted(use)) {
                findings.push_back(
                    block(*function,
                          fmt::format("{} has {}, which is in use: {}", words_of(*function),
                                      use.name, join(use.what, ", ")),
                          use.path, joined(use), "unmount it first"));
            }
        }
    }
}

// B3
void firmware_uses_it(const Proposal& proposal, std::vector<Finding>& findings) {
    for (const PciFunction* function : proposal.wanted) {
        const auto group = proposal.inventory.groups.find(function->group);
        if (group == proposal.inventory.groups.end() || group->second.direct_regions.empty())
            continue;
        findings.push_back(
            block(*function,
                  fmt::format("the firmware keeps memory for {} itself (RMRR), and the kernel "
                              "refuses to hand it over",
                              words_of(*function)),
                  fmt::format("/sys/kernel/iommu_groups/{}/reserved_regions", function->group),
                  group->second.direct_regions.front(),
                  "look in the firmware for what uses the device (remote management, shared "
                  "memory), or for an update"));
    }
}

// B4
void no_remapping(const Proposal& proposal, std::vector<Finding>& findings) {
    if (proposal.inventory.interrupts_remapped.value_or(true)) return;
    if (proposal.inventory.iommus.empty()) return;  // said already
    const std::string path = "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts";
    const bool allowed = proposal.host().read_line(proposal.host().system(path)) == "Y";
    Finding finding{"", Severity::block, false, "", {}, "/proc/interrupts", "no IR- chip", {}};
    finding.reason = "interrupts are not remapped: a guest could raise any of this machine's";
    finding.way_out =
        "switch interrupt remapping (x2APIC, VT-d) on in the firmware; for guests "
        "that you trust, vfio_iommu_type1.allow_unsafe_interrupts=1";
    if (allowed) {
        finding.severity = Severity::warn;
        finding.path = path;
        finding.value = "Y";
    }
    findings.push_back(std::move(finding));
}

// Devices that vfio-pci refuses (drivers/vfio/pci/vfio_pci.c, vfio_pci_dev_in_denylist).
constexpr std::array kDenied = {uint16_t{0x19e2}, uint16_t{0x19e3}, uint16_t{0x37c8},
                                uint16_t{0x37c9}, uint16_t{0x0435}, uint16_t{0x0443},
                                uint16_t{0x0b25}, uint16_t{0x0cfe}};

// B5
void refused_by_kernel(const Proposal& proposal, std::vector<Finding>& findings) {
    for (const PciFunction* function : proposal.going) {
        if (function->vfs_now > 0)
            findings.push_back(
                block(*function,
                      fmt::format("{} has {} in use", words_of(*function),
                                  counted(function->vfs_now, "virtual function")),
                      function->folder + "/sriov_numvfs", std::to_string(function->vfs_now),
                      "hand over a virtual function instead, or take them away first"));
        if (function->vendor == 0x8086 &&
            std::find(kDenied.begin(), kDenied.end(), function->device) != kDenied.end())
            findings.push_back(block(*function,
                                     words_of(*function) + " is on the kernel's list of devices "
                                                           "that are not safe to hand over",
                                     function->folder + "/device",
                                     fmt::format("0x{:04x}", function->device),
                                     "vfio-pci.disable_denylist=1 for guests that you trust"));
    }
}

// B6
void someone_has_it(const Proposal& proposal, std::vector<Finding>& findings) {
    const int me = proposal.guest ? proposal.guest->id : 0;
    for (const PciFunction* function : proposal.going) {
        if (function->holder != 0 && function->holder != me)
            findings.push_back(
                block(*function,
                      fmt::format("{} is with guest {}", words_of(*function), function->holder),
                      "/run/lodge/device/" + function->address, std::to_string(function->holder),
                      fmt::format("lodge stop {}, or lodge device take-back {} after its end",
                                  function->holder, short_address(function->address))));
        for (size_t i = 0; i < function->wanted_by_guests.size(); ++i) {
            const int other = function->wanted_by_guests[i];
            if (other == me || other == function->holder) continue;
            findings.push_back({"", Severity::warn, false, function->address,
                                fmt::format("{} is in the configuration of guest {} too",
                                            words_of(*function), other),
                                fmt::format("qemu-server/{}.conf", other), function->wanted_by[i],
                                "only one of them can run at a time"});
        }
    }
}

}  // namespace

std::vector<Check> block_checks() {
    return {
        {"B1", "an IOMMU", no_iommu},
        {"B2", "what this machine needs itself", host_needs_it},
        {"B3", "memory that the firmware keeps for it", firmware_uses_it},
        {"B4", "interrupt remapping", no_remapping},
        {"B5", "what the kernel refuses", refused_by_kernel},
        {"B6", "other guests", someone_has_it},
    };
}

}  // namespace lodge
