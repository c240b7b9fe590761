#include "power/ethtool.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "engine/fd.h"

namespace lodge::ethtool {
namespace {

struct Place {
    std::string card, what;
};

std::optional<Place> place_of(std::string_view path) {
    path.remove_prefix(std::min(path.size(), folder.size()));
    const auto slash = path.find('/');
    if (slash == std::string_view::npos || slash == 0 || slash >= IFNAMSIZ) return std::nullopt;
    return Place{std::string(path.substr(0, slash)), std::string(path.substr(slash + 1))};
}

int ask(const std::string& card, void* question) {
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket) return errno;
    ifreq request{};
    card.copy(request.ifr_name, sizeof request.ifr_name - 1);
    request.ifr_data = static_cast<char*>(question);
    return ::ioctl(socket.get(), SIOCETHTOOL, &request) == 0 ? 0 : errno;
}

// The bits WAKE_PHY … WAKE_FILTER in the letters of ethtool(8).
constexpr std::string_view wake_letters = "pumbagsf";

struct Offload {
    std::string_view name;
    uint32_t get, set;
};
constexpr Offload offloads[] = {{"tso", ETHTOOL_GTSO, ETHTOOL_STSO},
                                {"gso", ETHTOOL_GGSO, ETHTOOL_SGSO},
                                {"gro", ETHTOOL_GGRO, ETHTOOL_SGRO}};

const Offload* find_offload(std::string_view name) {
    const auto* found = std::find_if(std::begin(offloads), std::end(offloads),
                                     [&](const Offload& one) { return one.name == name; });
    return found == std::end(offloads) ? nullptr : found;
}

}  // namespace

std::optional<std::string> read(std::string_view path) {
    const auto place = place_of(path);
    if (!place) return std::nullopt;
    if (place->what == "wol") {
        ethtool_wolinfo info{};
        info.cmd = ETHTOOL_GWOL;
        if (ask(place->card, &info) != 0 || info.supported == 0) return std::nullopt;
        std::string letters;
        for (size_t i = 0; i < wake_letters.size(); ++i)
            if (info.wolopts & (1u << i)) letters += wake_letters[i];
        return letters.empty() ? "d" : letters;
    }
    const Offload* offload = find_offload(place->what);
    if (!offload) return std::nullopt;
    ethtool_value value{};
    value.cmd = offload->get;
    if (ask(place->card, &value) != 0) return std::nullopt;
    return value.data ? "on" : "off";
}

int write(std::string_view path, std::string_view text) {
    const auto place = place_of(path);
    if (!place) return ENOENT;
    if (place->what == "wol") {
        ethtool_wolinfo info{};
        info.cmd = ETHTOOL_GWOL;
        if (const int trouble = ask(place->card, &info)) return trouble;
        info.cmd = ETHTOOL_SWOL;
        info.wolopts = 0;
        for (const char c : text) {
            const auto at = wake_letters.find(c);
            if (at == std::string_view::npos && c != 'd') return EINVAL;
            if (at != std::string_view::npos) info.wolopts |= 1u << at;
        }
        return ask(place->card, &info);
    }
    const Offload* offload = find_offload(place->what);
    if (!offload) return ENOENT;
    if (text != "on" && text != "off") return EINVAL;
    ethtool_value value{};
    value.cmd = offload->set;
    value.data = text == "on";
    return ask(place->card, &value);
}

}  // namespace lodge::ethtool
