#pragma once

#include <map>
#include <string>

#include "engine/guest.h"
#include "engine/plan.h"

namespace lodge {

struct Engine;

// What each usb[n] of a running guest has, as vm_usb_nodes() tells.
using UsbNodes = std::map<std::string, std::string>;

// The plan that gives a running guest the usb[n] that are plugged in and it has not, and takes out
// those that were unplugged; without steps when all is as it should be.
Plan plan_follow_usb(Engine& engine, const Guest& guest, const UsbNodes& standing);

}  // namespace lodge
