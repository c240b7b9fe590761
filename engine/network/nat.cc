#include "engine/network/nat.h"

#include <strings.h>

#include <algorithm>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/network/links.h"
#include "engine/network/nat_parts.h"
#include "engine/network/port.h"
#include "engine/units.h"

namespace lodge {

namespace nat {

std::string state_path(const Host& host, const std::string& name) {
    return host.state_folder() + "/network/" + name;
}

std::string run_folder(const Host& host, const std::string& name) {
    return host.run_folder() + "/network/" + name;
}

std::string mark(const Host& host) {
    return "Lodge's network, kept in " + host.run_folder();
}

std::vector<int> users(const Host& host, const std::string& name) {
    std::vector<int> guests;
    for (const std::string& user : host.list(run_folder(host, name) + "/users"))
        if (const auto id = parse_integer(user)) guests.push_back(static_cast<int>(*id));
    std::sort(guests.begin(), guests.end());
    return guests;
}

std::vector<int> guests_there(const Host& host, const std::string& name) {
    const std::string net = host.system("/sys/class/net");
    const bool bridged = host.exists(net + "/" + name + "/brif");
    const std::vector<int> joined = users(host, name);
    std::vector<int> guests;
    for (const std::string& port : host.list(bridged ? net + "/" + name + "/brif" : net)) {
        const auto owner = guest_port(port);
        if (!owner ||
            (!bridged && std::find(joined.begin(), joined.end(), owner->guest) == joined.end()))
            continue;
        if (std::find(guests.begin(), guests.end(), owner->guest) == guests.end())
            guests.push_back(owner->guest);
    }
    return guests;
}

}  // namespace nat

bool is_nat_name(std::string_view name) {
    if (!name.starts_with("lodge") || name.size() < 6 || name.size() > 7) return false;
    const auto number = parse_integer(name.substr(5));
    return number && *number >= 0 && std::to_string(*number) == name.substr(5);
}

bool is_foreign_link(const Host& host, const std::string& name) {
    const std::string folder = host.system("/sys/class/net/" + name);
    if (!host.exists(folder)) return false;
    const std::string alias = host.read_line(folder + "/ifalias");
    // Without one: ours when its maker was killed before the name was written.
    return alias.empty() ? host.read_line(folder + "/address") != bridge_mac(name)
                         : alias != nat::mark(host);
}

std::string default_nat(const Host& host) {
    for (int number = 0; number < 100; ++number) {
        std::string name = fmt::format("lodge{}", number);
        if (!is_foreign_link(host, name)) return name;
    }
    return "lodge0";
}

NatNetwork parse_nat(const std::string& name, std::string_view text) {
    NatNetwork network;
    network.name = name;
    for (const std::string& line : split(text, '\n')) {
        const auto words = split(trim(line), ' ');
        if (words.size() == 2 && words[0] == "range") {
            const auto range = Ipv4Range::parse(words[1]);
            if (range && range->prefix == 24) network.range = *range;
        } else if (words.size() == 4 && words[0] == "kept" && Ipv4Range::parse(words[1])) {
            const auto guest = parse_integer(words[2]);
            if (guest && *guest > 0 && *guest <= 999999999)
                network.kept.push_back({words[1], static_cast<int>(*guest), words[3]});
        }
    }
    // Addresses of a range it had once are of no use.
    std::erase_if(network.kept, [&](const NatNetwork::Kept& kept) {
        return !Ipv4Range::parse(kept.ip)->overlaps(network.range);
    });
    return network;
}

std::string print_nat(const NatNetwork& network) {
    std::string text = "# Lodge's own network: its addresses, and those kept for guests.\nrange " +
                       network.range.print() + "\n";
    for (const NatNetwork::Kept& kept : network.kept)
        text += fmt::format("kept {} {} {}\n", kept.ip, kept.guest, kept.key);
    return text;
}

NatNetwork nat_network(const Host& host, const std::string& name) {
    NatNetwork network = parse_nat(name, host.read(nat::state_path(host, name)).value_or(""));
    const bool known = network.range.prefix == 24;
    if (known && host.exists(host.system("/sys/class/net/" + name))) return network;
    auto taken = routed_ranges(name);
    for (const std::string& other : host.list(host.state_folder() + "/network"))
        if (other != name && is_nat_name(other))
            taken.push_back(
                parse_nat(other, host.read(nat::state_path(host, other)).value_or("")).range);
    const bool collides = std::any_of(taken.begin(), taken.end(), [&](const Ipv4Range& one) {
        return one.prefix >= 4 && one.overlaps(network.range);
    });
    if (known && (!collides || !nat::guests_there(host, name).empty())) return network;
    network.range = free_range(taken);
    network.kept.clear();
    return network;
}

std::string kept_address(Engine& engine, NatNetwork& network, int guest, const std::string& key) {
    for (const NatNetwork::Kept& kept : network.kept)
        if (kept.guest == guest && kept.key == key) return kept.ip;
    std::erase_if(network.kept, [&](const NatNetwork::Kept& kept) {
        return std::none_of(engine.kinds.begin(), engine.kinds.end(), [&](const GuestKind* kind) {
            return engine.host.exists(engine.store.path(kind->folder(), kept.guest));
        });
    });
    for (uint32_t number = 2; number < 50; ++number) {
        const std::string ip = network.range.address(number);
        const bool taken = std::any_of(network.kept.begin(), network.kept.end(),
                                       [&](const NatNetwork::Kept& kept) { return kept.ip == ip; });
        if (taken) continue;
        network.kept.push_back({ip, guest, key});
        return ip;
    }
    fail(Exit::missing, "no address is left on {}: 48 are kept for guests", network.name);
}

std::vector<NatLook> look_at_nats(const Host& host) {
    std::vector<NatLook> all;
    for (const std::string& name : host.list(host.state_folder() + "/network")) {
        if (!is_nat_name(name)) continue;
        NatLook look;
        look.network = parse_nat(name, host.read(nat::state_path(host, name)).value_or(""));
        const auto there = nat::guests_there(host, name);
        look.up =
            (host.exists(host.system("/sys/class/net/" + name)) && !is_foreign_link(host, name)) ||
            !there.empty();
        look.dhcp = nat::dnsmasq_runs(host, name);
        if (look.up)
            look.leases =
                parse_leases(host.read(nat::run_folder(host, name) + "/leases").value_or(""));
        look.users = nat::users(host, name);
        all.push_back(std::move(look));
    }
    return all;
}

std::vector<std::string> leased_addresses(const Host& host, const std::vector<std::string>& macs) {
    std::vector<std::string> addresses;
    if (macs.empty()) return addresses;
    for (const std::string& name : host.list(host.run_folder() + "/network")) {
        const auto text = host.read(nat::run_folder(host, name) + "/leases");
        if (!text) continue;
        for (const Lease& lease : parse_leases(*text))
            for (const std::string& mac : macs)
                if (::strcasecmp(mac.c_str(), lease.mac.c_str()) == 0)
                    addresses.push_back(lease.ip);
    }
    return addresses;
}

}  // namespace lodge
