#include "passthrough/identity.h"

#include <algorithm>

#include "engine/error.h"
#include "engine/host.h"
#include "engine/units.h"

namespace lodge {

std::string Identity::print() const {
    return fmt::format("{} {} {} {}{}", address, ids, subsystem, slot_path,
                       anyway ? " anyway" : "");
}

bool Identity::is_same(const Identity& other) const {
    return address == other.address && ids == other.ids && subsystem == other.subsystem &&
           slot_path == other.slot_path;
}

std::optional<Identity> Identity::parse(std::string_view line) {
    const auto words = split(trim(line), ' ');
    const bool anyway = words.size() == 5 && words[4] == "anyway";
    if (words.size() != (anyway ? 5 : 4) || full_address(words[0]) != words[0]) return std::nullopt;
    return Identity{words[0], words[1], words[2], words[3], anyway};
}

Identity identity_of(const PciFunction& function) {
    return {function.address, function.ids(),
            fmt::format("{:04x}:{:04x}", function.subvendor, function.subdevice),
            function.slot_path, false};
}

std::string identity_path(const Host& host, int guest) {
    return fmt::format("{}/device/{}", host.config_folder(), guest);
}

std::optional<Identity> known_identity(const Host& host, int guest, const std::string& address) {
    for (const std::string& line : split(host.read(identity_path(host, guest)).value_or(""), '\n'))
        if (auto known = Identity::parse(line); known && known->address == address) return known;
    return std::nullopt;
}

std::string identities_with(const Host& host, int guest,
                            const std::vector<const PciFunction*>& functions, bool anyway) {
    std::vector<Identity> all;
    for (const std::string& line : split(host.read(identity_path(host, guest)).value_or(""), '\n'))
        if (auto known = Identity::parse(line)) all.push_back(std::move(*known));
    for (const PciFunction* one : functions) {
        Identity now = identity_of(*one);
        now.anyway = anyway;
        const auto known = std::find_if(all.begin(), all.end(), [&](const Identity& other) {
            return other.address == now.address;
        });
        if (known == all.end()) {
            all.push_back(std::move(now));
            continue;
        }
        now.anyway = anyway || known->anyway;
        *known = std::move(now);
    }
    std::string text;
    for (const Identity& one : all)
        text += one.print() + "\n";
    return text;
}

std::string moved_words(const Inventory& inventory, const Identity& known) {
    for (const PciFunction& function : inventory.pci)
        if (function.ids() == known.ids && function.slot_path == known.slot_path)
            return fmt::format("it is at {} now: change the key to that address",
                               short_address(function.address));
    for (const PciFunction& function : inventory.pci)
        if (function.ids() == known.ids)
            return fmt::format(
                "one of its model is at {} now, in another slot: if it is that, "
                "change the key to that address",
                short_address(function.address));
    return "none of its model is in this machine now; take the key out of the configuration";
}

}  // namespace lodge
