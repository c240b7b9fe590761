#pragma once

#include "engine/checks.h"
#include "engine/field_table.h"

// Property parts that both guest kinds have. Only the schema files include this.
namespace lodge::table {

inline constexpr Field startup_parts[] = {
    whole("down", "", 0, {}, "How long to wait for this guest to stop, seconds."),
    bare(whole("order", "", 0, {}, "The place in the order at boot; stopping goes backwards.")),
    whole("up", "", 0, {}, "How long to wait after this guest before the next starts, seconds."),
};

// Lodge's own: Proxmox VE passes over this key with a warning.
inline constexpr Field hostfwd_parts[] = {
    checked("address", "127.0.0.1", checks::ipv4, "an IPv4 address",
            "The address of this machine to listen on; 0.0.0.0 is all of them."),
    required(whole("guest", "", 1, 65535, "The port of the guest.")),
    required(whole("host", "", 1, 65535, "The port of this machine.")),
    checked("net", "net0", checks::net_name, "one of net0 to net31",
            "The card; it must have no bridge."),
    required(choice("proto", "tcp", "tcp|udp", "What is forwarded.")),
};

}  // namespace lodge::table
