#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tui/create/choices.h"

namespace lodge {

// What the wizard asks for a container: the same pages as for a virtual machine.

// What its root file system can come from: templates that are here first, then what brings one.
std::vector<Medium> container_media(const Workshop& shop, size_t& best);
std::vector<FormField> container_fields(const Workshop& shop, const NewGuest& guest,
                                        ChosenStorage chosen);
std::vector<std::pair<std::string, std::string>> container_lines(const NewGuest& guest);

}  // namespace lodge
