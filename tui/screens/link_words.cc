#include "tui/screens/link_words.h"

#include <fmt/format.h>

#include <algorithm>

namespace lodge {
namespace {

constexpr int deepest = 8;  // what the kernel says of masters may change while it is read

bool has_master(const std::vector<LinkView>& links, const LinkView& link) {
    return !link.master.empty() &&
           std::any_of(links.begin(), links.end(),
                       [&](const LinkView& other) { return other.name == link.master; });
}

void add_ports(const std::vector<LinkView>& links, const LinkView& master, int depth,
               std::vector<LinkPlace>& tree) {
    if (depth > deepest) return;
    const size_t before = tree.size();
    size_t last = before;
    for (size_t i = 0; i < links.size(); ++i) {
        if (links[i].master != master.name) continue;
        last = tree.size();
        tree.push_back({i, depth});
        add_ports(links, links[i], depth + 1, tree);
    }
    if (tree.size() > before) tree[last].last = true;
}

}  // namespace

std::string_view link_state_word(const LinkView& link) {
    if (!link.enabled) return "down";
    return link.carrier.value_or(true) ? "up" : "no carrier";
}

Role link_role(const LinkView& link) {
    if (!link.enabled) return Role::dim;
    return link.carrier.value_or(true) ? Role::good : Role::warning;
}

std::string link_speed_words(const LinkView& link) {
    if (!link.speed || *link.speed <= 0) return "";
    if (*link.speed < 1000) return fmt::format("{}M", *link.speed);
    if (*link.speed % 1000 == 0) return fmt::format("{}G", *link.speed / 1000);
    return fmt::format("{:.1f}G", *link.speed / 1000.0);
}

std::vector<LinkPlace> link_tree(const std::vector<LinkView>& links) {
    std::vector<LinkPlace> tree;
    // What the machine talks by comes first; loopback, which all have, last.
    for (const int round : {0, 1, 2})
        for (size_t i = 0; i < links.size(); ++i) {
            const LinkView& link = links[i];
            if (has_master(links, link)) continue;
            const int wanted = link.kind == "loopback"                            ? 2
                               : link.kind == "physical" || link.kind == "bridge" ? 0
                                                                                  : 1;
            if (wanted != round) continue;
            tree.push_back({i});
            add_ports(links, link, 1, tree);
        }
    return tree;
}

}  // namespace lodge
