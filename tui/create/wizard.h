#pragma once

#include <memory>

#include "tui/dialog.h"

namespace lodge {

// The wizard of `guest create`: system, medium, settings, and a look at it all before it is made.
std::unique_ptr<Dialog> make_create_wizard(App& app);

}  // namespace lodge
