#include <fmt/format.h>

#include <algorithm>
#include <csignal>

#include "engine/container/net.h"
#include "engine/container/net_script.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/network/nat.h"
#include "engine/network/nat_parts.h"
#include "engine/units.h"

// What of a container's network depends on this machine, and what a start and a stop do to it.

namespace lodge {
namespace {

using Networks = std::map<std::string, NatNetwork>;

// A bridge could be made: there is one, or the kernel has them built in or as a module.
bool makes_bridges(const Host& host) {
    if (host.exists(host.system("/sys/module/bridge"))) return true;
    const std::string folder = host.system(
        "/lib/modules/" + host.read_line(host.system("/proc/sys/kernel/osrelease")) + "/");
    for (const char* list : {"modules.builtin", "modules.dep"})
        if (host.read(folder + list).value_or("").find("/bridge.ko") != std::string::npos)
            return true;
    return false;
}

void take_bridges(const Host& host, CtNetFacts& facts) {
    const std::string folder = host.system("/sys/class/net");
    for (const std::string& name : host.list(folder)) {
        if (!host.exists(folder + "/" + name + "/bridge")) continue;
        facts.bridges.push_back(name);
        if (host.read_line(folder + "/" + name + "/bridge/vlan_filtering") == "1")
            facts.filtered.push_back(name);
    }
    facts.can_bridge = !facts.bridges.empty() || makes_bridges(host);
}

// The networks of Lodge's own that the cards are on, with the addresses kept for them.
Networks take_networks(Engine& engine, const Config& config, CtNetFacts& facts) {
    Networks networks;
    const auto known = [&](const std::string& name) -> NatNetwork& {
        const auto found = networks.find(name);
        if (found != networks.end()) return found->second;
        return networks.emplace(name, nat_network(engine.host, name)).first->second;
    };
    for (const CtCard& card : ct_cards(config, facts)) {
        if (!card.nat) continue;
        NatNetwork& network = known(card.network);
        facts.nat_gateways[card.network] = network.gateway();
        if (!card.by_host || card.ip != "dhcp") continue;
        const std::string ip = kept_address(engine, network, facts.id, card.key);
        facts.assigned[card.key] = {ip + (facts.can_bridge ? "/24" : "/32"), network.gateway()};
    }
    return networks;
}

CtNetFacts facts_of(Engine& engine, const Guest& guest, Networks& networks) {
    const Host& host = engine.host;
    CtNetFacts facts;
    facts.id = guest.id;
    facts.root = host.is_root();
    facts.run_folder = guest_run_folder(host, guest.id);
    facts.nameservers = nat::name_servers(host);
    for (const std::string& line :
         split(host.read(host.system("/etc/resolv.conf")).value_or(""), '\n'))
        if (line.starts_with("search ")) facts.searchdomain = trim(line.substr(7));
    if (guest.config.indexed("net").empty()) return facts;
    if (!facts.root) {
        facts.pasta = host.program("pasta").value_or("");
        facts.slirp4netns = host.program("slirp4netns").value_or("");
        return facts;
    }
    take_bridges(host, facts);
    for (const std::string& key : guest.config.indexed("net")) {
        const auto net = guest.config.properties(key);
        const std::string bridge = net ? net->text("bridge") : "";
        if (is_nat_name(bridge) && !is_foreign_link(host, bridge)) facts.nats.push_back(bridge);
    }
    facts.nat = default_nat(host);
    networks = take_networks(engine, guest.config, facts);
    return facts;
}

// "tcp:127.0.0.1/8080:80" for each port that leads to the card, as pasta wants it.
std::vector<std::string> forwards_of(const Config& config, const CtCard& card,
                                     const CtNetFacts& facts, Plan& plan) {
    std::vector<std::string> forwards;
    for (const std::string& key : config.indexed("hostfwd")) {
        const auto forward = config.properties(key);
        if (!forward || forward->text("net") != card.key) continue;
        if (card.way == CtCard::Way::user && !facts.pasta.empty())
            forwards.push_back(fmt::format("{}:{}/{}:{}", forward->text("proto"),
                                           forward->text("address"), forward->integer("host"),
                                           forward->integer("guest")));
        else if (card.way == CtCard::Way::user)
            plan.warn(key +
                      ": nothing is forwarded: slirp4netns does not take it; apt install "
                      "passt");
        else
            plan.warn(
                fmt::format("{}: nothing is forwarded: {} is on {}: the guest is reached by "
                            "its own address",
                            key, card.key, card.network));
    }
    return forwards;
}

void plan_script(const std::string& why, const std::string& path, const std::string& content,
                 Plan& plan) {
    plan.step(why, {"write", {{"path", path}, {"content", content}, {"mode", "755"}}},
              Action{"remove", {{"path", path}}});
}

// Where liblxc's monitor was killed, nobody ended the program of the user-mode network.
void end_user_network(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const std::string& path = on.text("path");
    const auto pid = parse_integer(host.read_line(path));
    if (!pid || *pid < 2 || *pid > INT32_MAX) return;
    const std::string name = host.read_line(host.system(fmt::format("/proc/{}/comm", *pid)));
    const auto process = identify(host, static_cast<pid_t>(*pid));
    if (process && (name.starts_with("pas") || name == "slirp4netns"))
        if (const Fd pidfd = open_process(host, *process)) signal_process(pidfd, SIGTERM);
    host.remove(path);
}

std::string end_user_network_shell(const Values& on) {
    return "kill $(cat " + shell_quote(on.text("path")) + ")";
}

constexpr ActionKind kinds[] = {{"ct-net-end", end_user_network, end_user_network_shell}};

}  // namespace

CtNetFacts ct_net_facts(Engine& engine, const Guest& guest) {
    Networks networks;
    return facts_of(engine, guest, networks);
}

void plan_ct_net_start(Engine& engine, const Guest& guest, Plan& plan) {
    Networks networks;
    const CtNetFacts facts = facts_of(engine, guest, networks);
    const auto cards = ct_cards(guest.config, facts);
    for (const CtCard& card : cards) {
        for (const std::string& words : card.warnings)
            plan.warn(words);
        if (!card.trouble.empty())
            fail(Exit::refused, "cannot start {}: {}", guest_words(guest), card.trouble);
    }
    for (const auto& [name, network] : networks)
        plan_nat_up(engine, network, guest.id, facts.can_bridge, plan);
    for (const CtCard& card : cards) {
        const auto forwards = forwards_of(guest.config, card, facts, plan);
        if (const std::string script = card_script(card); !script.empty())
            plan_script("say what is done to " + card.port + " when it is there",
                        card_script_path(card, facts), script, plan);
        if (card.way == CtCard::Way::user)
            plan_script("say how its user-mode network is made", user_script_path(facts),
                        user_script(card, facts, forwards), plan);
    }
}

void plan_ct_net_stop(Engine& engine, const Guest& guest, Plan& plan) {
    if (engine.host.is_root()) return plan_nat_leave(engine, guest.id, plan);
    const std::string path = guest_run_folder(engine.host, guest.id) + "/net-user.pid";
    if (engine.host.exists(path))
        plan.step("end its user-mode network", {"ct-net-end", {{"path", path}}});
}

std::span<const ActionKind> ct_net_actions() {
    return kinds;
}

}  // namespace lodge
