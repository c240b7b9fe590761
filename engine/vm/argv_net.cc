#include <algorithm>

#include "engine/network/mac.h"
#include "engine/units.h"
#include "engine/vm/argv_parts.h"

// Network cards: on a bridge through a tap interface, else behind QEMU's own user-mode network.
namespace lodge::argv {
namespace {

std::string driver_of(const std::string& model) {
    if (model == "virtio") return "virtio-net-pci";
    if (model == "e1000-82540em") return "e1000";
    return model;
}

// Why the card cannot be on the bridge it names; "" when it can.
std::string no_bridge(const Builder& builder, const Properties& net) {
    const auto& bridges = builder.facts.bridges;
    const std::string bridge = net.text("bridge");
    if (std::find(bridges.begin(), bridges.end(), bridge) == bridges.end())
        return fmt::format("this machine has no bridge {}", bridge);
    if (!builder.facts.root)
        return fmt::format("only root can put a guest on the bridge {}", bridge);
    return {};
}

Json tap_netdev(Builder& builder, const std::string& key, const Properties& net, int64_t queues) {
    Handover tap{Handover::Kind::tap};
    tap.path = fmt::format("tap{}i{}", builder.id, stem_and_number(key).second);
    tap.bridge = net.text("bridge");
    tap.vlan = static_cast<int>(net.integer("tag"));
    tap.trunks = net.text("trunks");
    tap.rate = net.number("rate");
    tap.multi_queue = queues > 1;
    if (net.integer("mtu") > 1) tap.mtu = static_cast<int>(net.integer("mtu"));
    const bool vhost = builder.kvm && builder.facts.vhost_net && net.text("model") == "virtio";
    if (builder.facts.by_path) {
        Json netdev = {{"type", "tap"},
                       {"id", key},
                       {"ifname", tap.path},
                       {"script", "no"},
                       {"downscript", "no"}};
        if (vhost) netdev["vhost"] = true;
        if (queues > 1) netdev["queues"] = queues;
        return netdev;
    }
    std::vector<std::string> taps, vhosts;
    for (int64_t i = 0; i < queues; ++i) {
        taps.push_back(builder.hand_over(tap));
        if (!vhost) continue;
        Handover device{Handover::Kind::file};
        device.path = "/dev/vhost-net";
        vhosts.push_back(builder.hand_over(device));
    }
    Json netdev = {{"type", "tap"}, {"id", key}};
    netdev[queues > 1 ? "fds" : "fd"] = join(taps, ":");
    if (vhost) {
        netdev["vhost"] = true;
        netdev[queues > 1 ? "vhostfds" : "vhostfd"] = join(vhosts, ":");
    }
    return netdev;
}

Json user_netdev(Builder& builder, const std::string& key, const Properties& net) {
    Json netdev = {{"type", "user"}, {"id", key}};
    Json forwards = Json::array();
    for (const std::string& name : builder.config.indexed("hostfwd")) {
        const auto forward = builder.config.properties(name);
        if (!forward || forward->text("net") != key) continue;
        forwards.push_back(
            {{"str", fmt::format("{}:{}:{}-:{}", forward->text("proto"), forward->text("address"),
                                 forward->integer("host"), forward->integer("guest"))}});
    }
    if (!forwards.empty()) netdev["hostfwd"] = forwards;
    for (const char* part : {"rate", "tag", "trunks"})
        if (net.has(part)) builder.warn("{}: {} has no meaning without a bridge", key, part);
    return netdev;
}

int64_t queues_of(Builder& builder, const std::string& key, const Properties& net, bool tap) {
    const int64_t queues = net.integer("queues");
    if (queues <= 1) return 1;
    if (net.text("model") == "virtio" && tap) return queues;
    builder.warn("{}: queues need a virtio card on a bridge", key);
    return 1;
}

void add_mtu(Builder& builder, const std::string& key, const Properties& net, Json& device) {
    int64_t mtu = net.integer("mtu");
    if (mtu == 0) return;
    if (net.text("model") != "virtio") return builder.warn("{}: mtu needs a virtio card", key);
    if (mtu == 1) {  // as the bridge has it
        const auto found = builder.facts.bridge_mtus.find(net.text("bridge"));
        mtu = found == builder.facts.bridge_mtus.end() ? 1500 : found->second;
    }
    if (mtu < 68) return builder.warn("{}: mtu {} is too small: 68 is the least", key, mtu);
    device["host_mtu"] = mtu;
}

void add_net(Builder& builder, const std::string& key) {
    const auto parts = builder.config.properties(key);
    if (!parts || !parts->has("model")) return;
    const Properties& net = *parts;
    builder.begin(key);
    bool tap = net.has("bridge");
    if (tap) {
        const std::string why = no_bridge(builder, net);
        if (!why.empty()) {
            builder.warn("{}: user-mode network instead: {}", key, why);
            tap = false;
        }
    }
    if (net.flag("firewall")) builder.warn("{}: firewall=1 is kept, but nothing is filtered", key);
    const int64_t queues = queues_of(builder, key, net, tap);
    builder.netdev(tap ? tap_netdev(builder, key, net, queues) : user_netdev(builder, key, net));

    const std::string driver = driver_of(net.text("model"));
    Json device = {{"driver", driver}, {"id", key}, {"netdev", key}};
    device["mac"] = vm_mac(builder.config, builder.id, key);
    if (queues > 1) {
        device["mq"] = true;
        device["vectors"] = 2 * queues + 2;
    }
    add_mtu(builder, key, net, device);
    const int place = builder.boot_index(key);
    if (driver == "ne2k_isa") {
        builder.device(std::move(device));
    } else {
        // The firmware loads the network boot program of each card that has one: a wait at each
        // boot.
        if (place > 0)
            device["bootindex"] = place;
        else
            device["romfile"] = "";
        builder.pci_device(key, std::move(device));
    }
    if (net.flag("link_down"))
        builder.command.before_run.push_back(
            json_text({{"execute", "set_link"}, {"arguments", {{"name", key}, {"up", false}}}}));
}

}  // namespace

void add_nets(Builder& builder) {
    const Config& config = builder.config;
    for (const std::string& key : config.indexed("net"))
        add_net(builder, key);
    for (const std::string& name : config.indexed("hostfwd")) {
        const auto forward = config.properties(name);
        if (!forward) continue;
        const std::string key = forward->text("net");
        const auto net = config.properties(key);
        if (!net)
            builder.warn("{}: there is no {}", name, key);
        else if (net->has("bridge") && no_bridge(builder, *net).empty())
            builder.warn("{}: {} is on a bridge: the guest is reached by its own address", name,
                         key);
    }
}

}  // namespace lodge::argv

namespace lodge {

std::string vm_mac(const Config& config, int id, std::string_view key) {
    const auto net = config.properties(key);
    if (net && net->has("macaddr")) return net->text("macaddr");
    return derived_mac(id, argv::stem_and_number(key).second);
}

}  // namespace lodge
