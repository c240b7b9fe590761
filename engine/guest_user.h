#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/plan.h"
#include "engine/process.h"

namespace lodge {

class Host;

// The user that guests' programs run as when Lodge is root.
constexpr std::string_view guest_user_name = "lodge-guest";

// The user that QEMU and its helpers become: lodge-guest for root, nullopt (no change) for anyone
// else. Throws Error(Exit::missing) when root has no such user yet. With `devices`, the groups that
// own those device files and may write them ("/dev/kvm", "/dev/vhost-net") go along.
std::optional<Program::User> guest_user(const Host& host,
                                        const std::vector<std::string>& devices = {});

// Adds a step that makes the user when Lodge is root and it is missing (as the package does).
void plan_guest_user(const Host& host, Plan& plan);

// Gives a file to the user and takes it from others' eyes (0600 for a plain file). Nothing when
// `user` is nullopt. Throws Error.
void give_to(const std::optional<Program::User>& user, const std::string& path);

// Why the user cannot open the file, in words that name the folder or file in the way and what to
// do; "" when it can. Tried with the user's rights by open(2), without side effects.
std::string why_unreachable(const std::optional<Program::User>& user, const std::string& path,
                            bool writing);

}  // namespace lodge
