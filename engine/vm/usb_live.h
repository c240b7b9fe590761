#pragma once

#include <map>
#include <string>

#include "engine/guest.h"
#include "engine/plan.h"

namespace lodge {

struct Engine;
class Host;

// What the usb[n] of a running guest have, as QEMU and the kernel say: the device node by key
// ("/dev/bus/usb/001/004"); "" for one whose device was unplugged, which the guest may not have
// noticed; keys that QEMU knows nothing of, or whose device it looks for by itself, are left out.
// Throws as vm_monitor() does.
std::map<std::string, std::string> vm_usb_nodes(const Host& host, const Guest& guest);

// Adds the steps that take a usb[n] out of a running guest (`out`) and plug in what its key means
// now (`in`). The configuration stays as it is.
void plan_replug(Engine& engine, const Guest& guest, const std::string& key, bool out, bool in,
                 Plan& plan);

}  // namespace lodge
