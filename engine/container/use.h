#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <set>
#include <string>

#include "engine/state/counters.h"

namespace lodge {

class Host;

// CtGroups is all control groups of a container in one look (see ct_group()).
struct CtGroups {
    std::map<std::string, std::string> version1;  // controller -> folder
    std::string version2;                         // "" for none
    std::set<std::string> controllers2;           // that version 2 has
};
CtGroups ct_groups(const Host& host, int id);

// The group of version 2 that an ordinary user's containers are made in: the one that we are in,
// when it was given over to us, as the kernel names it ("/user.slice/…"); "" when it was not.
std::string delegated_group(const Host& host);

// The group of version 2 in which a user's systemd makes groups for what they start, and gives them
// over when asked (Delegate=): "/user.slice/…/user@1000.service"; "" for root, and where none runs.
std::string user_systemd_group(const Host& host);

// Has the user's systemd put a process of theirs into a scope that is given over to it; returns its
// group, as the kernel names it. Throws Error.
std::string make_own_scope(const Host& host, const std::string& unit, pid_t pid);

// What a running container uses of what it may; nullopt when it has no control groups.
std::optional<GroupUse> ct_use(const Host& host, int id);

}  // namespace lodge
