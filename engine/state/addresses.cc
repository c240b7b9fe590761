#include "engine/state/addresses.h"

#include <arpa/inet.h>
#include <strings.h>

#include <algorithm>
#include <array>

namespace lodge {
namespace {

constexpr size_t most = 8;

enum class Family { none, ipv4, ipv6 };

// What kind of address it is, when a person could reach the guest by it.
Family reachable(const std::string& ip) {
    std::array<unsigned char, 16> bytes{};
    if (::inet_pton(AF_INET, ip.c_str(), bytes.data()) == 1) {
        const bool local = bytes[0] == 127 || bytes[0] == 0 || (bytes[0] == 169 && bytes[1] == 254);
        return local ? Family::none : Family::ipv4;
    }
    if (::inet_pton(AF_INET6, ip.c_str(), bytes.data()) != 1) return Family::none;
    const bool link = bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
    const bool nowhere = std::all_of(bytes.begin(), bytes.end() - 1, [](auto b) { return b == 0; });
    return link || nowhere ? Family::none : Family::ipv6;
}

}  // namespace

std::vector<GuestAddress> told_addresses(const std::vector<Agent::Interface>& interfaces,
                                         const std::vector<std::string>& macs) {
    const auto own = [&](const Agent::Interface& one) {
        return std::any_of(macs.begin(), macs.end(), [&](const std::string& mac) {
            return ::strcasecmp(mac.c_str(), one.mac.c_str()) == 0;
        });
    };
    const bool any_own = std::any_of(interfaces.begin(), interfaces.end(), own);
    std::vector<GuestAddress> addresses;
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        for (const Agent::Interface& one : interfaces) {
            if (any_own && !own(one)) continue;
            for (const Agent::Address& address : one.addresses) {
                const GuestAddress told{address.ip, false};
                const bool twice =
                    std::find(addresses.begin(), addresses.end(), told) != addresses.end();
                if (reachable(address.ip) == family && !twice && addresses.size() < most)
                    addresses.push_back(told);
            }
        }
    }
    return addresses;
}

}  // namespace lodge
