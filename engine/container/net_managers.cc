#include "engine/container/net_managers.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/units.h"

// How each program that sets up network cards wants to be told: interfaces(5), netplan(5),
// systemd.network(5), nm-settings-keyfile(5), and sysconfig.txt of initscripts for ifcfg.

namespace lodge {
namespace {

constexpr std::string_view made =
    "# Made by Lodge from the container's configuration at each start. To keep your own instead,\n"
    "# make an empty file .pve-ignore.<this file's name> beside it.\n";

// Address is "192.0.2.10/24" taken apart; empty for "dhcp", "auto" and "manual".
struct Address {
    std::string ip;
    int prefix = 0;
    std::string gateway;
    bool on_link = false;  // the gateway lies outside the network of the address
    explicit operator bool() const { return !ip.empty(); }
    std::string with_prefix() const { return fmt::format("{}/{}", ip, prefix); }
};

bool same_network(const std::string& one, const std::string& other, int prefix) {
    const int family = one.find(':') == std::string::npos ? AF_INET : AF_INET6;
    std::array<unsigned char, 16> a{}, b{};
    if (::inet_pton(family, one.c_str(), a.data()) != 1) return true;
    if (::inet_pton(family, other.c_str(), b.data()) != 1) return true;
    for (int bit = 0; bit < prefix; ++bit) {
        const size_t byte = static_cast<size_t>(bit) / 8;
        if (((a.at(byte) ^ b.at(byte)) >> (7 - bit % 8) & 1) != 0) return false;
    }
    return true;
}

Address address_of(const std::string& text, const std::string& gateway) {
    Address address;
    const size_t slash = text.find('/');
    if (slash == std::string::npos) return address;
    address.prefix = static_cast<int>(parse_integer(text.substr(slash + 1)).value_or(-1));
    if (address.prefix < 0 || address.prefix > 128) return address;
    address.ip = text.substr(0, slash);
    address.gateway = gateway;
    address.on_link = !gateway.empty() && !gateway.starts_with("fe80:") &&
                      !same_network(address.ip, gateway, address.prefix);
    return address;
}

std::string netmask(int prefix) {
    const uint32_t mask = prefix <= 0 ? 0 : ~uint32_t{0} << (32 - std::min(prefix, 32));
    return fmt::format("{}.{}.{}.{}", mask >> 24, mask >> 16 & 255, mask >> 8 & 255, mask & 255);
}

CtFile whole(std::string path, std::string content, mode_t mode = 0644) {
    return {std::move(path), CtFile::Kind::whole, std::string(made) + content, mode, false, {}};
}

// ---- ifupdown: Debian, Devuan, Alpine

std::string routes_beyond(const std::string& card, const Address& address) {
    const std::string six = address.ip.find(':') == std::string::npos ? "" : "-6 ";
    return fmt::format(
        "\tpost-up ip {0}route add {1} dev {2}\n\tpost-up ip {0}route add default via {1} dev {2}\n"
        "\tpre-down ip {0}route del default via {1} dev {2}\n"
        "\tpre-down ip {0}route del {1} dev {2}\n",
        six, address.gateway, card);
}

std::string stanza(const CtCard& card, bool six, bool alpine) {
    const std::string& said = six ? card.ip6 : card.ip;
    const Address address = address_of(said, six ? card.gw6 : card.gw);
    const char* family = six ? "inet6" : "inet";
    if (card.by_host || (!address && said != "dhcp" && said != "auto"))
        return fmt::format("iface {} {} manual\n", card.name, family);
    if (!address) {
        std::string text = fmt::format("iface {} {} {}\n", card.name, family, said);
        if (alpine && said == "dhcp") text += "\thostname $(hostname)\n";
        return text;
    }
    std::string text =
        fmt::format("iface {} {} static\n\taddress {}\n\tnetmask {}\n", card.name, family,
                    address.ip, six ? std::to_string(address.prefix) : netmask(address.prefix));
    if (address.on_link)
        text += routes_beyond(card.name, address);
    else if (!address.gateway.empty())
        text += fmt::format("\tgateway {}\n", address.gateway);
    return text;
}

std::vector<CtFile> ifupdown_files(const std::vector<CtCard>& cards, bool alpine) {
    CtFile file{.path = "/etc/network/interfaces",
                .kind = CtFile::Kind::interfaces,
                .content = {},
                .cards = {}};
    for (const CtCard& card : cards) {
        file.cards.push_back(card.name);
        if (!file.content.empty()) file.content += "\n";
        file.content += "auto " + card.name + "\n" + stanza(card, false, alpine);
        // A card that has IPv6 nowhere is not to be set up for it.
        if (card.ip6 != "manual" || card.by_host) file.content += stanza(card, true, alpine);
    }
    return {file};
}

// ---- systemd-networkd

std::string networkd_route(const Address& address) {
    if (address.gateway.empty()) return "";
    if (!address.on_link) return "";
    return fmt::format("\n[Route]\nGateway={}\nGatewayOnLink=yes\n", address.gateway);
}

std::vector<CtFile> networkd_files(const std::vector<CtCard>& cards, const CtNames& names) {
    std::vector<CtFile> files;
    for (const CtCard& card : cards) {
        const Address four = address_of(card.ip, card.gw), six = address_of(card.ip6, card.gw6);
        const bool dhcp4 = card.ip == "dhcp", dhcp6 = card.ip6 == "dhcp";
        std::string text = fmt::format("\n[Match]\nName={}\n\n[Network]\n", card.name);
        text += fmt::format("DHCP={}\n", dhcp4 ? dhcp6 ? "yes" : "ipv4" : dhcp6 ? "ipv6" : "no");
        text += fmt::format("IPv6AcceptRA={}\n", card.ip6 == "auto" || dhcp6 ? "yes" : "no");
        for (const Address* address : {&four, &six}) {
            if (!*address) continue;
            text += "Address=" + address->with_prefix() + "\n";
            if (!address->gateway.empty() && !address->on_link)
                text += "Gateway=" + address->gateway + "\n";
        }
        for (const std::string& server : names.servers)
            text += "DNS=" + server + "\n";
        if (!names.search.empty()) text += "Domains=" + join(names.search, " ") + "\n";
        text += networkd_route(four) + networkd_route(six);
        files.push_back(whole("/etc/systemd/network/" + card.name + ".network", text));
    }
    return files;
}

// ---- netplan: Ubuntu

std::string yaml_list(const std::vector<std::string>& list) {
    std::vector<std::string> quoted;
    for (const std::string& one : list)
        quoted.push_back("\"" + one + "\"");
    return "[" + join(quoted, ", ") + "]";
}

std::vector<CtFile> netplan_files(const std::vector<CtCard>& cards, const CtNames& names) {
    std::string text = "network:\n  version: 2\n  ethernets:\n";
    for (const CtCard& card : cards) {
        const Address four = address_of(card.ip, card.gw), six = address_of(card.ip6, card.gw6);
        text += fmt::format("    \"{}\":\n      dhcp4: {}\n      dhcp6: {}\n      accept-ra: {}\n",
                            card.name, card.ip == "dhcp", card.ip6 == "dhcp",
                            card.ip6 == "auto" || card.ip6 == "dhcp");
        std::vector<std::string> addresses;
        std::string routes;
        for (const Address* address : {&four, &six}) {
            if (!*address) continue;
            addresses.push_back(address->with_prefix());
            if (address->gateway.empty()) continue;
            routes += fmt::format("        - to: \"{}\"\n          via: \"{}\"\n{}",
                                  address == &four ? "0.0.0.0/0" : "::/0", address->gateway,
                                  address->on_link ? "          on-link: true\n" : "");
        }
        if (!addresses.empty()) text += "      addresses: " + yaml_list(addresses) + "\n";
        if (!routes.empty()) text += "      routes:\n" + routes;
        if (names.servers.empty() && names.search.empty()) continue;
        text += "      nameservers:\n";
        if (!names.servers.empty()) text += "        addresses: " + yaml_list(names.servers) + "\n";
        if (!names.search.empty()) text += "        search: " + yaml_list(names.search) + "\n";
    }
    // netplan warns of files that others can read.
    return {whole("/etc/netplan/90-lodge.yaml", text, 0600)};
}

// ---- NetworkManager

std::string keyfile_part(const Address& address, const std::string& said,
                         const std::vector<std::string>& servers, const CtNames& names, bool six) {
    std::string text = six ? "\n[ipv6]\n" : "\n[ipv4]\n";
    if (address) {
        text += "method=manual\naddress1=" + address.with_prefix();
        if (!address.gateway.empty()) text += "," + address.gateway;
        text += "\n";
    } else if (said == "dhcp") {
        text += six ? "method=dhcp\n" : "method=auto\n";
    } else if (said == "auto") {
        text += "method=auto\n";
    } else {
        return text + (six ? "method=link-local\n" : "method=disabled\n");
    }
    if (!servers.empty()) text += "dns=" + join(servers, ";") + ";\n";
    if (!names.search.empty()) text += "dns-search=" + join(names.search, ";") + ";\n";
    return text;
}

std::vector<CtFile> networkmanager_files(const std::vector<CtCard>& cards, const CtNames& names) {
    std::vector<std::string> four, six;
    for (const std::string& server : names.servers)
        (server.find(':') == std::string::npos ? four : six).push_back(server);
    std::vector<CtFile> files;
    for (const CtCard& card : cards) {
        const std::string text =
            fmt::format(
                "\n[connection]\nid={0}\ntype=ethernet\ninterface-name={0}\n"
                "autoconnect=true\nautoconnect-priority=100\n",
                card.name) +
            keyfile_part(address_of(card.ip, card.gw), card.ip, four, names, false) +
            keyfile_part(address_of(card.ip6, card.gw6), card.ip6, six, names, true);
        // It does not take files that others can read.
        files.push_back(whole(
            "/etc/NetworkManager/system-connections/" + card.name + ".nmconnection", text, 0600));
    }
    return files;
}

// ---- ifcfg: older Fedora-like systems

std::vector<CtFile> ifcfg_files(const std::vector<CtCard>& cards, const CtNames& names) {
    std::vector<CtFile> files;
    for (const CtCard& card : cards) {
        const Address four = address_of(card.ip, card.gw), six = address_of(card.ip6, card.gw6);
        std::string text = fmt::format("DEVICE={}\nTYPE=Ethernet\nONBOOT=yes\nBOOTPROTO={}\n",
                                       card.name, card.ip == "dhcp" ? "dhcp" : "none");
        if (four) text += fmt::format("IPADDR={}\nPREFIX={}\n", four.ip, four.prefix);
        if (four && !four.gateway.empty()) text += "GATEWAY=" + four.gateway + "\n";
        const bool none = !six && card.ip6 != "dhcp" && card.ip6 != "auto";
        text += fmt::format("IPV6INIT={}\n", none ? "no" : "yes");
        if (!none) text += fmt::format("IPV6_AUTOCONF={}\n", card.ip6 == "auto" ? "yes" : "no");
        if (card.ip6 == "dhcp") text += "DHCPV6C=yes\n";
        if (six) text += "IPV6ADDR=" + six.with_prefix() + "\n";
        if (six && !six.gateway.empty()) text += "IPV6_DEFAULTGW=" + six.gateway + "\n";
        for (size_t i = 0; i < names.servers.size(); ++i)
            text += fmt::format("DNS{}={}\n", i + 1, names.servers[i]);
        if (!names.search.empty()) text += "DOMAIN=\"" + join(names.search, " ") + "\"\n";
        files.push_back(whole("/etc/sysconfig/network-scripts/ifcfg-" + card.name, text));
    }
    return files;
}

}  // namespace

std::vector<CtFile> manager_files(const CtSystem& system, const std::vector<CtCard>& cards,
                                  const CtNames& names, std::vector<std::string>& notes) {
    switch (system.manager) {
        case CtSystem::Manager::ifupdown:
            return ifupdown_files(cards, system.family == "alpine");
        case CtSystem::Manager::netplan:
            return netplan_files(cards, names);
        case CtSystem::Manager::networkd:
            return networkd_files(cards, names);
        case CtSystem::Manager::networkmanager:
            return networkmanager_files(cards, names);
        case CtSystem::Manager::ifcfg:
            return ifcfg_files(cards, names);
        case CtSystem::Manager::none:
            break;
    }
    const bool wanted = std::any_of(cards.begin(), cards.end(), [](const CtCard& card) {
        return !card.by_host && (card.ip != "manual" || card.ip6 != "manual");
    });
    if (wanted)
        notes.emplace_back(
            "nothing inside is known to set up network cards: the addresses are up to the system "
            "inside (or say host-managed=1 with an address)");
    return {};
}

std::string_view ct_manager_word(CtSystem::Manager manager) {
    constexpr std::string_view words[] = {"none",     "ifupdown",       "netplan",
                                          "networkd", "networkmanager", "ifcfg"};
    return words[static_cast<size_t>(manager)];
}

}  // namespace lodge
