#pragma once

#include <string>
#include <string_view>

#include "engine/network/range.h"

namespace lodge {

// Carries out commands of nft(8) in one go, all or none, and returns what they print
// (libnftables(3)). Throws Error "<what>: <its words>".
std::string run_nft(const std::string& commands, const std::string& what);

// The commands that make a network's rules, and those that take them away; both may be given
// again. All is in a table of Lodge's own, `inet lodge`: what comes from the network to elsewhere
// leaves under this machine's address, what answers comes back, nothing else is let in.
// `was_no_router`: this machine forwarded nothing before, and for all others it stays so, which
// the chain "no-router" sees to; that it stands there says that forwarding goes off again.
std::string nat_rules(const std::string& network, const Ipv4Range& range, bool was_no_router);
std::string nat_rules_away(const std::string& network, const Ipv4Range& range);

// Of what "list table inet lodge" prints: whether any network's chains stand in it, and the mark.
bool has_networks(std::string_view table);
bool has_no_router(std::string_view table);

}  // namespace lodge
