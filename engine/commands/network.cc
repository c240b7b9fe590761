#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "engine/commands/common.h"
#include "engine/error.h"
#include "engine/network/links.h"
#include "engine/network/nat.h"
#include "engine/network/nat_parts.h"
#include "engine/state/link_look.h"
#include "engine/units.h"

namespace lodge {
namespace {

using nlohmann::json;

Seen look(Engine& engine) {
    Seen seen;
    for (Guest& guest : list_guests(engine)) {
        GuestView view;
        view.guest = std::make_shared<const Guest>(std::move(guest));
        seen.guests.push_back(std::move(view));
    }
    LinkLook(engine.host).look(seen, LinkLook::Time::clock::now());
    return seen;
}

std::string_view state_of(const LinkView& link) {
    if (!link.enabled) return "down";
    return link.carrier.value_or(true) ? "up" : "no carrier";
}

std::string guest_of_link(const Seen& seen, int id, const std::string& key) {
    if (id == 0) return "";
    for (const GuestView& view : seen.guests)
        if (view.guest->id == id) return guest_words(*view.guest) + " " + key;
    return fmt::format("{} {}", id, key);
}

json link_json(const LinkView& link) {
    json value = {{"name", link.name},
                  {"kind", link.kind},
                  {"state", state_of(link)},
                  {"mac", link.mac},
                  {"mtu", link.mtu},
                  {"addresses", link.addresses},
                  {"part_of", link.master.empty() ? json(nullptr) : json(link.master)},
                  {"guest", link.guest == 0 ? json(nullptr) : json(link.guest)},
                  {"card", link.guest == 0 ? json(nullptr) : json(link.guest_key)},
                  {"given", link.leased.empty() ? json(nullptr) : json(link.leased)},
                  {"network", nullptr}};
    if (!link.nat) return value;
    json leases = json::array();
    for (const NatView::Given& given : link.nat->leases)
        leases.push_back({{"address", given.ip},
                          {"mac", given.mac},
                          {"name", given.name},
                          {"guest", given.guest == 0 ? json(nullptr) : json(given.guest)}});
    value["network"] = {{"range", link.nat->range},
                        {"gateway", link.nat->gateway},
                        {"dhcp", link.nat->dhcp},
                        {"leases", leases}};
    return value;
}

// Lodge's own networks that no bridge shows now.
std::vector<NatLook> absent_networks(Engine& engine, const Seen& seen) {
    auto networks = look_at_nats(engine.host);
    std::erase_if(networks, [&](const NatLook& network) {
        return std::any_of(seen.links.begin(), seen.links.end(),
                           [&](const LinkView& link) { return link.name == network.network.name; });
    });
    return networks;
}

Report list_networks(Engine& engine, const Values&) {
    const Seen seen = look(engine);
    json all = json::array();
    std::vector<std::vector<std::string>> rows;
    for (const LinkView& link : seen.links) {
        all.push_back(link_json(link));
        rows.push_back({printable(link.name), link.kind, std::string(state_of(link)),
                        link.addresses.empty() ? link.leased : link.addresses[0],
                        printable(link.master),
                        printable(guest_of_link(seen, link.guest, link.guest_key))});
    }
    for (const NatLook& network : absent_networks(engine, seen)) {
        const std::string gateway = network.network.gateway() + "/24";
        all.push_back({{"name", network.network.name},
                       {"kind", "NAT"},
                       {"state", network.up ? "up" : "absent"},
                       {"addresses", json::array({gateway})},
                       {"guest", nullptr}});
        rows.push_back({network.network.name, "NAT", network.up ? "routed" : "absent", gateway, "",
                        network.up ? "" : "comes with its first guest"});
    }
    if (rows.empty()) return {"no network that can be seen\n", "[]\n"};
    return {format_table({"LINK", "KIND", "STATE", "ADDRESS", "PART OF", "GUEST"}, rows),
            json_text(all)};
}

void add_nat_rows(const Seen& seen, const NatView& nat,
                  std::vector<std::vector<std::string>>& rows) {
    rows.push_back({"range", nat.range});
    rows.push_back({"gateway", nat.gateway});
    rows.push_back({"addresses by", nat.dhcp ? "dnsmasq" : "nobody: dnsmasq does not run"});
    for (const NatView::Given& given : nat.leases)
        rows.push_back(
            {"lease", printable(fmt::format("{} {} {} {}", given.ip, given.mac, given.name,
                                            guest_of_link(seen, given.guest, given.guest_key)))});
}

Report show_network(Engine& engine, const Values& words) {
    const std::string& name = words.text("network");
    const Seen seen = look(engine);
    const auto found = std::find_if(seen.links.begin(), seen.links.end(),
                                    [&](const LinkView& link) { return link.name == name; });
    std::vector<std::vector<std::string>> rows;
    if (found == seen.links.end()) {
        for (const NatLook& absent : absent_networks(engine, seen)) {
            if (absent.network.name != name) continue;
            rows = {{"network", name},
                    {"kind", "NAT"},
                    {"state", absent.up ? "routed" : "absent: comes with its first guest"},
                    {"range", absent.network.range.print()},
                    {"gateway", absent.network.gateway()}};
            return {format_table({"KEY", "VALUE"}, rows),
                    json_text({{"name", name},
                               {"kind", "NAT"},
                               {"state", absent.up ? "up" : "absent"},
                               {"range", absent.network.range.print()}})};
        }
        fail(Exit::not_found, "there is no network {} on this machine", printable(name));
    }
    const LinkView& link = *found;
    rows = {{"network", printable(link.name)},
            {"kind", link.kind},
            {"state", std::string(state_of(link))}};
    for (const std::string& address : link.addresses)
        rows.push_back({"address", address});
    if (!link.leased.empty()) rows.push_back({"given", link.leased});
    if (!link.mac.empty()) rows.push_back({"mac", link.mac});
    rows.push_back({"mtu", std::to_string(link.mtu)});
    if (!link.master.empty()) rows.push_back({"part of", printable(link.master)});
    if (link.guest != 0)
        rows.push_back({"guest", printable(guest_of_link(seen, link.guest, link.guest_key))});
    if (link.nat) add_nat_rows(seen, *link.nat, rows);
    for (const LinkView& port : seen.links)
        if (port.master == link.name)
            rows.push_back(
                {"port", printable(fmt::format("{} {} {}", port.name,
                                               guest_of_link(seen, port.guest, port.guest_key),
                                               port.leased))});
    return {format_table({"KEY", "VALUE"}, rows), json_text(link_json(link))};
}

// The network that the words name, else where guests go that name none.
std::string own_network(Engine& engine, const Values& words) {
    const std::string name = words.text("network", default_nat(engine.host));
    if (!is_nat_name(name))
        fail(Exit::usage, "'{}' is none of Lodge's own networks, which are lodge0 to lodge99",
             printable(name));
    return name;
}

std::string why_not_changed_network(Engine& engine, const Values&) {
    return engine.host.is_root() ? "" : "only root makes networks";
}

Plan plan_up(Engine& engine, const Values& words) {
    const std::string name = own_network(engine, words);
    if (!engine.host.is_root()) throw Error(Exit::missing, "only root makes networks");
    if (is_foreign_link(engine.host, name))
        fail(Exit::refused,
             "cannot bring {} up: an interface of that name is there, which Lodge "
             "did not make",
             name);
    NatNetwork network = nat_network(engine.host, name);
    if (const auto said = words.get("range")) {
        const auto range = Ipv4Range::parse(*said);
        if (!range || range->prefix != 24)
            fail(Exit::usage, "--range: '{}' is no network such as 10.87.0.0/24", printable(*said));
        for (const Ipv4Range& taken : routed_ranges(name))
            if (taken.prefix >= 4 && taken.overlaps(*range))
                fail(Exit::refused,
                     "--range: {} overlaps with {}, which this machine has a route "
                     "to",
                     range->print(), taken.print());
        if (range != network.range) network.kept.clear();
        network.range = *range;
    }
    Plan plan;
    plan.title = "bring the network " + name + " up";
    plan_nat_up(engine, network, 0, true, plan);
    plan.afterwards =
        fmt::format("{} is up: {}, until lodge network down {}", name, network.range.print(), name);
    return plan;
}

Plan plan_down(Engine& engine, const Values& words) {
    const std::string name = own_network(engine, words);
    const auto ports = engine.host.list(engine.host.system("/sys/class/net/" + name + "/brif"));
    if (!ports.empty() || !nat::guests_there(engine.host, name).empty())
        fail(Exit::refused, "cannot take {} down: it has guests on it{}{}; it goes with the last",
             name, ports.empty() ? "" : ": ", printable(join(ports, " ")));
    if (!engine.host.exists(nat::run_folder(engine.host, name)))
        fail(Exit::refused, "cannot take {} down: it is not up", name);
    Plan plan;
    plan.title = "take the network " + name + " down";
    plan_nat_leave_one(engine, name, 0, plan);
    plan.afterwards = name + " is down";
    return plan;
}

const Operand network_operand{"network", WordKind::text, "The name of a link or network."};
const Operand own_operand{"network", WordKind::text,
                          "One of Lodge's own networks: lodge0 (when not said) to lodge99.", true};

}  // namespace

std::span<const Command> network_commands() {
    static const std::vector<Command> table = {
        {.subject = "network",
         .verb = "list",
         .label = "Networks",
         .help = "Lists the machine's links, bridges and Lodge's own networks.",
         .show = list_networks},
        {.subject = "network",
         .verb = "show",
         .label = "Show",
         .help = "Shows a link or a network, with its guests and the addresses they were given.",
         .operands = {network_operand},
         .show = show_network},
        {.subject = "network",
         .verb = "up",
         .label = "Bring up",
         .help = "Makes one of Lodge's own networks and keeps it also without guests.",
         .risk = Risk::undoable,
         .operands = {own_operand},
         .options = {{.name = "range",
                      .value = "RANGE",
                      .help = "Its addresses, such as 10.87.0.0/24; chosen when not said."}},
         .why_not = why_not_changed_network,
         .plan = plan_up,
         .more = "A network of Lodge's own is a bridge with addresses and names by dnsmasq, behind "
                 "this machine's own address (NAT). It needs no preparation: it comes with the "
                 "first guest that is on it and goes with the last. A container that names no "
                 "bridge is on lodge0; any guest is with bridge=lodge0 in its net key, and up to "
                 "lodge99 there can be more, which do not see each other. Nothing is let in from "
                 "outside. Where this machine forwarded no packets, it does for these networks "
                 "only, and no more when the last one goes."},
        {.subject = "network",
         .verb = "down",
         .label = "Take down",
         .help = "Takes one of Lodge's own networks away that no guest is on.",
         .risk = Risk::undoable,
         .operands = {own_operand},
         .why_not = why_not_changed_network,
         .plan = plan_down},
    };
    return table;
}

}  // namespace lodge
