#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "engine/container/lxc_config.h"
#include "engine/plan.h"

namespace lodge {

// The folders of ours on the way to `path`, itself included, through which the user with that
// number may not go: neither everybody may nor does an access control list name them. Folders of
// others are not looked at, nor are those that are not there.
std::vector<std::string> closed_folders(const Host& host, const std::string& path, uid_t user);

// A user's container has its root as another user (user_namespaces(7)), who must get through
// their folders to the container's: adds a step for each that is closed to them, such as a home of
// mode 0700 and $XDG_RUNTIME_DIR. Nothing for root's Lodge.
void plan_passage(const Host& host, const LxcFacts& facts, Plan& plan);

// "ct-passage": {folder, user}. Lets that user go through the folder, by its access control list,
// and see nothing in it (acl(5)). Throws Error.
void run_ct_passage(Work& work, const Values& on);

}  // namespace lodge
