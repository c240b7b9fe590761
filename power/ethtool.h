#pragma once

#include <optional>
#include <string>
#include <string_view>

// What network cards keep outside sysfs, by SIOCETHTOOL (linux/ethtool.h), under paths of our own
// so that knobs and recorded machines know one kind of place:
//   /lodge/ethtool/<card>/wol            letters of "pumbagsf", "d": off
//   /lodge/ethtool/<card>/tso gso gro    on, off
namespace lodge::ethtool {

inline constexpr std::string_view folder = "/lodge/ethtool/";

inline bool is_path(std::string_view path) {
    return path.starts_with(folder);
}
std::optional<std::string> read(std::string_view path);    // nullopt: the card knows no such thing
int write(std::string_view path, std::string_view value);  // 0 or errno

}  // namespace lodge::ethtool
