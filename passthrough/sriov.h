#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/plan.h"
#include "passthrough/inventory.h"

// Virtual functions (SR-IOV): a card divided by its own hardware, so that guests get parts of it
// and this machine keeps it (Documentation/PCI/pci-iov-howto.rst).
namespace lodge {

// VfSetting is what the physical function of a network card says of a virtual one. Whoever has the
// virtual function cannot change it.
struct VfSetting {
    int number = 0;
    std::optional<std::string> mac;  // "52:54:00:12:34:56"; all zeros: the driver makes one up
    std::optional<int> vlan;         // 0: none
    std::optional<bool> trust;       // it may change its MAC and listen to everything
    std::optional<bool> spoofcheck;  // what it sends must have its own MAC
    bool is_empty() const { return !mac && !vlan && !trust && !spoofcheck; }
    // "0 mac=52:54:00:12:34:56 vlan=10 trust=on spoofchk=off", with what is set.
    std::string print() const;
    // Throws Error(Exit::usage) with what is wrong in it.
    static VfSetting parse(std::string_view line);
    // What the other one says, over this.
    void take(const VfSetting& other);
};

// What the interface's driver says of its virtual functions, in their order; empty where it says
// nothing (no such interface, no network card).
std::vector<VfSetting> read_vfs(const Host& host, const std::string& interface);
// The network interface of a function; "" for none.
std::string interface_of(const Host& host, const std::string& address);
// The addresses that the virtual functions have or would have, by the offset and stride of the
// kernel's files. Throws Error when they say nothing.
std::vector<std::string> vf_addresses(const Host& host, const PciFunction& physical, int count);

// KeptVfs is what is made again at each start of the machine: a line of <config>/device/vf for a
// card, then an indented line for each setting.
struct KeptVfs {
    std::string address, ids, slot_path;
    int count = 0;
    std::vector<VfSetting> settings;
};
std::string kept_vfs_path(const Host& host);
// Lines that say nothing sensible are left out.
std::vector<KeptVfs> parse_kept_vfs(std::string_view text);
std::string print_kept_vfs(const std::vector<KeptVfs>& all);

// words: device, count, [vf], [mac], [vlan], [trust], [spoofchk], [keep], [pool].
// Throws Error with what stands in the way.
Plan plan_vfs(Engine& engine, const Values& words);
// What is kept, made again; content where it is so already. A card that is gone is a warning.
Plan plan_vfs_again(Engine& engine);
// Adds the step that gives a virtual function of a network card an address that stays, when its
// driver would make up another one at each start: the one it has here, else one made of the guest's
// and the key's numbers.
void plan_vf_mac(Engine& engine, const Inventory& inventory, const PciFunction& function, int guest,
                 std::string_view key, Plan& plan);

// The verb: vf-set address [count] [settings…] [limit]. Makes so many virtual functions (all
// others, and theirs, are taken away first) and tells the card the settings.
std::span<const ActionKind> sriov_actions();

}  // namespace lodge
