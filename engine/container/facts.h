#pragma once

#include "engine/container/lxc_config.h"
#include "engine/guest.h"

namespace lodge {

// The facts of this machine for one container. Throws as id_map_of() does.
LxcFacts ct_facts(Engine& engine, const Guest& guest);

// Where the kernel keeps control groups, by controller ("memory", "cpu", …; of version 2 also
// those that have no controller, as "").
struct GroupRoots {
    std::map<std::string, std::string> version1;  // controller -> mount point
    std::string version2;                         // mount point; "" for none
    std::set<std::string> controllers2;           // that version 2 has
};
GroupRoots group_roots(const Host& host);

}  // namespace lodge
