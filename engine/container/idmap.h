#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/config.h"
#include "engine/host.h"

namespace lodge {

// IdMap is how numbers of users and groups inside a container are numbers of this machine
// (user_namespaces(7)). An empty one is a privileged container: root inside is root.
struct IdMap {
    struct Range {
        bool gid = false;
        uint32_t inside = 0, outside = 0, count = 0;
        bool operator==(const Range&) const = default;
    };
    std::vector<Range> ranges;

    bool empty() const { return ranges.empty(); }  // privileged
    bool operator==(const IdMap&) const = default;
    // The number on this machine of one inside, and the other way; nullopt where the map has none.
    // An empty map gives the same number.
    std::optional<uint32_t> outside_uid(uint32_t inside) const;
    std::optional<uint32_t> outside_gid(uint32_t inside) const;
    std::optional<uint32_t> inside_uid(uint32_t outside) const;
    std::optional<uint32_t> inside_gid(uint32_t outside) const;
};

// How many users and groups a distribution counts on: nobody is 65534.
constexpr uint32_t container_ids = 65536;

// Lines of the form "u 0 100000 65536", as the raw key lxc.idmap has them; "g" for groups. Throws
// Error(Exit::usage) for a line that is none.
IdMap parse_id_map(const std::vector<std::string>& lines);
// One such line for each range.
std::vector<std::string> print_id_map(const IdMap& map);

// The ranges of a user of this machine, `name` or its number, from texts of subuid(5) and
// subgid(5), joined until container_ids are there. Empty when there are fewer of either.
IdMap sub_id_map(std::string_view subuid, std::string_view subgid, std::string_view name,
                 uid_t uid);

// The map of a container: its raw lxc.idmap lines, else the ranges that /etc/subuid and /etc/subgid
// give to the user whom Lodge acts as. Empty for a privileged container of root. Throws
// Error(Exit::missing) that says what to write into which file when there is no range, or too
// small a one.
IdMap id_map_of(const Host& host, const Config& config);

// The first number from 100000 on after which `count` numbers belong to nobody in the text of
// subuid(5) or subgid(5).
uint32_t free_sub_ids(std::string_view text, uint32_t count);

}  // namespace lodge
