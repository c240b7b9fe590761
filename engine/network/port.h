#pragma once

#include <optional>
#include <string_view>

namespace lodge {

// GuestPort is whose card an interface of this machine belongs to, by its name.
struct GuestPort {
    int guest = 0, card = 0;
};

// "tap101i0" of a virtual machine, "veth102i0" (with a long id "v1000000002i0") of a container;
// nullopt for other names.
std::optional<GuestPort> guest_port(std::string_view name);

}  // namespace lodge
