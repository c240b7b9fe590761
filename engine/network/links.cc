#include "engine/network/links.h"

#include <net/if.h>
#include <netlink/route/addr.h>
#include <netlink/route/route.h>

#include <array>

#include "engine/error.h"
#include "engine/text.h"
#include "engine/units.h"

namespace lodge {
namespace {

using Cache = std::unique_ptr<nl_cache, Owned<nl_cache_free>>;
using NetlinkAddress = std::unique_ptr<rtnl_addr, Owned<rtnl_addr_put>>;
using RawAddress = std::unique_ptr<nl_addr, Owned<nl_addr_put>>;

std::string address_words(nl_addr* address) {
    std::array<char, 64> text{};
    return address ? nl_addr2str(address, text.data(), text.size()) : "";
}

void add_bridge(const NetlinkSocket& socket, const std::string& name) {
    const NetlinkLink link(rtnl_link_alloc());
    if (!link) throw Error("cannot make the bridge " + name + ": out of memory");
    rtnl_link_set_name(link.get(), name.c_str());
    check_netlink(rtnl_link_set_type(link.get(), "bridge"), "cannot make the bridge " + name);
    nl_addr* mac = nullptr;
    check_netlink(nl_addr_parse(bridge_mac(name).c_str(), AF_LLC, &mac), "cannot make " + name);
    rtnl_link_set_addr(link.get(), mac);
    nl_addr_put(mac);
    const int result = rtnl_link_add(socket.get(), link.get(), NLM_F_CREATE | NLM_F_EXCL);
    if (result == -NLE_OPNOTSUPP)
        fail(Exit::missing, "cannot make the bridge {}: this kernel has no bridges", name);
    if (result != -NLE_EXIST) check_netlink(result, "cannot make the bridge " + name);
}

NetlinkAddress make_address(int index, const std::string& text, const std::string& what) {
    nl_addr* parsed = nullptr;
    check_netlink(nl_addr_parse(text.c_str(), AF_INET, &parsed), what);
    const RawAddress local(parsed);
    NetlinkAddress address(rtnl_addr_alloc());
    if (!address) throw Error(what + ": out of memory");
    rtnl_addr_set_ifindex(address.get(), index);
    check_netlink(rtnl_addr_set_local(address.get(), local.get()), what);
    return address;
}

int index_of(const std::string& name) {
    const auto index = static_cast<int>(::if_nametoindex(name.c_str()));
    if (index == 0) fail(Exit::failed, "the interface {} vanished", name);
    return index;
}

}  // namespace

std::string bridge_mac(const std::string& name) {
    uint32_t hash = 2166136261U;  // FNV-1a
    for (const char c : name)
        hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
    return fmt::format("02:4c:{:02x}:{:02x}:{:02x}:{:02x}", hash >> 24, hash >> 16 & 255,
                       hash >> 8 & 255, hash & 255);
}

void check_netlink(int result, const std::string& what) {
    if (result >= 0) return;
    const bool permission = result == -NLE_PERM || result == -NLE_NOACCESS;
    fail(permission ? Exit::missing : Exit::failed, "{}: {}", what, nl_geterror(result));
}

NetlinkSocket open_netlink() {
    NetlinkSocket socket(nl_socket_alloc());
    if (!socket) throw Error("cannot talk to the kernel about networks: out of memory");
    check_netlink(nl_connect(socket.get(), NETLINK_ROUTE),
                  "cannot talk to the kernel about networks");
    return socket;
}

NetlinkLink get_link(const NetlinkSocket& socket, const std::string& name) {
    rtnl_link* link = nullptr;
    const int result = rtnl_link_get_kernel(socket.get(), 0, name.c_str(), &link);
    if (result == -NLE_OBJ_NOTFOUND || result == -NLE_NODEV) return NetlinkLink();
    check_netlink(result, "cannot look at the interface " + name);
    return NetlinkLink(link);
}

void check_link_name(const std::string& name) {
    const bool good = !name.empty() && name.size() < IFNAMSIZ && name != "." && name != ".." &&
                      name.find_first_of("/ \t\n:%") == std::string::npos;
    if (!good) fail(Exit::usage, "'{}' is no name for a network interface", printable(name));
}

void make_bridge(const std::string& name, const std::string& address, const std::string& mark) {
    check_link_name(name);
    const NetlinkSocket socket = open_netlink();
    if (!get_link(socket, name)) add_bridge(socket, name);
    const NetlinkLink bridge = get_link(socket, name);
    if (!bridge) fail(Exit::failed, "the bridge {} vanished", name);
    const char* type = rtnl_link_get_type(bridge.get());
    const char* alias = rtnl_link_get_ifalias(bridge.get());
    // The kernel takes no alias for a new one: whoever was killed then left one with our address.
    const bool unnamed =
        !alias && address_words(rtnl_link_get_addr(bridge.get())) == bridge_mac(name);
    if (!type || std::string_view(type) != "bridge" || (!unnamed && (!alias || mark != alias)))
        fail(Exit::refused, "cannot make the bridge {}: there is an interface of that name{}{}",
             name, alias ? ", " : "", alias ? printable(alias) : "");
    const NetlinkLink change(rtnl_link_alloc());
    rtnl_link_set_ifalias(change.get(), mark.c_str());
    rtnl_link_set_flags(change.get(), IFF_UP);
    check_netlink(rtnl_link_change(socket.get(), bridge.get(), change.get(), 0),
                  "cannot turn on " + name);
    add_address(name, address);
}

void add_address(const std::string& name, const std::string& address) {
    const std::string what = fmt::format("cannot give {} the address {}", name, address);
    const NetlinkAddress made = make_address(index_of(name), address, what);
    const int result = rtnl_addr_add(open_netlink().get(), made.get(), NLM_F_EXCL);
    if (result != -NLE_EXIST) check_netlink(result, what);
}

void remove_address(const std::string& name, const std::string& address) {
    const std::string what = fmt::format("cannot take the address {} from {}", address, name);
    const NetlinkAddress made = make_address(index_of(name), address, what);
    const int result = rtnl_addr_delete(open_netlink().get(), made.get(), 0);
    if (result != -NLE_NOADDR && result != -NLE_OBJ_NOTFOUND) check_netlink(result, what);
}

std::string bridge_as_shell(const std::string& name, const std::string& address) {
    return fmt::format(
        "ip link add name {0} address {1} type bridge\nip address add {2} dev {0}\n"
        "ip link set dev {0} up",
        shell_quote(name), bridge_mac(name), shell_quote(address));
}

void remove_link(const std::string& name) {
    check_link_name(name);
    const NetlinkSocket socket = open_netlink();
    const NetlinkLink link = get_link(socket, name);
    if (!link) return;
    const int result = rtnl_link_delete(socket.get(), link.get());
    if (result != -NLE_NODEV && result != -NLE_OBJ_NOTFOUND)
        check_netlink(result, "cannot remove the interface " + name);
}

std::vector<Ipv4Range> routed_ranges(const std::string& except) {
    const NetlinkSocket socket = open_netlink();
    const auto left_out = static_cast<int>(::if_nametoindex(except.c_str()));
    nl_cache* found = nullptr;
    check_netlink(rtnl_route_alloc_cache(socket.get(), AF_INET, 0, &found),
                  "cannot look at this machine's routes");
    const Cache routes(found);
    std::vector<Ipv4Range> ranges;
    for (nl_object* one = nl_cache_get_first(routes.get()); one; one = nl_cache_get_next(one)) {
        auto* route = reinterpret_cast<rtnl_route*>(one);
        const nl_addr* to = rtnl_route_get_dst(route);
        if (!to || nl_addr_get_family(to) != AF_INET || nl_addr_get_len(to) != 4) continue;
        rtnl_nexthop* hop = rtnl_route_nexthop_n(route, 0);
        if (hop && left_out != 0 && rtnl_route_nh_get_ifindex(hop) == left_out) continue;
        const auto* bytes = static_cast<const unsigned char*>(nl_addr_get_binary_addr(to));
        const uint32_t base = static_cast<uint32_t>(bytes[0]) << 24 |
                              static_cast<uint32_t>(bytes[1]) << 16 |
                              static_cast<uint32_t>(bytes[2]) << 8 | bytes[3];
        ranges.push_back({base, static_cast<int>(nl_addr_get_prefixlen(to))});
    }
    return ranges;
}

}  // namespace lodge
