#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/state/views.h"

// The text of a Machine taken apart (see machine.h).
namespace lodge::machine_text {

// MachineGuest is a guest of the text.
struct MachineGuest {
    int id = 0;
    bool container = false;
    std::string name, config;
    GuestView view;  // without its guest
    std::shared_ptr<GuestHistory> history;
};

// MachineJob is a job of the text.
struct MachineJob {
    JobView view;
    int64_t took = 0;
    std::vector<std::string> steps, log;
};

// MachineText is all of it. Of the guests' views the `guest` is missing.
struct MachineText {
    int64_t clock = 0;  // Unix time
    Seen seen;
    std::vector<MachineGuest> guests;
    std::vector<MachineJob> jobs;
};

MachineText parse(std::string_view text);

}  // namespace lodge::machine_text
