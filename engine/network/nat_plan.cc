#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/network/links.h"
#include "engine/network/nat_parts.h"
#include "engine/network/nft.h"
#include "engine/units.h"

// How a network of Lodge's own comes and goes. Every step may meet what is there already, and the
// way back of each is the same: leave, and take away what nobody uses.

namespace lodge {
namespace {

constexpr std::string_view forward_path = "/proc/sys/net/ipv4/ip_forward";
constexpr auto patience = std::chrono::seconds(30);

FileLock locked(const Host& host, std::chrono::milliseconds wait = patience) {
    host.make_folder(host.run_folder() + "/network");
    return {host.run_folder() + "/network/lock",
            "the networks are being changed by another Lodge: try again", wait};
}

NatNetwork network_of(const Host& host, const Values& on) {
    NatNetwork network =
        parse_nat(on.text("name"), host.read(nat::state_path(host, on.text("name"))).value_or(""));
    if (network.range.prefix != 24)
        fail(Exit::failed, "the network {} has no addresses yet", network.name);
    return network;
}

// ---- nat-join: the network's addresses, and that the guest uses it

void join(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const FileLock lock = locked(host);
    const std::string& name = on.text("name");
    const std::string path = nat::state_path(host, name);
    const NatNetwork before = parse_nat(name, host.read(path).value_or(""));
    NatNetwork now = before;
    now.range = Ipv4Range::parse(on.text("range")).value_or(Ipv4Range());
    const bool up = host.exists(host.system("/sys/class/net/" + name));
    if (before.range.prefix == 24 && before.range != now.range && up)
        fail(Exit::busy, "the network {} was made with other addresses meanwhile: try again", name);
    if (before.range != now.range) now.kept.clear();
    for (const std::string& line : on.list("kept")) {
        const NatNetwork said = parse_nat(name, "range " + now.range.print() + "\nkept " + line);
        for (const NatNetwork::Kept& kept : said.kept) {
            const bool taken = std::any_of(now.kept.begin(), now.kept.end(), [&](const auto& one) {
                return one.ip == kept.ip && !(one == kept) &&
                       host.exists(
                           fmt::format("{}/users/{}", nat::run_folder(host, name), one.guest));
            });
            if (taken) fail(Exit::busy, "{} went to another guest meanwhile: try again", kept.ip);
            std::erase_if(now.kept, [&](const auto& one) { return one.ip == kept.ip; });
            now.kept.push_back(kept);
        }
    }
    if (now != before) host.write(path, print_nat(now));
    const std::string users = nat::run_folder(host, name) + "/users";
    host.make_folder(users);
    host.write_volatile(users + "/" + on.text("guest"), "");
}

std::string join_shell(const Values& on) {
    std::string text = fmt::format("# {} has the addresses {}", on.text("name"), on.text("range"));
    for (const std::string& kept : on.list("kept"))
        text += "\n# kept for a guest: " + kept;
    return text;
}

// ---- nat-bridge

void bridge(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const FileLock lock = locked(host);
    const NatNetwork network = network_of(host, on);
    make_bridge(network.name, network.gateway() + "/24", nat::mark(host));
}

std::string bridge_shell(const Values& on) {
    const Ipv4Range range = Ipv4Range::parse(on.text("range")).value_or(Ipv4Range());
    return bridge_as_shell(on.text("name"), range.address(1) + "/24");
}

// ---- nat-gateway: without a bridge, this machine itself has the gateway's address, so that it
// answers for it on every guest's cable

void own_gateway(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const FileLock lock = locked(host);
    add_address("lo", network_of(host, on).gateway() + "/32");
}

std::string own_gateway_shell(const Values& on) {
    const Ipv4Range range = Ipv4Range::parse(on.text("range")).value_or(Ipv4Range());
    return "ip address add " + range.address(1) + "/32 dev lo";
}

// ---- nat-filter: this machine forwards for the network, under its own address

void set_forwarding(const Host& host, bool on) {
    const std::string path = host.system(forward_path);
    std::ofstream file(path);
    file << (on ? "1\n" : "0\n") << std::flush;
    if (!file)
        fail(Exit::missing, "cannot turn {} the forwarding of packets: {} cannot be written",
             on ? "on" : "off", path);
}

void filter(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const FileLock lock = locked(host);
    const NatNetwork network = network_of(host, on);
    const bool off = host.read_line(host.system(forward_path)) == "0";
    // The rules first: at no time does this machine forward what it should not.
    run_nft(nat_rules(network.name, network.range, off),
            "cannot set up address translation for " + network.name);
    if (!off) return;
    set_forwarding(host, true);
    work.say(
        "this machine forwarded no packets; it does now for Lodge's networks only, and no "
        "more when the last of them goes");
}

std::string filter_shell(const Values& on) {
    const Ipv4Range range = Ipv4Range::parse(on.text("range")).value_or(Ipv4Range());
    const bool off = on.flag("no-router");
    return "nft -f - <<'END'\n" + nat_rules(on.text("name"), range, off) + "END" +
           (off ? "\nsysctl -w net.ipv4.ip_forward=1" : "");
}

// ---- nat-dhcp

void dhcp(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const FileLock lock = locked(host);
    const std::string note = nat::start_dnsmasq(host, network_of(host, on));
    if (!note.empty()) work.say(note);
}

std::string dhcp_shell(const Values& on) {
    return "cat > " + shell_quote(on.text("path")) + " <<'END'\n" + on.text("conf") +
           "END\ndnsmasq --conf-file=" + shell_quote(on.text("path"));
}

// ---- nat-leave

// The kernel takes a container's cards away in its own time.
void await_ports_gone(Work& work, const std::string& name, int guest) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    while (std::chrono::steady_clock::now() < end) {
        const auto there = nat::guests_there(work.engine().host, name);
        if (std::find(there.begin(), there.end(), guest) == there.end()) return;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

// Someone who joined and has no port: a job is about to start it, or it has ended without a word.
bool is_coming(Engine& engine, int guest) {
    if (guest == 0) return true;
    const auto job = engine.jobs.of_guest(guest);
    return job && job->state == JobState::running;
}

void take_away(const Host& host, const NatNetwork& network) {
    nat::stop_dnsmasq(host, network.name);
    if (network.range.prefix == 24) remove_address("lo", network.gateway() + "/32");
    if (!is_foreign_link(host, network.name)) remove_link(network.name);
    const std::string what = "cannot take away the address translation of " + network.name;
    run_nft(nat_rules_away(network.name, network.range), what);
    const std::string table = run_nft("list table inet lodge", what);
    if (!has_networks(table)) {
        if (has_no_router(table)) set_forwarding(host, false);
        run_nft("delete table inet lodge", what);
    }
    std::error_code trouble;
    std::filesystem::remove_all(nat::run_folder(host, network.name), trouble);
    if (trouble)
        fail_errno(trouble.value(), "cannot remove " + nat::run_folder(host, network.name));
}

// The networks' lock is held.
void leave_one(Engine& engine, const std::string& name, int guest) {
    const Host& host = engine.host;
    const std::string folder = nat::run_folder(host, name);
    host.remove(fmt::format("{}/users/{}", folder, guest));
    auto there = nat::guests_there(host, name);
    for (const int user : nat::users(host, name)) {
        if (std::find(there.begin(), there.end(), user) != there.end()) continue;
        if (is_coming(engine, user))
            there.push_back(user);
        else
            host.remove(fmt::format("{}/users/{}", folder, user));
    }
    if (!there.empty()) return;
    const NatNetwork network = parse_nat(name, host.read(nat::state_path(host, name)).value_or(""));
    take_away(host, network);
}

void leave(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const std::string& name = on.text("name");
    const int guest = static_cast<int>(on.integer("guest"));
    if (!host.exists(nat::run_folder(host, name))) return;
    await_ports_gone(work, name, guest);
    const FileLock lock = locked(host);
    leave_one(work.engine(), name, guest);
}

std::string leave_shell(const Values& on) {
    const std::string& name = on.text("name");
    if (on.flag("brief")) return "# as the undo of the first step of " + name;
    const std::string folder = on.text("folder", "");
    const auto range = Ipv4Range::parse(on.text("range", "")).value_or(Ipv4Range());
    return fmt::format("# when no other guest is on {0}:\nkill $(cat {1})\nip link del dev {0}\n",
                       name, shell_quote(folder + "/dnsmasq.pid")) +
           "nft -f - <<'END'\n" + nat_rules_away(name, range) +
           "END\n# with the last network of Lodge also: nft delete table inet lodge; and when "
           "forwarding\n# was off before: sysctl -w net.ipv4.ip_forward=0";
}

constexpr ActionKind kinds[] = {
    {"nat-join", join, join_shell},       {"nat-bridge", bridge, bridge_shell},
    {"nat-filter", filter, filter_shell}, {"nat-dhcp", dhcp, dhcp_shell},
    {"nat-leave", leave, leave_shell},    {"nat-gateway", own_gateway, own_gateway_shell},
};

Action leave_action(const Host& host, const NatNetwork& network, int guest) {
    return {"nat-leave",
            {{"name", network.name},
             {"guest", guest},
             {"range", network.range.print()},
             {"folder", nat::run_folder(host, network.name)}}};
}

}  // namespace

void plan_nat_up(Engine& engine, const NatNetwork& network, int guest, bool bridged, Plan& plan) {
    const Host& host = engine.host;
    if (bridged) host.need_program("dnsmasq");
    Action undo = leave_action(host, network, guest);
    const Values which = {{"name", network.name}, {"range", network.range.print()}};
    Values joining = which;
    joining.set({"guest", guest});
    for (const NatNetwork::Kept& kept : network.kept)
        if (kept.guest == guest)
            joining.add("kept", fmt::format("{} {} {}", kept.ip, kept.guest, kept.key));
    plan.step("it uses Lodge's own network " + network.name, {"nat-join", joining}, undo);
    undo.on.set({"brief", true});
    if (bridged)
        plan.step("make sure of the bridge " + network.name, {"nat-bridge", which}, undo);
    else
        plan.step("answer for its gateway, as this kernel has no bridges", {"nat-gateway", which},
                  undo);
    const bool off = host.read_line(host.system(forward_path)) == "0";
    Values filtering = which;
    filtering.set({"no-router", off});
    plan.step(off ? "let its guests out under this machine's address; forwarding was off and is "
                    "given back at the end"
                  : "let its guests out under this machine's address",
              {"nat-filter", filtering}, undo);
    if (!bridged) return;
    Values serving = which;
    serving.set({"path", nat::run_folder(host, network.name) + "/dnsmasq.conf"});
    serving.set({"conf", nat::dnsmasq_conf(host, network, true, {})});
    plan.step("give its guests addresses and names", {"nat-dhcp", serving}, undo);
}

void plan_vm_nat_up(Engine& engine, const Config& config, int guest, Plan& plan) {
    std::vector<std::string> names;
    for (const std::string& key : config.indexed("net")) {
        const auto net = config.properties(key);
        const std::string bridge = net ? net->text("bridge") : "";
        if (engine.host.is_root() && is_nat_name(bridge) && !is_foreign_link(engine.host, bridge) &&
            std::find(names.begin(), names.end(), bridge) == names.end())
            names.push_back(bridge);
    }
    for (const std::string& name : names)
        plan_nat_up(engine, nat_network(engine.host, name), guest, true, plan);
}

void plan_nat_leave_one(Engine& engine, const std::string& name, int guest, Plan& plan) {
    const Host& host = engine.host;
    const NatNetwork network = parse_nat(name, host.read(nat::state_path(host, name)).value_or(""));
    plan.step(guest == 0 ? fmt::format("give {} up, which goes unless a guest needs it", name)
                         : fmt::format("leave {}, which goes with its last guest", name),
              leave_action(host, network, guest));
}

void plan_nat_leave(Engine& engine, int guest, Plan& plan) {
    const Host& host = engine.host;
    for (const std::string& name : host.list(host.run_folder() + "/network"))
        if (host.exists(fmt::format("{}/users/{}", nat::run_folder(host, name), guest)))
            plan_nat_leave_one(engine, name, guest, plan);
}

bool nat_forget(Engine& engine, int guest) {
    const Host& host = engine.host;
    for (const std::string& name : host.list(host.run_folder() + "/network")) {
        if (!host.exists(fmt::format("{}/users/{}", nat::run_folder(host, name), guest))) continue;
        const auto there = nat::guests_there(host, name);
        if (std::find(there.begin(), there.end(), guest) != there.end()) return false;
        const FileLock lock = locked(host, std::chrono::milliseconds(0));
        leave_one(engine, name, guest);
    }
    return true;
}

std::span<const ActionKind> nat_actions() {
    return kinds;
}

}  // namespace lodge
