#include <array>

#include "passthrough/findings.h"

// What others have met with devices that are in mini PCs.

namespace lodge {
namespace {

constexpr std::string_view kApu =
    "graphics inside an AMD processor: hand over all functions of the device together; a second "
    "start without a reboot of this machine may fail, as it is not reset fully";
constexpr std::string_view kApuSource =
    "github.com/gnif/vendor-reset/issues/82, github.com/isc30/ryzen-gpu-passthrough-proxmox/issues";
constexpr std::string_view kMeteor =
    "graphics of Meteor Lake and newer need QEMU 10.1 in place of this machine's 7.2 to be handed "
    "over whole";
constexpr std::string_view kMeteorSource = "qemu.org, docs/igd-assign.txt of version 10.1";

constexpr std::array kQuirks = {
    Quirk{0x1022, 0x7901, 0,
          "the kernel does not use its function reset, which hangs it: after a crash of the guest "
          "it may stay stuck in D3 until a reboot",
          "linux: drivers/pci/quirks.c, quirk_no_flr"},
    Quirk{
        0x1b21, 0x1164, 0,
        "the kernel does not use its bus reset, after which it does not come back: it is not reset "
        "between guests",
        "linux: drivers/pci/quirks.c, quirk_no_bus_reset"},
    Quirk{0x1002, 0x15d8, 0, kApu, kApuSource},  // Picasso
    Quirk{0x1002, 0x1636, 0, kApu, kApuSource},  // Renoir
    Quirk{0x1002, 0x1638, 0, kApu, kApuSource},  // Cezanne
    Quirk{0x1002, 0x164e, 0, kApu, kApuSource},  // Raphael
    Quirk{0x1002, 0x1681, 0, kApu, kApuSource},  // Rembrandt
    Quirk{0x1002, 0x15bf, 0, kApu, kApuSource},  // Phoenix
    Quirk{0x8086, 0x7d55, 0, kMeteor, kMeteorSource},
    Quirk{0x8086, 0x7d45, 0, kMeteor, kMeteorSource},
    Quirk{0x8086, 0x7dd5, 0, kMeteor, kMeteorSource},
    Quirk{0x8086, 0, 0x0300,
          "Intel graphics in a guest show a picture at its start only with machine: pc and "
          "legacy-igd=1; sharing the card with containers needs none of this",
          "qemu.org, docs/igd-assign.txt"},
};

}  // namespace

std::vector<const Quirk*> quirks_of(const PciFunction& function) {
    std::vector<const Quirk*> found;
    for (const Quirk& quirk : kQuirks)
        if (quirk.vendor == function.vendor &&
            (quirk.device == 0 || quirk.device == function.device) &&
            (quirk.sub_class == 0 || quirk.sub_class == function.sub_class()))
            found.push_back(&quirk);
    return found;
}

}  // namespace lodge
