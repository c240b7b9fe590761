#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "engine/units.h"
#include "engine/vm/argv_parts.h"
#include "engine/vm/cloudinit.h"

// The texts of a seed: user data, metadata, network settings, for nocloud and configdrive2.
namespace lodge {
namespace {

using argv::Json;

std::string sha1(std::string_view text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) != 1)
        throw Error("cannot make the cloud-init instance id");
    std::string hex;
    for (unsigned i = 0; i < size; ++i)
        hex += fmt::format("{:02x}", digest[i]);
    return hex;
}

// A JSON string is a YAML string.
std::string yaml(std::string_view text) {
    return argv::json_text(Json(std::string(text)));
}

std::string host_name(const Config& config, int id) {
    const std::string name = config.string_of("name");
    return name.empty() ? fmt::format("VM{}", id) : name;
}

std::vector<std::string> ssh_keys(const Config& config) {
    std::vector<std::string> keys;
    for (const std::string& line :
         split(argv::percent_decoded(config.string_of("sshkeys")), '\n')) {
        const std::string_view key = trim(line);
        if (!key.empty() && key[0] != '#') keys.emplace_back(key);
    }
    return keys;
}

std::string user_data(const Config& config, int id, const CloudInitFacts& facts) {
    const std::string name = host_name(config, id);
    std::string text = "#cloud-config\nhostname: " + yaml(name) + "\nmanage_etc_hosts: true\n";
    const auto domain = split(config.string_of("searchdomain"), ' ').front();
    if (name.find('.') != std::string::npos)
        text += "fqdn: " + yaml(name) + "\n";
    else if (!domain.empty())
        text += "fqdn: " + yaml(name + "." + domain) + "\n";
    const std::string user = config.string_of("ciuser");
    if (!user.empty()) text += "user: " + yaml(user) + "\n";
    if (user == "root") text += "disable_root: false\n";
    if (!facts.password_hash.empty()) text += "password: " + yaml(facts.password_hash) + "\n";
    if (const auto keys = ssh_keys(config); !keys.empty()) {
        text += "ssh_authorized_keys:\n";
        for (const std::string& key : keys)
            text += "  - " + yaml(key) + "\n";
    }
    text += "chpasswd:\n  expire: false\n";
    if (user != "root") text += "users:\n  - default\n";
    text += fmt::format("package_upgrade: {}\n", config.flag("ciupgrade"));
    return text;
}

// Net is one card with the addresses that ipconfig[n] gives it.
struct Net {
    std::string key, mac;
    std::string ip, gateway, ip6, gateway6;  // ip: "192.0.2.10/24", "dhcp" or ""
};

std::vector<Net> nets_of(const Config& config, int id) {
    std::vector<Net> nets;
    for (const std::string& key : config.indexed("net")) {
        const auto ip = config.properties("ipconfig" + key.substr(3));
        if (!ip) continue;
        Net net;
        net.key = key;
        net.mac = vm_mac(config, id, key);
        std::transform(net.mac.begin(), net.mac.end(), net.mac.begin(),
                       [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
        net.ip = ip->get("ip").value_or("");
        net.gateway = ip->get("gw").value_or("");
        net.ip6 = ip->get("ip6").value_or("");
        net.gateway6 = ip->get("gw6").value_or("");
        nets.push_back(net);
    }
    return nets;
}

bool has_fixed(const std::vector<Net>& nets) {
    return std::any_of(nets.begin(), nets.end(), [](const Net& net) {
        return net.ip.find('/') != std::string::npos || net.ip6.find('/') != std::string::npos;
    });
}

struct Resolver {
    std::vector<std::string> servers, domains;
};

std::vector<std::string> words_of(const std::string& text) {
    std::vector<std::string> words;
    for (std::string& word : split(text, ' '))
        if (!word.empty()) words.push_back(std::move(word));
    return words;
}

Resolver resolver_of(const Config& config, const CloudInitFacts& facts, bool fixed) {
    Resolver resolver{words_of(config.string_of("nameserver")),
                      words_of(config.string_of("searchdomain"))};
    // A fixed address comes without a name server: this machine's will do, as in the format.
    if (fixed && resolver.servers.empty()) resolver.servers = facts.nameservers;
    if (fixed && resolver.domains.empty() && !facts.searchdomain.empty())
        resolver.domains = {facts.searchdomain};
    return resolver;
}

std::string subnet(std::string_view type, const std::string& address, const std::string& gateway) {
    std::string text = fmt::format("      - type: {}\n", type);
    if (!address.empty()) text += "        address: " + yaml(address) + "\n";
    if (!gateway.empty()) text += "        gateway: " + yaml(gateway) + "\n";
    return text;
}

// Network config version 1 of cloud-init, which all its versions and ifupdown, netplan and
// NetworkManager take.
std::string network_config(const Config& config, int id, const CloudInitFacts& facts) {
    const std::vector<Net> nets = nets_of(config, id);
    std::string text = "version: 1\nconfig:\n";
    for (const Net& net : nets) {
        text += fmt::format("  - type: physical\n    name: eth{}\n    mac_address: {}\n",
                            net.key.substr(3), yaml(net.mac));
        std::string subnets;
        if (net.ip == "dhcp")
            subnets += subnet("dhcp4", {}, {});
        else if (!net.ip.empty())
            subnets += subnet("static", net.ip, net.gateway);
        if (net.ip6 == "dhcp")
            subnets += subnet("dhcp6", {}, {});
        else if (net.ip6 == "auto")
            subnets += subnet("ipv6_slaac", {}, {});
        else if (!net.ip6.empty())
            subnets += subnet("static6", net.ip6, net.gateway6);
        if (!subnets.empty()) text += "    subnets:\n" + subnets;
    }
    const Resolver resolver = resolver_of(config, facts, has_fixed(nets));
    if (resolver.servers.empty() && resolver.domains.empty()) return text;
    text += "  - type: nameserver\n";
    for (const auto& [word, list] :
         {std::pair{"address", resolver.servers}, {"search", resolver.domains}}) {
        if (list.empty()) continue;
        text += fmt::format("    {}:\n", word);
        for (const std::string& one : list)
            text += "      - " + yaml(one) + "\n";
    }
    return text;
}

std::string netmask(int64_t prefix) {
    const uint32_t bits = prefix <= 0 ? 0 : 0xffffffffU << (32 - std::min<int64_t>(prefix, 32));
    return fmt::format("{}.{}.{}.{}", bits >> 24, bits >> 16 & 0xff, bits >> 8 & 0xff, bits & 0xff);
}

Json network_of(const Net& net, bool six) {
    const std::string& ip = six ? net.ip6 : net.ip;
    const std::string& gateway = six ? net.gateway6 : net.gateway;
    const std::string family = six ? "ipv6" : "ipv4";
    Json network = {{"id", net.key + "-" + family}, {"link", net.key}};
    if (ip == "dhcp")
        network["type"] = family + "_dhcp";
    else if (ip == "auto")
        network["type"] = "ipv6_slaac";
    if (ip == "dhcp" || ip == "auto") return network;
    network["type"] = family;
    const size_t slash = ip.find('/');
    const int64_t prefix =
        slash == std::string::npos ? 0 : parse_integer(ip.substr(slash + 1)).value_or(0);
    network["ip_address"] = six ? ip : ip.substr(0, slash);
    if (!six) network["netmask"] = netmask(prefix);
    if (!gateway.empty())
        network["routes"] = Json::array({{{"network", six ? "::" : "0.0.0.0"},
                                          {"netmask", six ? "::" : "0.0.0.0"},
                                          {"gateway", gateway}}});
    return network;
}

// OpenStack's network_data.json (its metadata reference), which cloud-init and cloudbase-init read.
std::string network_data(const Config& config, int id, const CloudInitFacts& facts) {
    const std::vector<Net> nets = nets_of(config, id);
    Json links = Json::array(), networks = Json::array(), services = Json::array();
    for (const Net& net : nets) {
        links.push_back({{"id", net.key}, {"type", "phy"}, {"ethernet_mac_address", net.mac}});
        if (!net.ip.empty()) networks.push_back(network_of(net, false));
        if (!net.ip6.empty()) networks.push_back(network_of(net, true));
    }
    for (const std::string& server : resolver_of(config, facts, has_fixed(nets)).servers)
        services.push_back({{"type", "dns"}, {"address", server}});
    return argv::json_text({{"links", links}, {"networks", networks}, {"services", services}}) +
           "\n";
}

std::string drive_metadata(const Config& config, int id, const std::string& instance) {
    Json meta = {{"uuid", instance}, {"hostname", host_name(config, id)}};
    if (const auto keys = ssh_keys(config); !keys.empty()) {
        Json given = Json::object();
        for (size_t i = 0; i < keys.size(); ++i)
            given[fmt::format("SSH{}", i)] = keys[i];
        meta["public_keys"] = given;
    }
    // Windows sets the password itself: a Unix hash is of no use to it.
    const std::string password = config.string_of("cipassword");
    if (config.string_of("ostype").starts_with("w") && !password.empty() && password[0] != '$')
        meta["admin_pass"] = password;
    return argv::json_text(meta) + "\n";
}

}  // namespace

CloudInitSeed cloudinit_seed(const Config& config, int id, const CloudInitFacts& facts) {
    const auto custom = [&](const char* part, std::string made) {
        const auto found = facts.snippets.find(part);
        return found == facts.snippets.end() ? made : found->second;
    };
    const std::string type = config.string_of("citype");
    const bool drive =
        type == "configdrive2" || (type.empty() && config.string_of("ostype").starts_with("w"));
    const bool networked = !nets_of(config, id).empty() || facts.snippets.count("network") != 0;
    const std::string user = custom("user", user_data(config, id, facts));
    const std::string network = !networked
                                    ? ""
                                    : custom("network", drive ? network_data(config, id, facts)
                                                              : network_config(config, id, facts));
    // Another id makes the guest set itself up again: it changes when, and only when, something
    // did.
    const std::string instance = sha1(user + "\n" + network);
    CloudInitSeed seed;
    if (drive) {
        seed.label = "config-2";
        const std::string folder = "openstack/latest/";
        seed.files[folder + "user_data"] = user;
        seed.files[folder + "meta_data.json"] =
            custom("meta", drive_metadata(config, id, instance));
        if (networked) seed.files[folder + "network_data.json"] = network;
        if (facts.snippets.count("vendor") != 0)
            seed.files[folder + "vendor_data.json"] = facts.snippets.at("vendor");
        return seed;
    }
    seed.label = "cidata";
    seed.files["user-data"] = user;
    seed.files["meta-data"] = custom("meta", "instance-id: " + instance + "\n");
    // Without the file cloud-init asks DHCP on the first card.
    if (networked) seed.files["network-config"] = network;
    if (facts.snippets.count("vendor") != 0)
        seed.files["vendor-data"] = facts.snippets.at("vendor");
    return seed;
}

}  // namespace lodge
