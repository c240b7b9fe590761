#include <fmt/format.h>

#include <algorithm>

#include "engine/container/net.h"
#include "engine/container/net_script.h"

// liblxc's configuration of the cards: lxc.container.conf(5), "NETWORK".

namespace lodge {
namespace {

void add_addresses(std::vector<std::string>& lines, const std::string& card, const char* family,
                   const std::string& address, const std::string& gateway) {
    if (address.find('/') == std::string::npos) return;  // "dhcp", "auto", "manual"
    lines.push_back(fmt::format("{}.{}.address = {}", card, family, address));
    if (!gateway.empty()) lines.push_back(fmt::format("{}.{}.gateway = {}", card, family, gateway));
}

void add_veth(std::vector<std::string>& lines, const CtCard& card, const CtNetFacts& facts) {
    const std::string net = fmt::format("lxc.net.{}", card.number);
    const auto add = [&](std::string_view key, std::string_view value) {
        lines.push_back(fmt::format("{}.{} = {}", net, key, value));
    };
    add("type", "veth");
    if (card.way == CtCard::Way::routed)
        add("veth.mode", "router");
    else
        add("link", card.network);
    add("veth.pair", card.port);
    add("hwaddr", card.mac);
    add("name", card.name);
    if (card.mtu > 0) add("mtu", std::to_string(card.mtu));
    if (card.tag > 0) add("veth.vlan.id", std::to_string(card.tag));
    for (const int vlan : card.trunks)
        if (vlan != card.tag) add("veth.vlan.tagged.id", std::to_string(vlan));
    if (!card.link_down) add("flags", "up");
    if (card.by_host) {
        add_addresses(lines, net, "ipv4", card.ip, card.gw);
        add_addresses(lines, net, "ipv6", card.ip6, card.gw6);
    }
    if (!card_script(card).empty()) add("script.up", card_script_path(card, facts));
}

}  // namespace

std::vector<std::string> ct_net_lines(const Config& config, const CtNetFacts& facts) {
    std::vector<std::string> lines;
    bool user = false;
    for (const CtCard& card : ct_cards(config, facts)) {
        if (card.way == CtCard::Way::bridge || card.way == CtCard::Way::routed)
            add_veth(lines, card, facts);
        user |= card.way == CtCard::Way::user;
    }
    // Without any card liblxc would share this machine's own network.
    if (lines.empty()) lines.emplace_back("lxc.net.0.type = empty");
    if (user)
        for (const char* hook : {"start-host", "post-stop"})
            lines.push_back(fmt::format("lxc.hook.{} = {}", hook, user_script_path(facts)));
    return lines;
}

}  // namespace lodge
