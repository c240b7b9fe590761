#include "engine/network/nft.h"

#include <nftables/libnftables.h>

#include <memory>

#include "engine/error.h"
#include "engine/fd.h"
#include "engine/text.h"
#include "engine/units.h"

namespace lodge {
namespace {

// The first line of its complaint says what it is; more lines show where.
std::string first_line(const char* text) {
    return text ? printable(trim(split(text, '\n').front())) : "";
}

}  // namespace

std::string run_nft(const std::string& commands, const std::string& what) {
    const std::unique_ptr<nft_ctx, Owned<nft_ctx_free>> context(nft_ctx_new(NFT_CTX_DEFAULT));
    if (!context) throw Error(what + ": out of memory");
    nft_ctx_buffer_output(context.get());
    nft_ctx_buffer_error(context.get());
    if (nft_run_cmd_from_buffer(context.get(), commands.c_str()) != 0)
        fail(Exit::failed, "{}: {}", what, first_line(nft_ctx_get_error_buffer(context.get())));
    const char* output = nft_ctx_get_output_buffer(context.get());
    return output ? output : "";
}

std::string nat_rules(const std::string& network, const Ipv4Range& range, bool was_no_router) {
    const std::string own = range.print();
    std::string text = fmt::format(
        "add table inet lodge\n"
        "add set inet lodge networks {{ type ipv4_addr; flags interval; }}\n"
        "add element inet lodge networks {{ {1} }}\n"
        "add chain inet lodge {0}-forward {{ type filter hook forward priority filter; }}\n"
        "flush chain inet lodge {0}-forward\n"
        "add rule inet lodge {0}-forward ip saddr {1} accept\n"
        "add rule inet lodge {0}-forward ip daddr {1} ct state established,related accept\n"
        "add rule inet lodge {0}-forward ip daddr {1} drop\n"
        "add chain inet lodge {0}-nat {{ type nat hook postrouting priority srcnat; }}\n"
        "flush chain inet lodge {0}-nat\n"
        "add rule inet lodge {0}-nat ip saddr {1} ip daddr != {1} masquerade\n",
        network, own);
    if (was_no_router)
        text +=
            "add chain inet lodge no-router { type filter hook forward priority filter + 1; }\n"
            "flush chain inet lodge no-router\n"
            "add rule inet lodge no-router ip saddr @networks accept\n"
            "add rule inet lodge no-router ip daddr @networks accept\n"
            "add rule inet lodge no-router meta iifkind \"bridge\" meta oifkind \"bridge\" accept\n"
            "add rule inet lodge no-router meta nfproto ipv4 drop\n";
    return text;
}

std::string nat_rules_away(const std::string& network, const Ipv4Range& range) {
    // Added first, so that it is no mistake to take away what is not there.
    std::string text = fmt::format(
        "add table inet lodge\n"
        "add set inet lodge networks {{ type ipv4_addr; flags interval; }}\n"
        "add element inet lodge networks {{ {0} }}\n"
        "delete element inet lodge networks {{ {0} }}\n",
        range.print());
    for (const auto& [chain, hook] :
         {std::pair(network + "-forward", "type filter hook forward priority filter;"),
          std::pair(network + "-nat", "type nat hook postrouting priority srcnat;")})
        text += fmt::format(
            "add chain inet lodge {0} {{ {1} }}\nflush chain inet lodge {0}\n"
            "delete chain inet lodge {0}\n",
            chain, hook);
    return text;
}

bool has_networks(std::string_view table) {
    return table.find("-forward {") != std::string_view::npos;
}

bool has_no_router(std::string_view table) {
    return table.find("chain no-router {") != std::string_view::npos;
}

}  // namespace lodge
