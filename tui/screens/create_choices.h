#pragma once

#include <string>
#include <vector>

#include "tui/form.h"
#include "tui/new_guest.h"

namespace lodge {

// Medium is a line of the list of what a new guest begins with.
struct Medium {
    NewGuest::From from = NewGuest::From::nothing;
    std::string label = {}, note = {}, help = {};
    std::string file = {};   // an ISO that is there
    bool asks_file = false;  // which one is asked for then
};
// What there is for that system: the ISOs of the storages first. `best`: where the cursor begins.
std::vector<Medium> media_for(App& app, const SystemKind& system, size_t& best);

// The page that asks for a file.
// Whether there is such a file or block device; "" for a volume too. May wait for a dead mount.
std::string file_problem(const std::string& text);
std::vector<FormField> file_fields(App& app, const Medium& medium);

// The page of name, disk, memory …, with what is free of each. `form` is the one they go to.
std::vector<FormField> setting_fields(App& app, const NewGuest& guest, const Form& form);
// What is wrong with them together; "" when nothing is.
std::string settings_problem(const NewGuest& guest);

// What was chosen, for the last page: names and what they are.
std::vector<std::pair<std::string, std::string>> guest_lines(const NewGuest& guest);

}  // namespace lodge
