#include "engine/network/tap.h"

#include <fcntl.h>
#include <linux/if_bridge.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>

#include "engine/error.h"
#include "engine/units.h"

namespace lodge {
namespace {

using Socket = std::unique_ptr<nl_sock, Owned<nl_socket_free>>;
using Link = std::unique_ptr<rtnl_link, Owned<rtnl_link_put>>;
using Message = std::unique_ptr<nl_msg, Owned<nlmsg_free>>;

[[noreturn]] void fail_netlink(int result, const std::string& what) {
    const bool permission = result == -NLE_PERM || result == -NLE_NOACCESS;
    fail(permission ? Exit::missing : Exit::failed, "{}: {}", what, nl_geterror(result));
}

void check(int result, const std::string& what) {
    if (result < 0) fail_netlink(result, what);
}

Socket open_netlink() {
    Socket socket(nl_socket_alloc());
    if (!socket) throw Error("cannot talk to the kernel about networks: out of memory");
    check(nl_connect(socket.get(), NETLINK_ROUTE), "cannot talk to the kernel about networks");
    return socket;
}

Link get_link(const Socket& socket, const std::string& name) {
    rtnl_link* link = nullptr;
    const int result = rtnl_link_get_kernel(socket.get(), 0, name.c_str(), &link);
    if (result == -NLE_OBJ_NOTFOUND || result == -NLE_NODEV) return Link();
    check(result, "cannot look at the interface " + name);
    return Link(link);
}

void check_name(const std::string& name) {
    const bool good = !name.empty() && name.size() < IFNAMSIZ && name != "." && name != ".." &&
                      name.find_first_of("/ \t\n:%") == std::string::npos;
    if (!good) fail(Exit::usage, "'{}' is no name for a network interface", printable(name));
}

std::string bridge_setting(const std::string& bridge, const char* setting) {
    std::ifstream file("/sys/class/net/" + bridge + "/bridge/" + setting);
    std::string value;
    std::getline(file, value);
    return value;
}

Fd open_tap(const std::string& name) {
    Fd fd(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (!fd) fail_errno(errno, "cannot make a network interface: /dev/net/tun");
    ifreq request{};
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    std::memcpy(request.ifr_name, name.c_str(), name.size());
    if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) {
        if (errno == EBUSY)
            fail(Exit::busy, "cannot make the network interface {}: another program has it", name);
        fail_errno(errno, "cannot make the network interface " + name);
    }
    // Taken over from a program that had asked the kernel to keep it: from now on it goes with us.
    ::ioctl(fd.get(), TUNSETPERSIST, 0);
    return fd;
}

// The host itself has no business with the guest's wire: no address of its own on it.
void no_address(const std::string& name) {
    std::ofstream file("/proc/sys/net/ipv6/conf/" + name + "/disable_ipv6");
    file << "1\n";  // a kernel without IPv6 has no such file, and no addresses
}

void change_vlan(const Socket& socket, int index, int type, int vlan, uint16_t flags,
                 const std::string& what) {
    const Message message(nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_ACK));
    if (!message) throw Error(what + ": out of memory");
    ifinfomsg header{};
    header.ifi_family = AF_BRIDGE;
    header.ifi_index = index;
    check(nlmsg_append(message.get(), &header, sizeof header, NLMSG_ALIGNTO), what);
    bridge_vlan_info info{};
    info.flags = flags;
    info.vid = static_cast<uint16_t>(vlan);
    nlattr* nest = nla_nest_start(message.get(), IFLA_AF_SPEC);
    if (!nest) throw Error(what + ": out of memory");
    check(nla_put(message.get(), IFLA_BRIDGE_VLAN_INFO, sizeof info, &info), what);
    nla_nest_end(message.get(), nest);
    check(nl_send_auto(socket.get(), message.get()), what);
    check(nl_wait_for_ack(socket.get()), what);
}

void join_bridge(const Socket& socket, const TapWish& wish, const Link& tap) {
    const Link bridge = get_link(socket, wish.bridge);
    const char* type = bridge ? rtnl_link_get_type(bridge.get()) : nullptr;
    if (!bridge)
        fail(Exit::not_found, "cannot connect {}: there is no bridge {} on this machine", wish.name,
             wish.bridge);
    if (!type || std::string_view(type) != "bridge")
        fail(Exit::refused, "cannot connect {}: {} is no bridge", wish.name, wish.bridge);
    if (wish.vlan != 0 && bridge_setting(wish.bridge, "vlan_filtering") != "1")
        fail(Exit::refused,
             "cannot connect {} with VLAN {}: the bridge {} does not filter VLANs; turn it on with "
             "ip link set {} type bridge vlan_filtering 1",
             wish.name, wish.vlan, wish.bridge, wish.bridge);
    const std::string what = fmt::format("cannot connect {} to {}", wish.name, wish.bridge);
    const Link change(rtnl_link_alloc());
    // A port with a smaller MTU would make the whole bridge's smaller.
    rtnl_link_set_mtu(change.get(), rtnl_link_get_mtu(bridge.get()));
    rtnl_link_set_master(change.get(), rtnl_link_get_ifindex(bridge.get()));
    check(rtnl_link_change(socket.get(), tap.get(), change.get(), 0), what);
    if (wish.vlan == 0) return;
    const int index = rtnl_link_get_ifindex(tap.get());
    change_vlan(socket, index, RTM_SETLINK, wish.vlan,
                BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED, what);
    // The VLAN that every new port is in at first; the guest is not to see it.
    const std::string first = bridge_setting(wish.bridge, "default_pvid");
    if (const auto number = parse_integer(first); number && *number > 0 && *number != wish.vlan)
        change_vlan(socket, index, RTM_DELLINK, static_cast<int>(*number), 0, what);
}

}  // namespace

Fd make_tap(const TapWish& wish) {
    check_name(wish.name);
    const Socket socket = open_netlink();
    Fd fd = open_tap(wish.name);
    no_address(wish.name);
    const Link tap = get_link(socket, wish.name);
    if (!tap) fail(Exit::failed, "the network interface {} vanished", wish.name);
    if (!wish.bridge.empty()) {
        check_name(wish.bridge);
        join_bridge(socket, wish, tap);
    }
    const Link up(rtnl_link_alloc());
    rtnl_link_set_flags(up.get(), IFF_UP);
    check(rtnl_link_change(socket.get(), tap.get(), up.get(), 0), "cannot turn on " + wish.name);
    return fd;
}

std::string tap_as_shell(const TapWish& wish) {
    const std::string name = shell_quote(wish.name);
    std::string text = "ip tuntap add dev " + name + " mode tap vnet_hdr";
    if (!wish.bridge.empty())
        text += "\nip link set dev " + name + " master " + shell_quote(wish.bridge);
    if (wish.vlan != 0)
        text += fmt::format(
            "\nbridge vlan add dev {} vid {} pvid untagged\nbridge vlan del dev {} vid 1", name,
            wish.vlan, name);
    return text + "\nip link set dev " + name + " up";
}

void remove_link(const std::string& name) {
    check_name(name);
    const Socket socket = open_netlink();
    if (const Link link = get_link(socket, name))
        check(rtnl_link_delete(socket.get(), link.get()), "cannot remove the interface " + name);
}

}  // namespace lodge
