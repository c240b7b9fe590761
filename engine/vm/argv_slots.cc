#include <algorithm>
#include <array>

#include "engine/vm/argv_parts.h"

// Every device has one PCI address for good, whatever else the configuration gains or loses:
// Windows knows a disk or card by its address and asks for drivers again when it moves, and Linux
// names cards after it.
//
// Both boards: slots 2…13 of the first bus hold what there is once (kFixed).
//
// i440fx (bus pci.0; 0 and 1 are the board's own):
//   0x10…0x17  net0…net7           0x18…0x1b  virtio0…virtio3
//   0x1c pci.1: net8…net31 in slots 1…24
//   0x1d pci.2: virtio4…virtio15 in slots 1…12, virtiofs0…virtiofs9 in slots 16…25
//   0x1e pci.3: one controller a disk of virtio-scsi-single, scsi0…scsi30 in slots 1…31
//   0x1f pci.4: hostpci0…hostpci15 in slots 1…16
// A bridge is there when something is on it; pci.3 always with virtio-scsi-single.
//
// q35 (bus pcie.0; 0 and 0x1f are the board's own): a device that can be plugged in while the guest
// runs sits in a root port of its own, function n % 8 of slot base + n / 8:
//   0x10…0x13 net   0x14, 0x15 virtio   0x16…0x19 scsi controllers of virtio-scsi-single
//   0x1a, 0x1b hostpci with pcie=1   0x1c, 0x1d virtiofs
//   0x1e pci.hostpci: hostpci0…hostpci15 without pcie=1 in slots 1…16
// A port is there when something is in it, and also when its number is below four (net, virtio,
// scsi), so that up to four of each can be plugged in. Function 0 is there when another function of
// its slot is: without it a guest does not look at the others.
namespace lodge::argv {
namespace {

struct Fixed {
    std::string_view key;
    std::string_view addr;
};
constexpr std::array kFixed = {
    Fixed{"vga", "0x2"},       Fixed{"balloon", "0x3"},   Fixed{"agent", "0x4"},
    Fixed{"rng0", "0x5"},      Fixed{"watchdog", "0x6"},  Fixed{"audio0", "0x7"},
    Fixed{"scsihw0", "0x8"},   Fixed{"scsihw1", "0x8.1"}, Fixed{"scsihw2", "0x8.2"},
    Fixed{"scsihw3", "0x8.3"}, Fixed{"scsihw4", "0x8.4"}, Fixed{"ahci0", "0x9"},
    Fixed{"xhci", "0xa"},      Fixed{"uhci", "0xb"},      Fixed{"ivshmem", "0xc"},
    Fixed{"viommu", "0xd"},    Fixed{"ehci", "0xe"},
};

struct Group {
    std::string_view stem;
    int base;     // first slot on pcie.0
    int waiting;  // ports below this number are always there
};
constexpr std::array kGroups = {
    Group{"net", 0x10, 4},     Group{"virtio", 0x14, 4},   Group{"scsi", 0x16, 0},
    Group{"hostpci", 0x1a, 0}, Group{"virtiofs", 0x1c, 0},
};

struct Bridge {
    std::string_view bus;
    int slot;
};
constexpr std::array kBridges = {Bridge{"pci.1", 0x1c}, Bridge{"pci.2", 0x1d},
                                 Bridge{"pci.3", 0x1e}, Bridge{"pci.4", 0x1f}};

std::string hex(int number) {
    return fmt::format("0x{:x}", number);
}

Place i440fx_place(const std::string& stem, int number) {
    if (stem == "net")
        return number < 8 ? Place{"pci.0", hex(0x10 + number)} : Place{"pci.1", hex(number - 7)};
    if (stem == "virtio")
        return number < 4 ? Place{"pci.0", hex(0x18 + number)} : Place{"pci.2", hex(number - 3)};
    if (stem == "virtiofs") return {"pci.2", hex(16 + number)};
    if (stem == "scsi") return {"pci.3", hex(number + 1)};
    return {"pci.4", hex(number + 1)};
}

std::string port_name(std::string_view stem, int number) {
    return fmt::format("port-{}{}", stem, number);
}

// Ports of one group; `used` are buses that devices are on.
void add_ports_of(const Group& group, const std::set<std::string>& used, int waiting,
                  std::vector<Entry>& entries) {
    std::set<int> numbers;
    for (int number = 0; number < 32; ++number)
        if (number < waiting || used.count(port_name(group.stem, number)) != 0)
            numbers.insert(number);
    for (const int number : std::set<int>(numbers))
        numbers.insert(number / 8 * 8);
    for (const int number : numbers) {
        const int slot = group.base + number / 8;
        Json port = {{"driver", "pcie-root-port"},
                     {"id", port_name(group.stem, number)},
                     {"bus", "pcie.0"},
                     {"addr", fmt::format("0x{:x}.{}", slot, number % 8)}};
        if (number % 8 == 0) port["multifunction"] = true;
        port["chassis"] = (slot - 0x10) * 8 + number % 8 + 1;
        entries.push_back({"", "-device", std::move(port), {}});
    }
}

}  // namespace

Place place_of(std::string_view key, bool q35) {
    for (const Fixed& fixed : kFixed)
        if (fixed.key == key) return {q35 ? "pcie.0" : "pci.0", std::string(fixed.addr)};
    const auto [stem, number] = stem_and_number(key);
    for (const Group& group : kGroups) {
        if (group.stem != stem) continue;
        return q35 ? Place{port_name(stem, number), "0x0"} : i440fx_place(stem, number);
    }
    fail(Exit::failed, "no PCI slot is kept for {}", key);
}

std::vector<Entry> bridge_entries(const std::set<std::string>& used, const Config& config,
                                  bool q35) {
    std::vector<Entry> entries;
    const bool single = config.string_of("scsihw") == "virtio-scsi-single";
    if (q35) {
        for (const Group& group : kGroups)
            add_ports_of(group, used, group.stem == "scsi" && single ? 4 : group.waiting, entries);
        if (used.count(std::string(conventional_bus)) != 0)
            entries.push_back({"",
                               "-device",
                               {{"driver", "pcie-pci-bridge"},
                                {"id", std::string(conventional_bus)},
                                {"bus", "pcie.0"},
                                {"addr", "0x1e"}},
                               {}});
        return entries;
    }
    for (const Bridge& bridge : kBridges) {
        if (used.count(std::string(bridge.bus)) == 0 && !(bridge.bus == "pci.3" && single))
            continue;
        entries.push_back({"",
                           "-device",
                           {{"driver", "pci-bridge"},
                            {"id", std::string(bridge.bus)},
                            {"bus", "pci.0"},
                            {"addr", hex(bridge.slot)},
                            {"chassis_nr", bridge.slot - 0x1b}},
                           {}});
    }
    return entries;
}

}  // namespace lodge::argv
