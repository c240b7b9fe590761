#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/config.h"
#include "engine/plan.h"

namespace lodge {

struct Engine;
struct Guest;
class Host;
class RootFolder;

// CtNetFacts is what a container's network depends on besides its configuration.
struct CtNetFacts {
    // Assigned is an address that Lodge keeps for a card where nobody inside can ask for one.
    struct Assigned {
        std::string address;  // "10.87.0.2/24"; "/32" where the kernel has no bridge
        std::string gateway;  // "10.87.0.1"
        bool operator==(const Assigned&) const = default;
    };
    int id = 0;
    bool root = true;
    bool unprivileged = false;
    std::string run_folder;             // <run>/guest/<id>
    std::vector<std::string> bridges;   // of this machine
    std::vector<std::string> filtered;  // those that filter VLANs
    bool can_bridge = true;             // the kernel makes bridges
    std::string nat = "lodge0";         // Lodge's own network, for cards that name no bridge
    std::vector<std::string> nats;      // names that are Lodge's own networks, made when needed
    std::map<std::string, std::string> nat_gateways;  // by network: "10.87.0.1", as far as known
    std::map<std::string, Assigned> assigned;         // by key: "net0"
    std::string pasta, slirp4netns;                   // full paths; "" when not there
    std::vector<std::string> nameservers;             // this machine's, without loopback ones
    std::string searchdomain;                         // this machine's
};

// CtCard is one card of a container and how it comes to a network.
struct CtCard {
    enum class Way {
        bridge,  // a port of a bridge, Lodge's own NAT network among them
        routed,  // NAT without a bridge: a route to the container's address
        user,    // pasta or slirp4netns, for containers of ordinary users
        none     // not connected
    };
    std::string key;  // "net0"
    int number = 0;
    std::string name;  // inside: "eth0"
    std::string mac;   // "BC:24:11:2C:69:EC"
    std::string port;  // on this machine: "veth102i0"
    Way way = Way::none;
    std::string network;   // the bridge or NAT network; "" for none
    bool nat = false;      // that network is Lodge's own
    bool by_host = false;  // liblxc sets the addresses before the first process runs
    bool link_down = false;
    int tag = 0, mtu = 0;  // 0: none
    double rate = 0;       // MB/s (10^6 bytes) each way; 0: no limit
    std::vector<int> trunks;
    std::string ip, ip6;  // "192.0.2.10/24", "dhcp", "manual"; ip6 also "auto"
    std::string gw, gw6;
    std::vector<std::string> warnings;
    std::string trouble;  // why no start can honour it; "" when one can
};

// The cards of the configuration, pure. A card whose value is bad has Way::none and a warning.
// Without an entry in facts.assigned, a card that wants one has `ip` "dhcp" and by_host.
std::vector<CtCard> ct_cards(const Config& config, const CtNetFacts& facts);
// The address of the card, of its configuration or (the same at each start) derived.
std::string ct_mac(const Config& config, int id, std::string_view key);

// The lines of liblxc's configuration for the network, "lxc.net.0.type = veth", pure
// (lxc.container.conf(5)).
std::vector<std::string> ct_net_lines(const Config& config, const CtNetFacts& facts);

// Reads the facts off this machine.
CtNetFacts ct_net_facts(Engine& engine, const Guest& guest);

// Adds what this machine does for the network before liblxc starts: NAT network, scripts for rate
// limits, the user-mode network's. Throws Error(Exit::missing, refused) for what cannot be: a VLAN
// on a bridge that does not filter them, no dnsmasq.
void plan_ct_net_start(Engine& engine, const Guest& guest, Plan& plan);
// Adds what follows its end: the NAT network goes with its last user.
void plan_ct_net_stop(Engine& engine, const Guest& guest, Plan& plan);

// ct-net-end path
std::span<const ActionKind> ct_net_actions();

// CtSystem is what kind of system a root file system holds, as far as its network is concerned.
struct CtSystem {
    enum class Manager { none, ifupdown, netplan, networkd, networkmanager, ifcfg };
    std::string family;  // "debian", "ubuntu", "alpine", "fedora", …; "" when not known
    Manager manager = Manager::none;
    bool fixed_resolv =
        true;  // /etc/resolv.conf is a plain file or missing, not made while it runs
    bool has_etc = true;
};
std::string_view ct_manager_word(CtSystem::Manager manager);

// CtFile is a file that Lodge keeps inside a container.
struct CtFile {
    enum class Kind {
        whole,      // all of it is ours
        section,    // a marked part of it, between the lines of Proxmox VE
        interfaces  // such a part of ifupdown's file, and our cards' older stanzas outside it go
    };
    std::string path;  // "/etc/hosts"
    Kind kind = Kind::section;
    std::string content;  // of the file, or of the part; "" removes the part
    mode_t mode = 0644;
    bool first = false;              // a new part goes to the top, where it is read first
    std::vector<std::string> cards;  // "eth0", for Kind::interfaces
};

// The files that tell the system inside its name, cards and name servers; pure. For `ostype:
// unmanaged` at most those for names, where Lodge sets the addresses. What cannot be said to that
// system is told in `notes`.
std::vector<CtFile> ct_net_files(const Config& config, const CtNetFacts& facts,
                                 const CtSystem& system, std::vector<std::string>& notes);
// The new content of the file; `before` is what it holds now, nullopt when it is not there. Pure.
std::string merge_ct_file(const CtFile& file, const std::optional<std::string>& before);

// CtOwner is who root of a container is on this machine's file systems.
struct CtOwner {
    uid_t uid = 0;
    gid_t gid = 0;
};

// Looks at a root file system, which nobody has to be trusted with: no link leads out of it.
CtSystem look_at_ct_system(const std::string& rootfs, std::string_view ostype);
CtSystem look_at_ct_system(const RootFolder& root, std::string_view ostype);
// Writes ct_net_files() into it, as the container's root. A file beside which lies
// .pve-ignore.<name> is left alone, as is one that is a link. Returns notes for the log. Throws
// Error when it cannot be written.
std::vector<std::string> write_ct_net_files(const Config& config, const CtNetFacts& facts,
                                            const std::string& rootfs, CtOwner owner);
std::vector<std::string> write_ct_net_files(const Config& config, const CtNetFacts& facts,
                                            const RootFolder& root, CtOwner owner);

}  // namespace lodge
