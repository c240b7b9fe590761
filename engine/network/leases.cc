#include "engine/network/leases.h"

#include <algorithm>

#include "engine/network/range.h"
#include "engine/units.h"

namespace lodge {
namespace {

bool is_mac(std::string_view text) {
    if (text.size() != 17) return false;
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (i % 3 == 2 ? c != ':' : !hex) return false;
    }
    return true;
}

}  // namespace

std::vector<Lease> parse_leases(std::string_view text) {
    constexpr size_t most = 65536;
    std::vector<Lease> leases;
    while (!text.empty() && leases.size() < most) {
        const size_t end = std::min(text.find('\n'), text.size());
        const auto words = split(text.substr(0, end), ' ');
        text.remove_prefix(std::min(end + 1, text.size()));
        if (words.size() < 4) continue;
        const auto expires = parse_integer(words[0]);
        if (!expires || *expires < 0 || !is_mac(words[1])) continue;
        if (words[2].find('/') != std::string::npos || !Ipv4Range::parse(words[2])) continue;
        leases.push_back({*expires, words[1], words[2], words[3] == "*" ? "" : words[3]});
    }
    return leases;
}

}  // namespace lodge
