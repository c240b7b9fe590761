#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lodge {

// Ipv4Range is an IPv4 network such as 10.87.0.0/24.
struct Ipv4Range {
    uint32_t base = 0;  // its lowest address, most significant byte first
    int prefix = 32;    // 0…32

    // "10.87.0.0/24", or an address in it; without "/24" that one address. nullopt: it is none.
    static std::optional<Ipv4Range> parse(std::string_view text);
    std::string print() const;
    // The address at a distance from the lowest: 1 gives "10.87.0.1".
    std::string address(uint32_t distance) const;
    std::string netmask() const;  // "255.255.255.0"
    bool overlaps(const Ipv4Range& other) const;
    bool operator==(const Ipv4Range&) const = default;
};

// The first of Lodge's private /24 networks (10.87.0.0 and up, then some of 172.16/12 and
// 192.168/16, RFC 1918) that overlaps with none of `taken`. Routes to everything (a prefix under 4)
// do not count. Throws Error(Exit::missing) when all are taken.
Ipv4Range free_range(const std::vector<Ipv4Range>& taken);

}  // namespace lodge
