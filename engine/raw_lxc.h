#pragma once

#include <string>
#include <string_view>

namespace lodge {

// What is wrong with a raw lxc.* key in a container's configuration, in words; "" when it is one of
// the keys of LXC 3 and later that may stand there (lxc.container.conf(5)).
std::string raw_lxc_problem(std::string_view key);

}  // namespace lodge
