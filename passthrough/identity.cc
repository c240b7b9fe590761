#include "passthrough/identity.h"

#include <algorithm>

#include "engine/error.h"
#include "engine/host.h"
#include "engine/units.h"

namespace lodge {

std::string Identity::print() const {
    std::string text = fmt::format("{} {} {} {}", address, ids, subsystem, slot_path);
    if (consent == Consent::on_trial) text += fmt::format(" trial={}", trial_seconds);
    if (consent == Consent::kept) text += " kept";
    return text;
}

bool Identity::is_same(const Identity& other) const {
    return address == other.address && ids == other.ids && subsystem == other.subsystem &&
           slot_path == other.slot_path;
}

std::optional<Identity> Identity::parse(std::string_view line) {
    const auto words = split(trim(line), ' ');
    if (words.size() < 4 || words.size() > 5 || full_address(words[0]) != words[0])
        return std::nullopt;
    Identity identity{words[0], words[1], words[2], words[3]};
    if (words.size() == 4) return identity;
    if (words[4] == "kept") {
        identity.consent = Consent::kept;
        return identity;
    }
    if (!words[4].starts_with("trial=")) return std::nullopt;
    const auto seconds = parse_integer(std::string_view(words[4]).substr(6));
    if (!seconds || *seconds < 1 || *seconds > 86400) return std::nullopt;
    identity.consent = Consent::on_trial;
    identity.trial_seconds = static_cast<int>(*seconds);
    return identity;
}

Identity identity_of(const PciFunction& function) {
    return {function.address, function.ids(),
            fmt::format("{:04x}:{:04x}", function.subvendor, function.subdevice),
            function.slot_path};
}

std::string identity_path(const Host& host, int guest) {
    return fmt::format("{}/device/{}", host.config_folder(), guest);
}

std::optional<Identity> known_identity(const Host& host, int guest, const std::string& address) {
    for (const std::string& line : split(host.read(identity_path(host, guest)).value_or(""), '\n'))
        if (auto known = Identity::parse(line); known && known->address == address) return known;
    return std::nullopt;
}

namespace {

std::vector<Identity> identities(const Host& host, int guest) {
    std::vector<Identity> all;
    for (const std::string& line : split(host.read(identity_path(host, guest)).value_or(""), '\n'))
        if (auto known = Identity::parse(line)) all.push_back(std::move(*known));
    return all;
}

std::string print_all(const std::vector<Identity>& all) {
    std::string text;
    for (const Identity& one : all)
        text += one.print() + "\n";
    return text;
}

bool is_one_of(const std::vector<std::string>& addresses, const Identity& identity) {
    return std::find(addresses.begin(), addresses.end(), identity.address) != addresses.end();
}

}  // namespace

std::string identities_with(const Host& host, int guest,
                            const std::vector<const PciFunction*>& functions, int on_trial) {
    std::vector<Identity> all = identities(host, guest);
    for (const PciFunction* one : functions) {
        Identity now = identity_of(*one);
        const auto known = std::find_if(all.begin(), all.end(), [&](const Identity& other) {
            return other.address == now.address;
        });
        // What was agreed of another device that sat there does not hold for this one.
        if (known != all.end() && known->is_same(now)) {
            now.consent = known->consent;
            now.trial_seconds = known->trial_seconds;
        }
        if (on_trial > 0) {
            now.consent = Identity::Consent::on_trial;
            now.trial_seconds = on_trial;
        }
        if (known == all.end())
            all.push_back(std::move(now));
        else
            *known = std::move(now);
    }
    return print_all(all);
}

std::string identities_agreed(const Host& host, int guest,
                              const std::vector<std::string>& addresses,
                              Identity::Consent consent) {
    std::vector<Identity> all = identities(host, guest);
    for (Identity& one : all)
        if (is_one_of(addresses, one)) one.consent = consent;
    return print_all(all);
}

std::string identities_without(const Host& host, int guest,
                               const std::vector<std::string>& addresses) {
    std::vector<Identity> all = identities(host, guest);
    std::erase_if(all, [&](const Identity& one) { return is_one_of(addresses, one); });
    return print_all(all);
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
