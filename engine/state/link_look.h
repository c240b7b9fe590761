#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "engine/state/figures.h"
#include "engine/state/views.h"

namespace lodge {

class Host;

// LinkLook reads the network interfaces from the kernel (netlink), and the few things that only
// /sys/class/net tells.
class LinkLook {
  public:
    using Time = std::chrono::steady_clock::time_point;

    explicit LinkLook(const Host& host);
    ~LinkLook();
    LinkLook(const LinkLook&) = delete;
    LinkLook& operator=(const LinkLook&) = delete;

    // Throws Error when the kernel does not tell.
    void look(Seen& seen, Time now);

  private:
    struct Netlink;
    struct Meters {
        Meter in, out;
    };
    void add_facts(LinkView& link) const;
    void add_networks(Seen& seen) const;

    const Host& host_;
    std::unique_ptr<Netlink> netlink_;
    std::map<int, Meters> meters_;  // by index: an interface that comes again has another
};

}  // namespace lodge
