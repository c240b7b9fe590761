#pragma once

#include <functional>
#include <memory>
#include <string>

#include "tui/dialog.h"

namespace lodge {

// Asks who wants to change things at the machine's own console, and then all that PAM asks them.
// The check is made aside: the screen goes on while PAM thinks. `done` hears who it is when they
// may, and what PAM had to say.
using Unlocked = std::function<void(const std::string& user, const std::string& said)>;
std::unique_ptr<Dialog> unlock_dialog(App& app, Unlocked done);

}  // namespace lodge
