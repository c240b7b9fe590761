#include "engine/network/range.h"

#include <algorithm>

#include "engine/error.h"
#include "engine/units.h"

namespace lodge {
namespace {

uint32_t mask_of(int prefix) {
    return prefix <= 0 ? 0 : ~uint32_t{0} << (32 - prefix);
}

std::string dotted(uint32_t address) {
    return fmt::format("{}.{}.{}.{}", address >> 24, address >> 16 & 255, address >> 8 & 255,
                       address & 255);
}

std::optional<uint32_t> parse_dotted(std::string_view text) {
    const auto parts = split(text, '.');
    if (parts.size() != 4) return std::nullopt;
    uint32_t address = 0;
    for (const std::string& part : parts) {
        const auto byte = parse_integer(part);
        if (!byte || *byte < 0 || *byte > 255 || part.size() > 3) return std::nullopt;
        address = address << 8 | static_cast<uint32_t>(*byte);
    }
    return address;
}

}  // namespace

std::optional<Ipv4Range> Ipv4Range::parse(std::string_view text) {
    const size_t slash = text.find('/');
    const auto address = parse_dotted(text.substr(0, slash));
    Ipv4Range range;
    if (slash != std::string_view::npos) {
        const auto prefix = parse_integer(text.substr(slash + 1));
        if (!prefix || *prefix < 0 || *prefix > 32) return std::nullopt;
        range.prefix = static_cast<int>(*prefix);
    }
    if (!address) return std::nullopt;
    range.base = *address & mask_of(range.prefix);
    return range;
}

std::string Ipv4Range::print() const {
    return fmt::format("{}/{}", dotted(base), prefix);
}

std::string Ipv4Range::address(uint32_t distance) const {
    return dotted(base + distance);
}

std::string Ipv4Range::netmask() const {
    return dotted(mask_of(prefix));
}

bool Ipv4Range::overlaps(const Ipv4Range& other) const {
    return ((base ^ other.base) & mask_of(std::min(prefix, other.prefix))) == 0;
}

Ipv4Range free_range(const std::vector<Ipv4Range>& taken) {
    constexpr uint32_t pools[] = {10U << 24 | 87U << 16, 172U << 24 | 30U << 16,
                                  192U << 24 | 168U << 16};
    for (const uint32_t pool : pools)
        for (uint32_t third = 0; third < 256; ++third) {
            const Ipv4Range range{pool | third << 8, 24};
            if (std::none_of(taken.begin(), taken.end(), [&](const Ipv4Range& one) {
                    return one.prefix >= 4 && one.overlaps(range);
                }))
                return range;
        }
    fail(Exit::missing,
         "cannot choose addresses for a network of Lodge's own: this machine has routes to all of "
         "10.87, 172.30 and 192.168; say a range with --range");
}

}  // namespace lodge
