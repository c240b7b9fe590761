#include <fmt/format.h>

#include <algorithm>

#include "engine/container/net.h"
#include "engine/container/net_managers.h"
#include "engine/units.h"

// What the system inside is told: its name, its name servers, and its cards by whatever program
// sets them up there.

namespace lodge {
namespace {

// Addresses such as 192.0.2.10/24; "dhcp", "auto" and "manual" are none.
std::string plain_address(const std::string& ip) {
    const size_t slash = ip.find('/');
    return slash == std::string::npos ? "" : ip.substr(0, slash);
}

std::string host_name(const Config& config, int id) {
    const std::string name = config.string_of("hostname");
    return name.empty() ? fmt::format("CT{}", id) : name;
}

std::vector<std::string> words_in(std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c == ',' || c == ';' || c == '\t'; }, ' ');
    std::vector<std::string> words;
    for (std::string& word : split(text, ' '))
        if (!word.empty()) words.push_back(std::move(word));
    return words;
}

CtFile hosts_file(const std::string& name, const std::string& domain,
                  const std::vector<CtCard>& cards) {
    const size_t dot = name.find('.');
    const std::string short_name = name.substr(0, dot);
    std::string full = name;
    if (dot == std::string::npos && !domain.empty()) full += "." + domain;
    std::string own = "127.0.1.1";
    for (const CtCard& card : cards)
        if (const std::string ip = plain_address(card.ip); !ip.empty()) {
            own = ip;
            break;
        }
    CtFile file{.path = "/etc/hosts", .kind = CtFile::Kind::section, .content = {}, .cards = {}};
    file.content =
        "127.0.0.1 localhost.localnet localhost\n"
        "::1 localhost.localnet localhost\n" +
        own + " " + full + (full == short_name ? "" : " " + short_name) + "\n";
    return file;
}

std::vector<std::string> servers_of(const Config& config, const CtNetFacts& facts,
                                    const std::vector<CtCard>& cards) {
    if (const auto said = config.current.get("nameserver")) return words_in(*said);
    for (const CtCard& card : cards)
        if (card.nat && card.way == CtCard::Way::bridge)
            if (const auto own = facts.nat_gateways.find(card.network);
                own != facts.nat_gateways.end())
                return {own->second};
    if (!facts.nameservers.empty()) return facts.nameservers;
    const bool user = std::any_of(cards.begin(), cards.end(),
                                  [](const CtCard& card) { return card.way == CtCard::Way::user; });
    // Where pasta and slirp4netns answer in this machine's place.
    if (user) return {facts.pasta.empty() ? "10.0.2.3" : "169.254.1.1"};
    return {};
}

}  // namespace

std::vector<CtFile> ct_net_files(const Config& config, const CtNetFacts& facts,
                                 const CtSystem& system, std::vector<std::string>& notes) {
    if (!system.has_etc) return {};
    const std::vector<CtCard> cards = ct_cards(config, facts);
    const bool unmanaged = config.string_of("ostype") == "unmanaged";
    // An application without a system around it still asks for names.
    if (unmanaged &&
        std::none_of(cards.begin(), cards.end(), [](const CtCard& card) { return card.by_host; }))
        return {};
    const std::string name = host_name(config, facts.id);
    const auto searched = config.current.get("searchdomain");
    CtNames names;
    names.search = words_in(searched ? *searched : facts.searchdomain);
    names.servers = servers_of(config, facts, cards);

    std::vector<CtFile> files;
    files.push_back({.path = "/etc/hostname",
                     .kind = CtFile::Kind::whole,
                     .content = name.substr(0, name.find('.')) + "\n",
                     .cards = {}});
    files.push_back(hosts_file(name, names.search.empty() ? "" : names.search.front(), cards));
    if (system.fixed_resolv) {
        CtFile resolv{.path = "/etc/resolv.conf", .content = {}, .first = true, .cards = {}};
        if (!names.search.empty()) resolv.content = "search " + join(names.search, " ") + "\n";
        for (const std::string& server : names.servers)
            resolv.content += "nameserver " + server + "\n";
        if (!resolv.content.empty()) files.push_back(std::move(resolv));
    }
    if (cards.empty() || unmanaged) return files;
    for (CtFile& file : manager_files(system, cards, names, notes))
        files.push_back(std::move(file));
    return files;
}

}  // namespace lodge
