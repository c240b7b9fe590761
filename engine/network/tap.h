#pragma once

#include <string>
#include <vector>

#include "engine/fd.h"

namespace lodge {

// TapWish is a guest's network interface on a host bridge.
struct TapWish {
    std::string name;          // of the interface, at most 15 bytes: "tap101i0"
    std::string bridge;        // that it becomes a port of; "" for none
    int vlan = 0;              // 1…4094: untagged for the guest, tagged on the bridge; 0 for none
    std::string trunks;        // VLANs that the guest gets tagged: "10;20-30"; "" for none
    double rate = 0;           // MB/s (10^6 bytes) each way; 0 for no limit
    int mtu = 0;               // bytes; 0: the bridge's
    bool multi_queue = false;  // made several times, a descriptor for each queue
};

// Makes the interface, sets it up as a port of the bridge and returns the descriptor that moves its
// frames (tun.ko, Documentation/networking/tuntap.rst). It is not persistent: it goes when the last
// holder of the descriptor ends, so that a guest that dies leaves nothing. Needs root
// (CAP_NET_ADMIN). An interface of that name that belongs to nobody any more is replaced. Throws
// Error: no such bridge, a bridge that does not filter VLANs, not permitted. A rate that cannot be
// limited is told in `notes`.
Fd make_tap(const TapWish& wish, std::vector<std::string>& notes);

// The same as shell commands, for reading.
std::string tap_as_shell(const TapWish& wish);

// Of that only what limits the rate, for any interface named so.
std::string rate_as_shell(const TapWish& wish);

}  // namespace lodge
