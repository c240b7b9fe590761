#include "power/aspm_links.h"

#include <fmt/format.h>

#include <algorithm>

#include "power/aspm.h"
#include "power/kernel.h"

namespace lodge::aspm {
namespace {

constexpr unsigned l1_bit = 2;

// The endpoint waits for the slowest link on its way up, and 1 us more for each switch between.
// K: aspm.c, pcie_aspm_check_latency().
std::string latency_words(const std::vector<LinkFacts>& links, const LinkFacts& link) {
    if (!link.low || link.lower.is_bridge() || link.low->l1_takes_ns < 0) return "";
    int64_t switches = 0;
    const LinkFacts* at = &link;
    for (int i = 0; at && i < 32; ++i) {
        if (at->low && at->high) {
            const int64_t wake = std::max(at->low->l1_exit_ns, at->high->l1_exit_ns) + switches;
            if (wake > link.low->l1_takes_ns)
                return fmt::format("waking up takes {} us, and the device waits for {} us at most",
                                   wake / 1000, link.low->l1_takes_ns / 1000);
        }
        switches += 1000;
        const auto above = std::find_if(links.begin(), links.end(), [&](const LinkFacts& one) {
            return one.lower.address == at->upper.parent || one.lower.address == at->upper.address;
        });
        at = above == links.end() ? nullptr : &*above;
    }
    return "";
}

void judge(const std::vector<LinkFacts>& links, LinkFacts& link) {
    const auto against = [&](std::string words) {
        if (!words.empty()) link.against.push_back(std::move(words));
    };
    if (!link.low || !link.high) {
        against("its registers were not read: it sleeps, or only root may");
    } else {
        if (!(link.low->supported & l1_bit)) against("the device cannot do L1");
        if (!(link.high->supported & l1_bit)) against("the port above cannot do L1");
        if (!link.low->role_based)
            against("the device is older than PCIe 1.1: the kernel refuses it ASPM");
        against(latency_words(links, link));
    }
    against(objection(link.lower, "l1_aspm"));
}

}  // namespace

std::vector<LinkFacts> read_links(const Host& host) {
    const auto devices = pci_devices(host);
    std::vector<LinkFacts> links;
    if (devices.empty()) return links;
    PciConfig config(host);
    for (const PciDevice& device : devices) {
        const PciDevice* above = find_device(devices, device.parent);
        // The link belongs to the first function of the device.
        if (!above || !device.address.ends_with(".0")) continue;
        LinkFacts link;
        link.lower = device;
        link.upper = *above;
        link.low = config.end_of(device.address);
        link.high = config.end_of(above->address);
        const std::string folder = "/sys/bus/pci/devices/" + device.address;
        const bool was_read = host.is_root() && kernel::exists(host, folder + "/config") &&
                              kernel::text(host, folder + "/power/runtime_status") != "suspended";
        if (!link.low && was_read) continue;  // a device of the older PCI has no link
        for (const std::string_view attribute : aspm::attributes)
            if (const auto value = kernel::read(host, attribute_file(device.address, attribute)))
                link.attributes.emplace_back(std::string(attribute), *value);
        links.push_back(std::move(link));
    }
    for (LinkFacts& link : links)
        judge(links, link);
    return links;
}

std::string disagreement(const LinkFacts& link) {
    if (!link.low || !link.high) return "";
    for (const auto& [name, value] : link.attributes) {
        if (name != "l1_aspm") continue;
        const bool said = value == "1";
        const bool low = link.low->enabled & l1_bit, high = link.high->enabled & l1_bit;
        if (said != low || said != high)
            return fmt::format(
                "the kernel says L1 is {}, the device's register says {}, the port's {}: "
                "somebody wrote registers behind the kernel",
                said ? "on" : "off", low ? "on" : "off", high ? "on" : "off");
    }
    return "";
}

}  // namespace lodge::aspm
