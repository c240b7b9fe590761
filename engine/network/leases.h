#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lodge {

// Lease is an address that a DHCP server gave to a card.
struct Lease {
    int64_t expires = 0;  // Unix time, seconds; 0: never
    std::string mac;      // "52:54:00:f2:cf:03"
    std::string ip;       // "10.87.0.61"
    std::string name;     // as the guest calls itself; "" when it did not say
    bool operator==(const Lease&) const = default;
};

// dnsmasq's file of leases, "<expires> <mac> <ip> <name or *> <client id or *>" a line
// (dnsmasq(8), --dhcp-leasefile). Lines that are none, such as those for IPv6, are left out; never
// throws.
std::vector<Lease> parse_leases(std::string_view text);

}  // namespace lodge
