#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/container/facts.h"
#include "engine/guest.h"
#include "engine/process.h"

// What the rooms of a container's life share: start.cc and stop.cc make the plans, launch.cc and
// ladder.cc carry them out, groups.cc knows its control groups.

namespace lodge {

// The steps that start a container that does not run: no refusals.
Plan ct_start_steps(Engine& engine, const Guest& guest);

// The first process of a running container, as this machine numbers it; nullopt while it has none.
std::optional<ProcessId> ct_init(const Host& host, const ProcessId& monitor);
// Whether the process has become the container's own program: until then it is liblxc's.
bool ct_has_begun(const Host& host, const ProcessId& monitor, const ProcessId& init);

// What is known of a container's first process when it is to be asked to end.
struct FirstProcess {
    std::string status;   // /proc/<pid>/status (proc(5))
    bool waits = false;   // in sigtimedwait(2), when the kernel shows nothing of what it waits for
    bool system = false;  // an init, no program of the configuration's
};
// The signal that asks it: SIGRTMIN+3 for systemd, SIGPWR for another init that takes it, else
// SIGTERM, else SIGINT. `raw` is the configuration's lxc.signal.halt, "" for none. nullopt when it
// takes none of them.
std::optional<int> halt_signal(std::string_view raw, const FirstProcess& process);
// "SIGPWR", "PWR", "SIGRTMIN+3", "37"; nullopt for no signal.
std::optional<int> parse_signal(std::string_view name);

// What liblxc said since the container's last start, without its own marks; "" for nothing.
std::string ct_last_words(const Host& host, int id);
// The same of a text of its log.
std::string liblxc_words(std::string_view log);

// The folder of a container's group in the kernel's file system of a controller ("memory"); "" for
// none. Of version 1 where the machine keeps the controller there.
std::string ct_group(const Host& host, int id, std::string_view controller);
// The folder of its group of version 2, also where that has no controllers.
std::string ct_group2(const Host& host, int id);
// Stops all of the container's processes where they are, or lets them go on. Waits until it is so.
// Throws Error.
void ct_freeze(const Host& host, int id, bool frozen);
bool ct_is_frozen(const Host& host, int id);
// Removes groups that a monitor which was killed left behind. Processes in them are killed.
void remove_ct_groups(const Host& host, int id);

// Where the monitor is gone but the run folder is not: keeps how it ended, removes groups and run
// folder. Nothing when there is nothing. Throws Error(Exit::refused) when it runs.
void ct_clean(const Host& host, int id);

// "ct-limits": {guest, limits…: "controller file value"}. Writes limits of a running container.
Action ct_limits_action(int id, const std::vector<GroupLimit>& limits);

// Verbs (see life.cc for what they work on).
void run_ct_prepare(Work& work, const Values& on);
void run_ct_start(Work& work, const Values& on);
void run_ct_kill(Work& work, const Values& on);
void run_ct_clean(Work& work, const Values& on);
void run_ct_shutdown(Work& work, const Values& on);
void run_ct_stop(Work& work, const Values& on);
void run_ct_freeze(Work& work, const Values& on);
void run_ct_limits(Work& work, const Values& on);

}  // namespace lodge
