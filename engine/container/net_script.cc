#include "engine/container/net_script.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/network/tap.h"
#include "engine/units.h"

namespace lodge {
namespace {

constexpr std::string_view head =
    "#!/bin/sh\n# Made by Lodge at each start; changes here do not stay.\n"
    "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nexport PATH\n";

// Where pasta answers for a name server of this machine that only loopback reaches.
constexpr std::string_view own_resolver = "169.254.1.1";

// Nothing of this machine's loopback is to be seen inside, and no port outside, unless it is said.
std::vector<std::string> pasta_words(const CtCard& card, const CtNetFacts& facts,
                                     const std::vector<std::string>& forwards) {
    std::vector<std::string> words = {facts.pasta, "--quiet",       "--config-net", "--ns-ifname",
                                      card.name,   "--ns-mac-addr", card.mac,       "--no-map-gw",
                                      "-T",        "none",          "-U",           "none"};
    if (card.mtu > 0) words.insert(words.end(), {"--mtu", std::to_string(card.mtu)});
    if (facts.nameservers.empty())
        words.insert(words.end(), {"--dns-forward", std::string(own_resolver)});
    for (const char* protocol : {"tcp", "udp"}) {
        const std::string option = protocol == std::string_view("tcp") ? "-t" : "-u";
        bool any = false;
        for (const std::string& forward : forwards) {
            if (!forward.starts_with(protocol)) continue;
            words.insert(words.end(), {option, forward.substr(4)});
            any = true;
        }
        if (!any) words.insert(words.end(), {option, "none"});
    }
    return words;
}

}  // namespace

std::string card_script(const CtCard& card) {
    std::string text;
    if (card.rate > 0) {
        TapWish wish;
        wish.name = card.port;
        wish.rate = card.rate;
        text += rate_as_shell(wish) + "\n";
    }
    if (card.link_down) text += "ip link set dev " + shell_quote(card.port) + " down\n";
    // A limit that cannot be set is no reason to keep the container from starting.
    return text.empty() ? "" : std::string(head) + text + "exit 0\n";
}

std::string card_script_path(const CtCard& card, const CtNetFacts& facts) {
    return facts.run_folder + "/" + card.key + "-up";
}

std::string user_script_path(const CtNetFacts& facts) {
    return facts.run_folder + "/net-user";
}

std::string user_script(const CtCard& card, const CtNetFacts& facts,
                        const std::vector<std::string>& forwards) {
    const std::string pid = shell_quote(facts.run_folder + "/net-user.pid");
    std::string start;
    if (!facts.pasta.empty()) {
        start = shell_line(pasta_words(card, facts, forwards)) + " --pid " + pid +
                " \"$LXC_PID\" || exit 1\n";
    } else {
        // It says by a descriptor when the card is there.
        const std::string ready = shell_quote(facts.run_folder + "/net-user.ready");
        std::vector<std::string> words = {facts.slirp4netns, "--configure",
                                          "--disable-host-loopback", "--macaddress=" + card.mac,
                                          "--ready-fd=3"};
        if (card.mtu > 0) words.push_back(fmt::format("--mtu={}", card.mtu));
        start = "rm -f " + ready + "\nmkfifo -m 600 " + ready + " && exec 3<>" + ready +
                " || exit 1\n" + shell_line(words) + " \"$LXC_PID\" " + shell_quote(card.name) +
                " >/dev/null 2>&1 &\necho $! > " + pid +
                "\ntimeout 10 head -c 1 <&3 >/dev/null || exit 1\nexec 3>&-\nrm -f " + ready + "\n";
    }
    // The number may have gone to another program meanwhile.
    const std::string stop =
        "read -r pid < " + pid +
        " 2>/dev/null && read -r program < \"/proc/$pid/comm\" &&\n"
        "case \"$program\" in passt*|pasta*|slirp4netns) kill \"$pid\" ;; esac\n";
    return std::string(head) + "case \"${LXC_HOOK_TYPE:-$3}\" in\nstart-host)\n" + start +
           ";;\npost-stop)\n" + stop + "rm -f " + pid + "\n;;\nesac\nexit 0\n";
}

}  // namespace lodge
