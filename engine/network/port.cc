#include "engine/network/port.h"

#include "engine/units.h"

namespace lodge {

std::optional<GuestPort> guest_port(std::string_view name) {
    for (const std::string_view stem : {"tap", "veth", "v"}) {
        if (!name.starts_with(stem)) continue;
        const auto middle = name.find('i', stem.size());
        if (middle == std::string_view::npos) continue;
        const auto guest = parse_integer(name.substr(stem.size(), middle - stem.size()));
        const auto card = parse_integer(name.substr(middle + 1));
        if (guest && card && *guest >= 100 && *guest <= 999999999 && *card >= 0 && *card <= 31)
            return GuestPort{static_cast<int>(*guest), static_cast<int>(*card)};
    }
    return std::nullopt;
}

}  // namespace lodge
