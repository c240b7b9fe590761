#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/plan.h"

namespace lodge {

class Host;

// What plans of all modules write so that something of theirs happens at each start of the machine.

// Units and rules belong to the machine's own Lodge, not to one that tries things in a folder.
bool is_machines_own(const Host& host);
// systemd runs and can be told.
bool has_systemd(const Host& host);
// Adds a step that writes a file, and puts it back as it was when it is undone. No step when it is
// so already.
void plan_write(Plan& plan, const Host& host, const std::string& path, const std::string& content,
                const std::string& why);
// The same for its removal.
void plan_remove(Plan& plan, const Host& host, const std::string& path, const std::string& why);
// Adds a step that runs a program, undone by another one.
void plan_run(Plan& plan, const std::string& why, std::vector<std::string> argv,
              std::vector<std::string> undo = {});
// Adds the steps that make a unit of /etc/systemd/system part of the boot; a warning where that
// cannot be. `name` is "lodge-devices.service".
void plan_boot_unit(Plan& plan, const Host& host, std::string_view name, const std::string& text,
                    const std::string& why);
// Adds those that take it out again; content when it is not there.
void plan_no_boot_unit(Plan& plan, const Host& host, std::string_view name, const std::string& why);

}  // namespace lodge
