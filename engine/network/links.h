#pragma once

#include <netlink/netlink.h>
#include <netlink/route/link.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/fd.h"
#include "engine/network/range.h"

namespace lodge {

using NetlinkSocket = std::unique_ptr<nl_sock, Owned<nl_socket_free>>;
using NetlinkLink = std::unique_ptr<rtnl_link, Owned<rtnl_link_put>>;

// Throws Error when libnl says so: missing for a lack of rights.
void check_netlink(int result, const std::string& what);
NetlinkSocket open_netlink();
// Empty when there is no such interface.
NetlinkLink get_link(const NetlinkSocket& socket, const std::string& name);
// Throws Error(Exit::usage) for what cannot be an interface's name (linux/if.h).
void check_link_name(const std::string& name);

// Makes sure of a bridge that has the address ("10.87.0.1/24") and is up; `mark` becomes its alias,
// by which its maker knows it again. Its hardware address stays the same whoever joins. Throws
// Error; refused when the name is taken by something else or by a bridge with another alias.
void make_bridge(const std::string& name, const std::string& address, const std::string& mark);
// The hardware address it gets: the same whenever it is made anew.
std::string bridge_mac(const std::string& name);
std::string bridge_as_shell(const std::string& name, const std::string& address);
// Makes sure of an address of this machine itself ("10.87.0.1/32" on "lo"), or takes it away.
void add_address(const std::string& name, const std::string& address);
void remove_address(const std::string& name, const std::string& address);
// Removes the interface if it is there still.
void remove_link(const std::string& name);

// The networks that this machine has routes to, those of one interface left out. Throws Error.
std::vector<Ipv4Range> routed_ranges(const std::string& except);

}  // namespace lodge
