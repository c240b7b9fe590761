#include "engine/state/link_look.h"

#include <net/if.h>
#include <net/if_arp.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <strings.h>

#include <algorithm>
#include <array>

#include "engine/error.h"
#include "engine/fd.h"
#include "engine/host.h"
#include "engine/network/nat.h"
#include "engine/network/port.h"
#include "engine/units.h"

namespace lodge {
namespace {

using Socket = std::unique_ptr<nl_sock, Owned<nl_socket_free>>;
using Cache = std::unique_ptr<nl_cache, Owned<nl_cache_free>>;

void check(int result) {
    if (result < 0)
        fail(Exit::failed, "cannot see the network interfaces: {}", nl_geterror(result));
}

std::string address_words(nl_addr* address) {
    std::array<char, 128> text{};
    return address ? std::string(nl_addr2str(address, text.data(), text.size())) : "";
}

// What the kernel calls its kinds; those without one are told apart by their hardware.
std::string kind_of(rtnl_link* link) {
    const char* type = rtnl_link_get_type(link);
    if (type && std::string_view(type) == "tun") return "tap";
    if (type) return type;
    const unsigned hardware = rtnl_link_get_arptype(link);
    if (hardware == ARPHRD_LOOPBACK) return "loopback";
    return hardware == ARPHRD_ETHER || hardware == ARPHRD_INFINIBAND ? "physical" : "other";
}

LinkView view_of(rtnl_link* link) {
    LinkView view;
    view.index = rtnl_link_get_ifindex(link);
    view.name = rtnl_link_get_name(link) ? rtnl_link_get_name(link) : "";
    view.kind = kind_of(link);
    view.mac = view.kind == "loopback" ? "" : address_words(rtnl_link_get_addr(link));
    const unsigned flags = rtnl_link_get_flags(link);
    view.enabled = (flags & IFF_UP) != 0;
    if (view.enabled) view.carrier = rtnl_link_get_carrier(link) != 0;
    view.mtu = static_cast<int>(rtnl_link_get_mtu(link));
    view.received = static_cast<int64_t>(rtnl_link_get_stat(link, RTNL_LINK_RX_BYTES));
    view.sent = static_cast<int64_t>(rtnl_link_get_stat(link, RTNL_LINK_TX_BYTES));
    if (const auto owner = guest_port(view.name)) {
        view.guest = owner->guest;
        view.guest_key = "net" + std::to_string(owner->card);
    }
    return view;
}

// Whose card has that hardware address.
void find_card(const std::vector<GuestView>& guests, const std::string& mac,
               NatView::Given& given) {
    for (const GuestView& view : guests) {
        const Following* following = view.guest->kind ? view.guest->kind->following() : nullptr;
        if (!following) continue;
        const auto keys = view.guest->config.indexed("net");
        const auto macs = following->macs(*view.guest);
        for (size_t i = 0; i < macs.size() && i < keys.size(); ++i) {
            if (::strcasecmp(macs[i].c_str(), mac.c_str()) != 0) continue;
            given.guest = view.guest->id;
            given.guest_key = keys[i];
        }
    }
}

}  // namespace

struct LinkLook::Netlink {
    Netlink() : socket(nl_socket_alloc()) {
        if (!socket) fail(Exit::failed, "cannot see the network interfaces: out of memory");
        check(nl_connect(socket.get(), NETLINK_ROUTE));
    }
    Cache links() const {
        nl_cache* cache = nullptr;
        check(rtnl_link_alloc_cache(socket.get(), AF_UNSPEC, &cache));
        return Cache(cache);
    }
    Cache addresses() const {
        nl_cache* cache = nullptr;
        check(rtnl_addr_alloc_cache(socket.get(), &cache));
        return Cache(cache);
    }
    Socket socket;
};

LinkLook::LinkLook(const Host& host) : host_(host) {}

LinkLook::~LinkLook() = default;

void LinkLook::add_facts(LinkView& link) const {
    const std::string folder = host_.system("/sys/class/net/" + link.name);
    // IFF_TUN of linux/if_tun.h: packets without an Ethernet header.
    if (link.kind == "tap" && host_.read_line(folder + "/tun_flags").ends_with('1'))
        link.kind = "tun";
    if (link.kind == "physical" && !host_.exists(folder + "/device")) link.kind = "virtual";
    if (link.kind == "physical" && host_.exists(folder + "/phy80211")) link.kind = "wireless";
    if (!link.carrier.value_or(false)) return;
    try {
        const auto speed = parse_integer(host_.read_line(folder + "/speed"));
        if (speed && *speed > 0 && *speed < 10'000'000) link.speed = static_cast<int>(*speed);
    } catch (const Error&) {
        return;  // a card that does not tell
    }
}

void LinkLook::look(Seen& seen, Time now) {
    if (!netlink_) netlink_ = std::make_unique<Netlink>();
    const Cache links = netlink_->links();
    const Cache addresses = netlink_->addresses();
    std::map<int, size_t> places;
    std::map<int, int> masters;
    seen.links.clear();
    for (nl_object* one = nl_cache_get_first(links.get()); one; one = nl_cache_get_next(one)) {
        auto* link = reinterpret_cast<rtnl_link*>(one);
        LinkView view = view_of(link);
        add_facts(view);
        Meters& meters = meters_[view.index];
        view.in = meters.in.rate(static_cast<double>(view.received), now);
        view.out = meters.out.rate(static_cast<double>(view.sent), now);
        masters[view.index] = rtnl_link_get_master(link);
        places[view.index] = seen.links.size();
        seen.links.push_back(std::move(view));
    }
    std::erase_if(meters_, [&](const auto& entry) { return !places.contains(entry.first); });
    for (LinkView& link : seen.links)
        if (const auto master = places.find(masters[link.index]); master != places.end())
            link.master = seen.links[master->second].name;
    for (nl_object* one = nl_cache_get_first(addresses.get()); one; one = nl_cache_get_next(one)) {
        auto* address = reinterpret_cast<rtnl_addr*>(one);
        const auto place = places.find(rtnl_addr_get_ifindex(address));
        if (place == places.end()) continue;
        std::string words = address_words(rtnl_addr_get_local(address));
        if (words.find('/') == std::string::npos)
            words += fmt::format("/{}", rtnl_addr_get_prefixlen(address));
        seen.links[place->second].addresses.push_back(std::move(words));
    }
    add_networks(seen);
}

// What Lodge's own networks gave to whom.
void LinkLook::add_networks(Seen& seen) const {
    for (const NatLook& network : look_at_nats(host_)) {
        const auto bridge =
            std::find_if(seen.links.begin(), seen.links.end(), [&](const LinkView& link) {
                return link.name == network.network.name && link.kind == "bridge";
            });
        if (!network.up || bridge == seen.links.end()) continue;
        NatView view{network.network.range.print(), network.network.gateway(), network.dhcp, {}};
        for (const Lease& lease : network.leases) {
            NatView::Given given{lease.ip, lease.mac, lease.name, 0, {}};
            find_card(seen.guests, lease.mac, given);
            view.leases.push_back(std::move(given));
        }
        for (LinkView& link : seen.links)
            for (const NatView::Given& given : view.leases)
                if (link.guest != 0 && link.guest == given.guest &&
                    link.guest_key == given.guest_key)
                    link.leased = given.ip;
        bridge->kind = "NAT";
        bridge->nat = std::move(view);
    }
}

}  // namespace lodge
