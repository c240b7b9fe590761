#include "engine/network/leases.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/network/nat.h"

// What a guest calls itself stands in dnsmasq's file of leases: whatever it is, each lease has an
// address that is one, and the network's own file comes back as it was written.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    for (const lodge::Lease& lease : lodge::parse_leases(text)) {
        if (!lodge::Ipv4Range::parse(lease.ip) || lease.mac.size() != 17) std::abort();
        if (lease.name.find('\n') != std::string::npos) std::abort();
    }
    const lodge::NatNetwork network = lodge::parse_nat("lodge0", text);
    if (network.range.prefix == 24 &&
        lodge::parse_nat("lodge0", lodge::print_nat(network)) != network)
        std::abort();
    return 0;
}
