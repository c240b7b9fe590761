#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/cgroup.h"
#include "engine/guest.h"
#include "engine/process.h"
#include "engine/vm/argv.h"

// What the rooms of a virtual machine's life share: start.cc and stop.cc make the plans, launch.cc
// and ladder.cc carry them out, look.cc says how it is, running.cc knows the process.

namespace lodge {

struct Engine;
class Qmp;

// The steps that start a guest that does not run (or will not, by the steps before): no refusals.
// words: none yet.
Plan vm_start_steps(Engine& engine, const Guest& guest);
// How long the start may take until QEMU says running (knowledge of large and passed-through
// machines: pinning their memory takes time).
std::chrono::seconds vm_start_limit(const Config& config);

// Adds the step that calls the configuration's hookscript with "<id> <phase>" when there is one. A
// hook that fails ends the plan when `needed`, else it is only told.
void plan_hook(Engine& engine, const Guest& guest, Plan& plan, std::string_view phase, bool needed);

// What the config says of processor time.
CpuShare cpu_share(const Config& config);

// QEMU's word for the guest's state ("running", "paused", "inmigrate", "io-error", …; RunState in
// qapi/run-state.json). Throws as vm_monitor() does.
std::string vm_status(const Host& host, int id, std::chrono::milliseconds patience);

// What the guest's program said since its last start (the end of its log, at most 2,000 bytes); ""
// for nothing.
std::string vm_last_words(const Host& host, int id, std::string_view log = "qemu.log");
// Appends to the log and gives its descriptor; a log of more than 1 MiB is begun anew, the old one
// kept with ".1" behind its name.
Fd open_vm_log(const Host& host, int id, const std::string& line,
               std::string_view log = "qemu.log");

// Where the process is gone but its run folder is not: keeps how it ended in <log>/last-end, stops
// helpers, removes cgroup and run folder. Nothing when there is nothing. Throws
// Error(Exit::refused) when QEMU runs.
void vm_clean(const Host& host, int id);

// Whether the QEMU that the run folder belongs to did not end in order: its own pid file, which it
// removes when it does, is still there.
bool vm_ended_badly(const Host& host, int id);
// Ends a helper (swtpm, virtiofsd) of the guest, asked first, then killed. Nothing when it is gone.
void stop_vm_helper(const Host& host, int id, const std::string& name);

// AboutRun is what a start leaves in the run folder for those who look: <run>/guest/<id>/about.
struct AboutRun {
    bool kvm = false;
    bool started = false;  // the start saw it run
    std::string qemu_pid_file;
    std::vector<std::string> notes;  // limits that are not enforced
};
AboutRun vm_about(const Host& host, int id);
void write_vm_about(const Host& host, int id, const AboutRun& about);

// LastEnd is how a guest ended that was not ended by Lodge.
struct LastEnd {
    int64_t time = 0;   // Unix time, seconds, when it was noticed
    bool died = false;  // QEMU did not end in order: killed, crashed
    std::string words;  // QEMU's own
};
std::optional<LastEnd> vm_last_end(const Host& host, int id);
void write_last_end(const Host& host, int id, const LastEnd& end);
void forget_last_end(const Host& host, int id);

// "0,5,8-11" as numbers of processors. Throws Error(Exit::usage).
std::vector<int> parse_cpu_list(std::string_view text);

// Verbs (see life.cc for what they work on).
void run_vm_prepare(Work& work, const Values& on);
void run_vm_start(Work& work, const Values& on);
void run_vm_helper(Work& work, const Values& on);
void run_vm_helper_stop(Work& work, const Values& on);
void run_vm_hook(Work& work, const Values& on);
void run_vm_shutdown(Work& work, const Values& on);
void run_vm_stop(Work& work, const Values& on);
void run_vm_kill(Work& work, const Values& on);
void run_vm_clean(Work& work, const Values& on);
void run_vm_reboot(Work& work, const Values& on);
void run_vm_tell(Work& work, const Values& on);
std::string vm_prepare_shell(const Values& on);
std::string vm_start_shell(const Values& on);
std::string vm_helper_shell(const Values& on);

}  // namespace lodge
