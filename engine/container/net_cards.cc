#include <fmt/format.h>

#include <algorithm>

#include "engine/container/net.h"
#include "engine/network/mac.h"
#include "engine/units.h"

// What the configuration says of a container's cards, and which way each comes to a network.

namespace lodge {
namespace {

bool holds(const std::vector<std::string>& list, const std::string& one) {
    return std::find(list.begin(), list.end(), one) != list.end();
}

int number_of(std::string_view key) {
    return static_cast<int>(parse_integer(key.substr(3)).value_or(0));
}

// IFNAMSIZ leaves 15 bytes (linux/if.h): a long id drops letters of the usual name.
std::string port_name(int id, int number) {
    const std::string usual = fmt::format("veth{}i{}", id, number);
    return usual.size() <= 15 ? usual : fmt::format("v{}i{}", id, number);
}

std::vector<int> vlans_of(const std::string& text, std::vector<std::string>& warnings,
                          const std::string& key) {
    std::vector<int> vlans;
    for (const std::string& range : split(text, ';')) {
        if (range.empty()) continue;
        const auto ends = split(range, '-');
        const auto first = parse_integer(ends.front()), last = parse_integer(ends.back());
        if (ends.size() > 2 || !first || !last || *first < 1 || *last < *first || *last > 4094) {
            warnings.push_back(fmt::format("{}: trunks: '{}' is no list of VLANs such as 10;20-30",
                                           key, printable(text)));
            return {};
        }
        for (int64_t vlan = *first; vlan <= *last; ++vlan)
            vlans.push_back(static_cast<int>(vlan));
    }
    return vlans;
}

void take_user_way(CtCard& card, const CtNetFacts& facts, const Properties& net, bool first) {
    const auto warn = [&](std::string words) {
        card.warnings.push_back(card.key + ": " + std::move(words));
    };
    if (!first) return warn("not connected: a user-mode network has one card");
    if (facts.pasta.empty() && facts.slirp4netns.empty())
        return warn(
            "not connected: a container of an ordinary user reaches the network by pasta or "
            "slirp4netns, and neither is on this machine: apt install passt");
    card.way = CtCard::Way::user;
    if (net.has("bridge"))
        warn("user-mode network instead: only root can put a container on the bridge " +
             net.text("bridge"));
    for (const char* part : {"rate", "tag", "trunks"})
        if (net.has(part)) warn(fmt::format("{} has no meaning without a bridge", part));
}

void take_nat(CtCard& card, const CtNetFacts& facts, const std::string& named) {
    card.nat = true;
    card.network = holds(facts.nats, named) ? named : facts.nat;
    card.way = facts.can_bridge ? CtCard::Way::bridge : CtCard::Way::routed;
    if (card.tag != 0 || !card.trunks.empty())
        card.warnings.push_back(fmt::format("{}: VLANs have no meaning on {}, Lodge's own network",
                                            card.key, card.network));
    card.tag = 0;
    card.trunks.clear();
}

void take_root_way(CtCard& card, const CtNetFacts& facts, const Properties& net) {
    const std::string named = net.text("bridge");
    if (named.empty() || holds(facts.nats, named)) return take_nat(card, facts, named);
    if (!holds(facts.bridges, named)) {
        card.warnings.push_back(
            fmt::format("{}: Lodge's own network {} instead: this machine has no bridge {}",
                        card.key, facts.nat, named));
        return take_nat(card, facts, named);
    }
    card.way = CtCard::Way::bridge;
    card.network = named;
    if ((card.tag != 0 || !card.trunks.empty()) && !holds(facts.filtered, named))
        card.trouble = fmt::format(
            "{}: the bridge {} does not filter VLANs; turn it on with ip link set {} type bridge "
            "vlan_filtering 1",
            card.key, named, named);
}

// Who sets the addresses: the system inside, or liblxc before anything runs.
void take_addresses(CtCard& card, const CtNetFacts& facts, const Properties& net,
                    bool nobody_inside) {
    card.by_host =
        card.way == CtCard::Way::routed || net.flag("host-managed") || (card.nat && nobody_inside);
    if (!card.by_host) return;
    if (card.way == CtCard::Way::user) {
        card.by_host = false;
        return;
    }
    if (card.ip6 == "dhcp" || card.ip6 == "auto") {
        card.warnings.push_back(
            fmt::format("{}: ip6={} is left out: nobody inside asks for it", card.key, card.ip6));
        card.ip6 = "manual";
    }
    if (card.ip != "dhcp") return;
    if (!card.nat) {
        card.warnings.push_back(fmt::format(
            "{}: this machine asks no DHCP server for the container: say its address with ip=",
            card.key));
        card.ip = "manual";
        return;
    }
    const auto found = facts.assigned.find(card.key);
    if (found == facts.assigned.end()) return;
    card.ip = found->second.address;
    card.gw = found->second.gateway;
}

CtCard card_of(const Config& config, const CtNetFacts& facts, const std::string& key, bool first) {
    CtCard card;
    card.key = key;
    card.number = number_of(key);
    card.name = fmt::format("eth{}", card.number);
    card.port = port_name(facts.id, card.number);
    card.mac = ct_mac(config, facts.id, key);
    const auto parts = config.properties(key);
    if (!parts) return card;
    const Properties& net = *parts;
    if (net.has("name"))
        card.name = net.text("name");
    else
        card.warnings.push_back(fmt::format("{}: without a name: {}", key, card.name));
    card.ip = net.text("ip");
    card.ip6 = net.text("ip6");
    card.gw = net.text("gw");
    card.gw6 = net.text("gw6");
    card.link_down = net.flag("link_down");
    card.tag = static_cast<int>(net.integer("tag"));
    card.mtu = static_cast<int>(net.integer("mtu"));
    card.rate = net.number("rate");
    card.trunks = vlans_of(net.text("trunks"), card.warnings, key);
    if (facts.root)
        take_root_way(card, facts, net);
    else
        take_user_way(card, facts, net, first);
    if (card.way == CtCard::Way::user || card.way == CtCard::Way::none) card.rate = 0;
    // Where Lodge or its helper answers, an address comes without a word.
    if (!net.has("ip") && (card.nat || card.way == CtCard::Way::user)) card.ip = "dhcp";
    take_addresses(card, facts, net, config.string_of("ostype") == "unmanaged");
    if (net.flag("firewall"))
        card.warnings.push_back(key + ": firewall=1 is kept, but nothing is filtered");
    return card;
}

}  // namespace

std::vector<CtCard> ct_cards(const Config& config, const CtNetFacts& facts) {
    std::vector<CtCard> cards;
    for (const std::string& key : config.indexed("net"))
        cards.push_back(card_of(config, facts, key, cards.empty()));
    return cards;
}

std::string ct_mac(const Config& config, int id, std::string_view key) {
    const auto net = config.properties(key);
    if (net && net->has("hwaddr")) return net->text("hwaddr");
    return derived_mac(id, number_of(key));
}

}  // namespace lodge
