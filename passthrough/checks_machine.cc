#include "engine/engine.h"
#include "engine/units.h"
#include "passthrough/findings.h"
#include "passthrough/identity.h"

// What is to be known of the machine and the guest.

namespace lodge {
namespace {

// W5
void pins_memory(const Proposal& proposal, std::vector<Finding>& findings) {
    if (!proposal.guest) return;
    constexpr int64_t more = int64_t{1} << 30;  // what QEMU and the tables of the IOMMU need
    const auto memory = proposal.guest->config.properties("memory");
    const int64_t wanted =
        (memory ? memory->integer("current") : proposal.guest->config.integer("memory")) << 20;
    const int64_t free = proposal.inventory.memory_available;
    Finding finding{"", Severity::warn, false, "", {}, "/proc/meminfo", {}, {}};
    finding.value = "MemAvailable: " + short_size(free);
    finding.reason = fmt::format(
        "all {} of the guest's memory is taken at once and kept: ballooning and sharing have no "
        "effect",
        short_size(wanted));
    if (free > 0 && wanted + more > free) {
        finding.severity = Severity::block;
        finding.reason = fmt::format("the guest's {} and 1G more must be free at once, and {} is",
                                     short_size(wanted), short_size(free));
        finding.way_out = "give the guest less memory, or stop another";
    }
    findings.push_back(std::move(finding));
}

// W9
void is_locked_down(const Proposal& proposal, std::vector<Finding>& findings) {
    const Inventory& inventory = proposal.inventory;
    const bool locked = !inventory.lockdown.empty() && inventory.lockdown != "none";
    if (!inventory.secure_boot && !locked) return;
    bool graphics = false;
    for (const PciFunction* function : proposal.wanted)
        graphics = graphics || function->base_class() == 0x03;
    if (!graphics) return;
    findings.push_back(
        {"", Severity::warn, false, "",
         "Secure Boot lets only signed modules in: those built here (vendor-reset, i915-sriov) "
         "are not loaded",
         locked ? "/sys/kernel/security/lockdown" : "/sys/firmware/efi/efivars",
         locked ? inventory.lockdown : "SecureBoot: 1", "enrol the key that DKMS signs them with"});
}

// W11
void has_moved(const Proposal& proposal, std::vector<Finding>& findings) {
    if (!proposal.guest) return;
    for (const PciFunction* function : proposal.wanted) {
        const auto known = known_identity(proposal.host(), proposal.guest->id, function->address);
        if (!known || known->is_same(identity_of(*function))) continue;
        findings.push_back({"", Severity::block, false, function->address,
                            fmt::format("at {} was another device when guest {} got it",
                                        short_address(function->address), proposal.guest->id),
                            identity_path(proposal.host(), proposal.guest->id), known->print(),
                            moved_words(proposal.inventory, *known)});
    }
}

// W12
void has_acs_override(const Proposal& proposal, std::vector<Finding>& findings) {
    const std::string& line = proposal.inventory.command_line;
    const size_t at = line.find("pcie_acs_override=");
    if (at == std::string::npos) return;
    findings.push_back({"", Severity::warn, false, "",
                        "the kernel was told to believe that devices are apart which are not: a "
                        "guest can reach the memory of others",
                        "/proc/cmdline", line.substr(at, line.find(' ', at) - at),
                        "only for guests that you trust"});
}

}  // namespace

std::vector<Check> machine_checks() {
    return {
        {"W5", "memory that is kept", pins_memory},
        {"W9", "Secure Boot", is_locked_down},
        {"W11", "devices that moved", has_moved},
        {"W12", "an override of isolation", has_acs_override},
    };
}

}  // namespace lodge
