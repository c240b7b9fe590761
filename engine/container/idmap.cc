#include "engine/container/idmap.h"

#include <pwd.h>

#include <algorithm>

#include "engine/error.h"
#include "engine/units.h"

namespace lodge {
namespace {

std::optional<uint32_t> look_up(const std::vector<IdMap::Range>& ranges, bool gid, uint32_t id,
                                uint32_t IdMap::Range::*from, uint32_t IdMap::Range::*to) {
    if (ranges.empty()) return id;
    for (const IdMap::Range& range : ranges)
        if (range.gid == gid && id >= range.*from && id - range.*from < range.count)
            return range.*to + (id - range.*from);
    return std::nullopt;
}

std::optional<uint32_t> whole_id(std::string_view text) {
    const auto number = parse_integer(text);
    if (!number || *number < 0 || *number > 0xfffffffeLL) return std::nullopt;
    return static_cast<uint32_t>(*number);
}

// SubRange is a line of subuid(5): "name:first:count".
struct SubRange {
    std::string owner;
    uint32_t first = 0, count = 0;
};

std::vector<SubRange> sub_ranges(std::string_view text) {
    std::vector<SubRange> found;
    for (const std::string& line : split(text, '\n')) {
        const auto parts = split(trim(line), ':');
        if (parts.size() != 3) continue;
        const auto first = whole_id(parts[1]);
        const auto count = whole_id(parts[2]);
        if (!first || !count || *count == 0 || *first > 0xfffffffeU - *count) continue;
        found.push_back({parts[0], *first, *count});
    }
    return found;
}

// Adds ranges until container_ids are mapped; false when there are too few.
bool take_ranges(std::string_view text, std::string_view name, uid_t uid, bool gid, IdMap& map) {
    uint32_t inside = 0;
    for (const SubRange& range : sub_ranges(text)) {
        if (range.owner != name && range.owner != std::to_string(uid)) continue;
        const uint32_t count = std::min(range.count, container_ids - inside);
        map.ranges.push_back({gid, inside, range.first, count});
        inside += count;
        if (inside == container_ids) return true;
    }
    return false;
}

std::string user_name(uid_t uid) {
    const passwd* entry = ::getpwuid(uid);
    return entry ? entry->pw_name : std::to_string(uid);
}

[[noreturn]] void fail_without_ranges(const Host& host, std::string_view subuid,
                                      std::string_view subgid) {
    const std::string name = host.is_root() ? "root" : user_name(host.uid());
    std::vector<std::string> missing;
    const auto say = [&](std::string_view text, std::string_view file) {
        IdMap probe;
        if (take_ranges(text, name, host.uid(), false, probe)) return;
        uint32_t has = 0;
        for (const IdMap::Range& range : probe.ranges)
            has += range.count;
        missing.push_back(
            fmt::format("{} gives {} {} of the {} that a container needs; add the "
                        "line {}:{}:{}",
                        file, name, has == 0 ? "none" : std::to_string(has), container_ids, name,
                        free_sub_ids(text, container_ids), container_ids));
    };
    say(subuid, "/etc/subuid");
    say(subgid, "/etc/subgid");
    fail(Exit::missing,
         "an unprivileged container needs numbers of users and groups of its own: {}",
         join(missing, "; "));
}

}  // namespace

std::optional<uint32_t> IdMap::outside_uid(uint32_t inside) const {
    return look_up(ranges, false, inside, &Range::inside, &Range::outside);
}
std::optional<uint32_t> IdMap::outside_gid(uint32_t inside) const {
    return look_up(ranges, true, inside, &Range::inside, &Range::outside);
}
std::optional<uint32_t> IdMap::inside_uid(uint32_t outside) const {
    return look_up(ranges, false, outside, &Range::outside, &Range::inside);
}
std::optional<uint32_t> IdMap::inside_gid(uint32_t outside) const {
    return look_up(ranges, true, outside, &Range::outside, &Range::inside);
}

IdMap parse_id_map(const std::vector<std::string>& lines) {
    IdMap map;
    for (const std::string& line : lines) {
        std::vector<std::string> words;
        for (const std::string& word : split(line, ' '))
            if (!trim(word).empty()) words.emplace_back(trim(word));
        const bool known = words.size() == 4 && (words[0] == "u" || words[0] == "g");
        const auto inside = known ? whole_id(words[1]) : std::nullopt;
        const auto outside = known ? whole_id(words[2]) : std::nullopt;
        const auto count = known ? whole_id(words[3]) : std::nullopt;
        if (!inside || !outside || !count || *count == 0 || *inside > 0xfffffffeU - *count ||
            *outside > 0xfffffffeU - *count)
            fail(Exit::usage,
                 "lxc.idmap: '{}' is not allowed: u or g, the first number inside, the first one "
                 "of this machine and how many, such as u 0 100000 65536",
                 printable(line));
        map.ranges.push_back({words[0] == "g", *inside, *outside, *count});
    }
    return map;
}

std::vector<std::string> print_id_map(const IdMap& map) {
    std::vector<std::string> lines;
    for (const IdMap::Range& range : map.ranges)
        lines.push_back(fmt::format("{} {} {} {}", range.gid ? 'g' : 'u', range.inside,
                                    range.outside, range.count));
    return lines;
}

IdMap sub_id_map(std::string_view subuid, std::string_view subgid, std::string_view name,
                 uid_t uid) {
    IdMap map;
    if (take_ranges(subuid, name, uid, false, map) && take_ranges(subgid, name, uid, true, map))
        return map;
    return {};
}

uint32_t free_sub_ids(std::string_view text, uint32_t count) {
    auto taken = sub_ranges(text);
    std::sort(taken.begin(), taken.end(),
              [](const SubRange& a, const SubRange& b) { return a.first < b.first; });
    uint32_t first = 100000;
    for (const SubRange& range : taken)
        if (range.first < first + count && first < range.first + range.count)
            first = range.first + range.count;
    return first;
}

IdMap id_map_of(const Host& host, const Config& config) {
    std::vector<std::string> raw;
    for (const auto& [key, value] : config.current.entries())
        if (key == "lxc.idmap") raw.push_back(value);
    if (!raw.empty()) return parse_id_map(raw);
    if (host.is_root() && !config.flag("unprivileged")) return {};
    const std::string subuid = host.read(host.system("/etc/subuid")).value_or("");
    const std::string subgid = host.read(host.system("/etc/subgid")).value_or("");
    IdMap map =
        sub_id_map(subuid, subgid, host.is_root() ? "root" : user_name(host.uid()), host.uid());
    if (map.empty()) fail_without_ranges(host, subuid, subgid);
    return map;
}

}  // namespace lodge
