#pragma once

#include <string>
#include <vector>

#include "tui/create/fields.h"
#include "tui/create/new_guest.h"

namespace lodge {

// Medium is a line of the list of what a new guest begins with.
struct Medium {
    NewGuest::From from = NewGuest::From::nothing;
    std::string label = {}, note = {}, help = {};
    std::string file = {};   // an ISO that is there
    bool asks_file = false;  // which one is asked for then: a field with this in it
    std::string field = {}, field_help = {}, text = {};
    std::vector<std::string> choices = {};
    bool asks_servers = false;  // nobody asked the servers yet what they have
    std::string name = {};      // what a guest of it is called after, when not after its file
};
// What there is for that system: the ISOs of the storages first. `best`: where the cursor begins.
std::vector<Medium> media_for(const Workshop& shop, const SystemKind& system, size_t& best);

// The page that asks for a file.
// Whether there is such a file or block device, `folder`: or folder; "" for what is no path too.
// May wait for a dead mount.
std::string file_problem(const std::string& text, bool folder);
std::vector<FormField> file_fields(const Workshop& shop, const Medium& medium);

// The page of name, disk, memory …, with what is free of each.
std::vector<FormField> setting_fields(const Workshop& shop, const NewGuest& guest,
                                      ChosenStorage chosen);
// What is wrong with them together; "" when nothing is.
std::string settings_problem(const NewGuest& guest);

// What was chosen, for the last page: names and what they are.
std::vector<std::pair<std::string, std::string>> guest_lines(const NewGuest& guest);

}  // namespace lodge
