#include "engine/network/tap.h"

#include <fcntl.h>
#include <linux/if_bridge.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>

#include "engine/error.h"
#include "engine/network/links.h"
#include "engine/process.h"
#include "engine/units.h"

namespace lodge {
namespace {

using Socket = NetlinkSocket;
using Link = NetlinkLink;
using Message = std::unique_ptr<nl_msg, Owned<nlmsg_free>>;

std::string bridge_setting(const std::string& bridge, const char* setting) {
    std::ifstream file("/sys/class/net/" + bridge + "/bridge/" + setting);
    std::string value;
    std::getline(file, value);
    return value;
}

Fd open_tap(const std::string& name, bool multi_queue) {
    Fd fd(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (!fd) fail_errno(errno, "cannot make a network interface: /dev/net/tun");
    ifreq request{};
    request.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR |
                                           (multi_queue ? IFF_MULTI_QUEUE : 0));
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
    check_netlink(nlmsg_append(message.get(), &header, sizeof header, NLMSG_ALIGNTO), what);
    bridge_vlan_info info{};
    info.flags = flags;
    info.vid = static_cast<uint16_t>(vlan);
    nlattr* nest = nla_nest_start(message.get(), IFLA_AF_SPEC);
    if (!nest) throw Error(what + ": out of memory");
    check_netlink(nla_put(message.get(), IFLA_BRIDGE_VLAN_INFO, sizeof info, &info), what);
    nla_nest_end(message.get(), nest);
    check_netlink(nl_send_auto(socket.get(), message.get()), what);
    check_netlink(nl_wait_for_ack(socket.get()), what);
}

void join_vlans(const Socket& socket, const TapWish& wish, int index, const std::string& what) {
    if (wish.vlan == 0 && wish.trunks.empty()) return;
    if (wish.vlan != 0)
        change_vlan(socket, index, RTM_SETLINK, wish.vlan,
                    BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED, what);
    for (const std::string& range : split(wish.trunks, ';')) {
        if (range.empty()) continue;
        const auto ends = split(range, '-');
        const auto first = parse_integer(ends.front()), last = parse_integer(ends.back());
        if (ends.size() > 2 || !first || !last || *first < 1 || *last < *first || *last > 4094)
            fail(Exit::usage, "trunks: '{}' is no list of VLANs such as 10;20-30",
                 printable(wish.trunks));
        for (int64_t vlan = *first; vlan <= *last; ++vlan)
            if (vlan != wish.vlan)
                change_vlan(socket, index, RTM_SETLINK, static_cast<int>(vlan), 0, what);
    }
    // The VLAN that every new port is in at first; with another one the guest is not to see it.
    const auto first = parse_integer(bridge_setting(wish.bridge, "default_pvid"));
    if (wish.vlan != 0 && first && *first > 0 && *first != wish.vlan)
        change_vlan(socket, index, RTM_DELLINK, static_cast<int>(*first), 0, what);
}

void join_bridge(const Socket& socket, const TapWish& wish, const Link& tap) {
    const Link bridge = get_link(socket, wish.bridge);
    const char* type = bridge ? rtnl_link_get_type(bridge.get()) : nullptr;
    if (!bridge)
        fail(Exit::not_found, "cannot connect {}: there is no bridge {} on this machine", wish.name,
             wish.bridge);
    if (!type || std::string_view(type) != "bridge")
        fail(Exit::refused, "cannot connect {}: {} is no bridge", wish.name, wish.bridge);
    if ((wish.vlan != 0 || !wish.trunks.empty()) &&
        bridge_setting(wish.bridge, "vlan_filtering") != "1")
        fail(Exit::refused,
             "cannot connect {} with a VLAN: the bridge {} does not filter VLANs; turn it on with "
             "ip link set {} type bridge vlan_filtering 1",
             wish.name, wish.bridge, wish.bridge);
    const std::string what = fmt::format("cannot connect {} to {}", wish.name, wish.bridge);
    const Link change(rtnl_link_alloc());
    // A port with a smaller MTU would make the whole bridge's smaller.
    rtnl_link_set_mtu(change.get(), wish.mtu > 0 ? static_cast<unsigned>(wish.mtu)
                                                 : rtnl_link_get_mtu(bridge.get()));
    rtnl_link_set_master(change.get(), rtnl_link_get_ifindex(bridge.get()));
    check_netlink(rtnl_link_change(socket.get(), tap.get(), change.get(), 0), what);
    join_vlans(socket, wish, rtnl_link_get_ifindex(tap.get()), what);
}

// The shell's form of a limit on what the guest receives (tbf) and sends (a policer).
std::vector<std::vector<std::string>> rate_commands(const TapWish& wish) {
    const std::string rate = fmt::format("{:.0f}bit", wish.rate * 8e6);
    // A burst of 1 MB at least, or 10 ms at the rate: less would never reach the rate.
    const std::string burst = fmt::format("{:.0f}", std::max(1e6, wish.rate * 1e4));
    return {{"tc", "qdisc", "replace", "dev", wish.name, "root", "tbf", "rate", rate, "burst",
             burst, "latency", "50ms"},
            {"tc", "qdisc", "replace", "dev", wish.name, "ingress"},
            {"tc", "filter", "replace", "dev", wish.name, "parent", "ffff:", "prio", "50",
             "matchall", "action", "police", "rate", rate, "burst", burst, "drop"}};
}

void limit_rate(const TapWish& wish, std::vector<std::string>& notes) {
    for (auto argv : rate_commands(wish)) {
        std::string trouble;
        try {
            Program program;
            for (const char* folder : {"/usr/sbin/tc", "/sbin/tc", "/usr/bin/tc"})
                if (::access(folder, X_OK) == 0) argv[0] = folder;
            program.argv = argv;
            run_checked(program, std::chrono::seconds(5), "tc");
            continue;
        } catch (const Error& error) {
            trouble = error.what();
        }
        notes.push_back(
            fmt::format("rate {} MB/s of {} is not enforced: {}", wish.rate, wish.name, trouble));
        return;
    }
}

}  // namespace

Fd make_tap(const TapWish& wish, std::vector<std::string>& notes) {
    check_link_name(wish.name);
    const Socket socket = open_netlink();
    Fd fd = open_tap(wish.name, wish.multi_queue);
    no_address(wish.name);
    const Link tap = get_link(socket, wish.name);
    if (!tap) fail(Exit::failed, "the network interface {} vanished", wish.name);
    if (!wish.bridge.empty()) {
        check_link_name(wish.bridge);
        join_bridge(socket, wish, tap);
    }
    const Link up(rtnl_link_alloc());
    rtnl_link_set_flags(up.get(), IFF_UP);
    check_netlink(rtnl_link_change(socket.get(), tap.get(), up.get(), 0),
                  "cannot turn on " + wish.name);
    if (wish.rate > 0) limit_rate(wish, notes);
    return fd;
}

std::string tap_as_shell(const TapWish& wish) {
    const std::string name = shell_quote(wish.name);
    std::string text = "ip tuntap add dev " + name + " mode tap vnet_hdr";
    if (wish.multi_queue) text += " multi_queue";
    if (wish.mtu > 0) text += fmt::format("\nip link set dev {} mtu {}", name, wish.mtu);
    if (!wish.bridge.empty())
        text += "\nip link set dev " + name + " master " + shell_quote(wish.bridge);
    if (wish.vlan != 0)
        text += fmt::format(
            "\nbridge vlan add dev {} vid {} pvid untagged\nbridge vlan del dev {} vid 1", name,
            wish.vlan, name);
    for (const std::string& range : split(wish.trunks, ';'))
        if (!range.empty()) text += fmt::format("\nbridge vlan add dev {} vid {}", name, range);
    text += "\nip link set dev " + name + " up";
    if (wish.rate > 0) text += "\n" + rate_as_shell(wish);
    return text;
}

std::string rate_as_shell(const TapWish& wish) {
    std::vector<std::string> lines;
    for (const auto& argv : rate_commands(wish))
        lines.push_back(shell_line(argv));
    return join(lines, "\n");
}

}  // namespace lodge
