#pragma once

#include <functional>

#include "engine/container/idmap.h"
#include "engine/plan.h"

namespace lodge {

// Does the work in a process of its own that is root in a new user namespace of the map
// (user_namespaces(7)), waits for it, and throws what it threw. Its words and its progress are
// handed on, a cancelling is handed to it. Our own user is there too, behind the map's last number,
// so that what belongs to us can be given away.
//
// Root writes the map itself; anyone else needs newuidmap and newgidmap (Debian: uidmap) and ranges
// in /etc/subuid and /etc/subgid. Paths that only we may walk are closed to the process: open them
// before. Throws Error(Exit::missing) when the machine has no user namespaces for us.
void run_in_user_namespace(Work& work, const IdMap& map, const std::function<void(Work&)>& does);

}  // namespace lodge
