#pragma once

#include <string>
#include <vector>

#include "engine/plan.h"
#include "power/knob.h"

namespace lodge {

// Conflict is somebody else who tunes this machine: a daemon, a unit that runs at boot, a line of
// cron, a rule.
struct Conflict {
    std::string name;                  // "tuned", "cron"
    std::string where;                 // "tuned.service", "/etc/cron.d/power:3"
    std::string state;                 // "running", "starts at boot", "a line"
    std::vector<std::string> touches;  // beginnings of knobs: "cpu.", "aspm."
    std::string line;                  // of a file: the line itself
    bool running = false;              // it would set its own values again, at any time
};

// Reads units, cron tables and rules; starts no program.
std::vector<Conflict> find_conflicts(const Host& host);

// Who else sets this knob while we look, "tuned (tuned.service)"; "" nobody.
std::string who_else(const std::vector<Conflict>& conflicts, const Knob& knob);

// The plan that ends the other's tuning so that Lodge does it: a service is stopped and disabled, a
// line is commented out. Throws Error(Exit::not_found) when there is none of this name.
Plan adopt_plan(const Host& host, const std::string& name);

}  // namespace lodge
