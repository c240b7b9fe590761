#include "passthrough/gpu.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "engine/fd.h"
#include "engine/host.h"
#include "engine/units.h"

namespace lodge {
namespace {

constexpr uint16_t kNvidia = 0x10de;
constexpr off_t kAsls = 0xfc;  // drivers/vfio/pci/vfio_pci_igd.c, OPREGION_PCI_ADDR

bool is_card(const PciFunction& function) {
    return function.base_class() == 0x03;
}

bool same_device(const PciFunction& one, const PciFunction& other) {
    return one.address.substr(0, 10) == other.address.substr(0, 10);
}

bool belongs_to(const PciFunction& card, const PciFunction& other) {
    if (!same_device(card, other) || other.is_bridge || other.is_virtual()) return false;
    // What sits on the root bus beside the processor's graphics is not of the same device.
    if (card.parent.empty() && card.vendor == 0x8086) return false;
    return other.base_class() == 0x04 || card.vendor == kNvidia;
}

std::string render_node(const Host& host, const PciFunction& function) {
    for (const std::string& name : host.list(host.system(function.folder + "/drm")))
        if (name.starts_with("renderD")) return "/dev/dri/" + name;
    return "";
}

}  // namespace

std::vector<const PciFunction*> with_card_set(const Inventory& inventory,
                                              std::vector<const PciFunction*> functions) {
    const std::vector<const PciFunction*> named = functions;
    for (const PciFunction* card : named) {
        if (!is_card(*card) || card->is_virtual()) continue;
        for (const PciFunction& other : inventory.pci)
            if (belongs_to(*card, other) &&
                std::find(functions.begin(), functions.end(), &other) == functions.end())
                functions.push_back(&other);
    }
    std::sort(functions.begin(), functions.end(),
              [](const PciFunction* a, const PciFunction* b) { return a->address < b->address; });
    return functions;
}

void warn_of_sharing(const Host& host, const std::vector<const PciFunction*>& functions,
                     Plan& plan) {
    for (const PciFunction* one : functions) {
        if (!is_card(*one)) continue;
        if (const std::string node = render_node(host, *one); !node.empty())
            plan.warn(
                fmt::format("for video and computing a container shares the card without "
                            "taking it from this machine: lodge set CONTAINER dev0={}",
                            node));
        if (one->vfs_possible > 0 && !one->is_virtual())
            plan.warn(
                fmt::format("it can be {} too, one for each guest, and this machine keeps its "
                            "screen",
                            counted(one->vfs_possible, "virtual function")));
    }
}

bool has_opregion(const Host& host, const PciFunction& function) {
    if (function.vendor != 0x8086 || !is_card(function) || !function.parent.empty()) return false;
    const Fd fd(::open(host.system(function.folder + "/config").c_str(), O_RDONLY | O_CLOEXEC));
    std::array<unsigned char, 4> raw{};
    if (!fd || ::pread(fd.get(), raw.data(), raw.size(), kAsls) != static_cast<ssize_t>(raw.size()))
        return false;
    const uint32_t where =
        raw[0] | raw[1] << 8 | raw[2] << 16 | static_cast<uint32_t>(raw[3]) << 24;
    return where != 0 && where != 0xffffffff;
}

}  // namespace lodge
