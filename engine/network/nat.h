#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/config.h"
#include "engine/network/leases.h"
#include "engine/network/range.h"
#include "engine/plan.h"

namespace lodge {

struct Engine;
class Host;

// NatNetwork is a network of Lodge's own, for guests that no bridge connects to elsewhere: a
// bridge, addresses and names by dnsmasq, and this machine's address towards the world. It comes
// with its first guest and goes with its last; its addresses stay the same.
//   <state>/network/<name>            its range, and the addresses that Lodge keeps for guests
//   <run>/network/<name>/             dnsmasq's files; users/<guest>, 0 for the person
struct NatNetwork {
    // Kept is an address for a card of a guest that asks no DHCP server.
    struct Kept {
        std::string ip;
        int guest = 0;
        std::string key;  // "net0"
        bool operator==(const Kept&) const = default;
    };
    std::string name;  // "lodge0"
    Ipv4Range range;   // a /24
    std::vector<Kept> kept;

    std::string gateway() const { return range.address(1); }
    // 2 to 49 are kept ones, 50 to 254 are dnsmasq's.
    std::string first_lease() const { return range.address(50); }
    std::string last_lease() const { return range.address(254); }
    bool operator==(const NatNetwork&) const = default;
};

// "lodge0" to "lodge99": what a bridge is called that Lodge makes when a guest needs it.
bool is_nat_name(std::string_view name);
// Whether an interface of that name is there that this Lodge did not make: then it is a bridge like
// any other.
bool is_foreign_link(const Host& host, const std::string& name);
// Where guests go that name no bridge: lodge0, or the next one that is nobody else's.
std::string default_nat(const Host& host);

// The file <state>/network/<name>; what cannot be taken is left out.
NatNetwork parse_nat(const std::string& name, std::string_view text);
std::string print_nat(const NatNetwork& network);
// The network as it is, or as it would be made now: with a new range when this machine has routes
// into the one it had. Throws Error when the kernel does not tell, or no range is free.
NatNetwork nat_network(const Host& host, const std::string& name);
// The address that is kept for the card, or the lowest free one, which is noted in `network`.
// Addresses of guests that are gone are free. Throws Error(Exit::missing) when all 48 are kept.
std::string kept_address(Engine& engine, NatNetwork& network, int guest, const std::string& key);

// Adds the steps that make the network for a guest (0: the person), each content when it is there.
// `bridged`: false where the kernel has no bridge; then there is no dnsmasq either. Throws
// Error(Exit::missing) when dnsmasq is not installed.
void plan_nat_up(Engine& engine, const NatNetwork& network, int guest, bool bridged, Plan& plan);
// plan_nat_up() for each network of Lodge's own that a virtual machine's cards are on.
void plan_vm_nat_up(Engine& engine, const Config& config, int guest, Plan& plan);
// Adds the steps that end the guest's part in all networks it is in; each goes with its last user.
void plan_nat_leave(Engine& engine, int guest, Plan& plan);
// The same for one network, whether the guest is in it or not.
void plan_nat_leave_one(Engine& engine, const std::string& name, int guest, Plan& plan);

// The same at once, for a guest that was seen to have ended by itself: whoever looks tidies up.
// False when the kernel has not taken its card away yet: the next look will do. Throws Error,
// Exit::busy when someone else is at work on the networks.
bool nat_forget(Engine& engine, int guest);

// NatLook is what is seen of a network of Lodge's own.
struct NatLook {
    NatNetwork network;
    bool up = false;    // its bridge is there (or, without bridges, a guest)
    bool dhcp = false;  // its dnsmasq runs
    std::vector<Lease> leases;
    std::vector<int> users;  // guests that joined it, 0 for the person
};
// All that there ever were, by name. Reads files only.
std::vector<NatLook> look_at_nats(const Host& host);
// The addresses that dnsmasq gave to cards with these hardware addresses.
std::vector<std::string> leased_addresses(const Host& host, const std::vector<std::string>& macs);

// nat-join | nat-bridge | nat-gateway | nat-filter | nat-dhcp | nat-leave, each with `name`
std::span<const ActionKind> nat_actions();

}  // namespace lodge
