#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>

#include <bit>
#include <cstring>

#include "engine/fd.h"
#include "engine/host.h"
#include "engine/units.h"
#include "passthrough/inventory.h"
#include "passthrough/ways.h"

namespace lodge {
namespace {

int prefix_of(const sockaddr* mask) {
    int bits = 0;
    const auto* bytes = reinterpret_cast<const unsigned char*>(mask);
    const bool four = mask->sa_family == AF_INET;
    const size_t first = four ? offsetof(sockaddr_in, sin_addr) : offsetof(sockaddr_in6, sin6_addr);
    for (size_t i = 0; i < (four ? 4U : 16U); ++i)
        bits += std::popcount(bytes[first + i]);
    return bits;
}

}  // namespace

Surroundings look_around(const Host& host) {
    Surroundings around;
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) == 0) {
        const std::unique_ptr<ifaddrs, Owned<::freeifaddrs>> owner(list);
        for (const ifaddrs* one = list; one; one = one->ifa_next) {
            if (!one->ifa_addr || !one->ifa_netmask || (one->ifa_flags & IFF_LOOPBACK) != 0)
                continue;
            const int family = one->ifa_addr->sa_family;
            if (family != AF_INET && family != AF_INET6) continue;
            const void* raw =
                family == AF_INET
                    ? static_cast<const void*>(
                          &reinterpret_cast<const sockaddr_in*>(one->ifa_addr)->sin_addr)
                    : &reinterpret_cast<const sockaddr_in6*>(one->ifa_addr)->sin6_addr;
            char text[INET6_ADDRSTRLEN] = "";
            ::inet_ntop(family, raw, text, sizeof text);
            around.addresses[one->ifa_name].push_back(
                fmt::format("{}/{}", text, prefix_of(one->ifa_netmask)));
        }
    }
    if (const auto session = own_ssh_session(host)) around.ssh_address = session->here.address;
    if (const char* terminal = ::ttyname(STDIN_FILENO)) around.terminal = terminal;
    around.ssh_serves = !ssh_listens(host).empty();
    return around;
}

}  // namespace lodge
