#include <array>

#include "engine/vm/argv_parts.h"

// Devices of this machine that the guest gets whole, by vfio-pci.
namespace lodge::argv {
namespace {

struct Disguise {
    std::string_view part, property;
};
constexpr std::array kDisguises = {
    Disguise{"vendor-id", "x-pci-vendor-id"},
    Disguise{"device-id", "x-pci-device-id"},
    Disguise{"sub-vendor-id", "x-pci-sub-vendor-id"},
    Disguise{"sub-device-id", "x-pci-sub-device-id"},
};

int number_of(std::string_view key) {
    return stem_and_number(key).second;
}

// Intel graphics as the firmware finds them: at 00:02.0 of an i440fx board without another screen
// (QEMU: docs/igd-assign.txt).
bool is_legacy(Builder& builder, const std::string& key, const Properties& wish) {
    if (!wish.flag("legacy-igd")) return false;
    if (!builder.q35) return true;
    builder.warn("{}: legacy-igd works with the machine pc only: it is passed the usual way", key);
    return false;
}

Place place_for(Builder& builder, const std::string& key, const Properties& wish, bool legacy) {
    if (legacy) return {"pci.0", "0x2"};
    if (builder.q35 && wish.flag("pcie")) return place_of(key, true);
    if (builder.q35)
        return {std::string(conventional_bus), fmt::format("0x{:x}", number_of(key) + 1)};
    if (wish.flag("pcie"))
        builder.warn("{}: pcie works with the machine q35 only: the guest sees a PCI device", key);
    return place_of(key, false);
}

void add_details(Builder& builder, const std::string& key, const Properties& wish,
                 const MachineFacts::Passed& passed, Json& device) {
    if (wish.flag("x-vga")) device["x-vga"] = true;
    if (!wish.flag("rombar")) device["rombar"] = 0;
    if (!passed.romfile.empty()) device["romfile"] = passed.romfile;
    for (const Disguise& one : kDisguises)
        if (wish.has(one.part))
            device[std::string(one.property)] = std::stoi(wish.text(one.part), nullptr, 16);
    if (const int place = builder.boot_index(key); place > 0) device["bootindex"] = place;
}

void add_one(Builder& builder, const std::string& key, const Properties& wish,
             const MachineFacts::Passed& passed) {
    builder.begin(key);
    const bool legacy = is_legacy(builder, key, wish);
    Place place = place_for(builder, key, wish, legacy);
    if (!passed.mediated.empty()) {
        Json device = {{"driver", "vfio-pci"}, {"id", key}, {"sysfsdev", passed.mediated}};
        add_details(builder, key, wish, passed, device);
        return builder.pci_device_at(place, std::move(device));
    }
    const std::string slot = place.addr == "0x0" ? "0x0" : place.addr;
    const bool several = passed.functions.size() > 1;
    for (size_t i = 0; i < passed.functions.size(); ++i) {
        Json device = {{"driver", "vfio-pci"},
                       {"id", several ? fmt::format("{}.{}", key, i) : key},
                       {"host", passed.functions[i]}};
        place.addr = several ? fmt::format("{}.{}", slot, i) : slot;
        if (i == 0) {
            if (several) device["multifunction"] = true;
            add_details(builder, key, wish, passed, device);
        } else if (!wish.flag("rombar")) {
            device["rombar"] = 0;
        }
        builder.pci_device_at(place, std::move(device));
    }
}

}  // namespace

bool has_passed_screen(const Builder& builder) {
    for (const std::string& key : builder.config.indexed("hostpci")) {
        if (builder.facts.passed.count(key) == 0) continue;
        const auto wish = builder.config.properties(key);
        if (wish && (wish->flag("x-vga") || (wish->flag("legacy-igd") && !builder.q35)))
            return true;
    }
    return false;
}

void add_passed(Builder& builder) {
    for (const std::string& key : builder.config.indexed("hostpci")) {
        const auto wish = builder.config.properties(key);
        if (!wish) continue;
        const auto passed = builder.facts.passed.find(key);
        const auto problem = builder.facts.passed_problems.find(key);
        if (passed != builder.facts.passed.end())
            add_one(builder, key, *wish, passed->second);
        else if (problem != builder.facts.passed_problems.end())
            builder.warn("{}: {}", key, problem->second);
        else
            builder.warn("{}: the device stays with this machine: nothing here hands it over", key);
    }
}

}  // namespace lodge::argv
