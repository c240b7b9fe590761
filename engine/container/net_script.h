#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/container/net.h"

namespace lodge {

// What liblxc runs on this machine when it has made a card, also when the container restarts
// itself: a rate limit, a cable that is pulled. "" when there is nothing to do.
std::string card_script(const CtCard& card);
std::string card_script_path(const CtCard& card, const CtNetFacts& facts);

// What it runs before the first process of an ordinary user's container: pasta or slirp4netns,
// which ends with the container. $LXC_PID is the container's (lxc.container.conf(5)).
std::string user_script(const CtCard& card, const CtNetFacts& facts,
                        const std::vector<std::string>& forwards);
std::string user_script_path(const CtNetFacts& facts);

}  // namespace lodge
