#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/process.h"
#include "tests/support/scratch.h"

namespace lodge {

// Walk is a machine of its own with guests on it, on which jobs are killed.
class Walk {
  public:
    Walk() = default;
    ~Walk();
    Walk(const Walk&) = delete;
    Walk& operator=(const Walk&) = delete;

    ScratchEngine scratch;
    Engine& engine = scratch.engine;
    const Host& host = scratch.host;

    const GuestKind& vm() const { return kind("vm"); }
    const GuestKind& ct() const { return kind("ct"); }
    Guest guest(int id) { return load_guest(engine, id); }
    bool has_guest(int id) { return !config(id).empty(); }
    std::string config(int id) {
        for (const GuestKind* one : engine.kinds)
            if (const auto text = host.read(engine.store.path(one->folder(), id))) return *text;
        return "";
    }
    void carry_out(const Plan& plan) { engine.jobs.run_here(engine, plan); }
    // A guest of 32 MiB with one qcow2 disk and nothing else.
    void make_guest(int id, const std::vector<std::string>& more = {});
    // A container of this machine's busybox and nothing else; words as CtKind::create() has them.
    void make_container(int id, Values more = {});
    void start(int id) { carry_out(guest(id).kind->start(engine, guest(id), {})); }
    void stop(int id) { carry_out(guest(id).kind->stop(engine, guest(id), {{"force", true}})); }
    bool runs(int id);
    std::string state(int id);
    // Every QEMU ends as by a crash of its own.
    void kill_guests();
    // Every volume of images that the storages have.
    std::vector<std::string> volumes();

    // A new process of the program on this machine.
    Outcome lodge(const std::vector<std::string>& words);
    // Starts the plan as a job that kills itself there ("3:begin"); returns when it is gone.
    JobRecord kill_job(const Plan& plan, const std::string& at);

    // QEMU, its helpers and containers' monitors that run here and that nothing in the run folder
    // names.
    std::vector<std::string> unknown_processes();
    // What is wrong with what lies here, in words; empty when all fits together.
    std::vector<std::string> faults();

  private:
    const GuestKind& kind(std::string_view name) const;
    void look_at_kind(const GuestKind& kind, std::set<std::string>& named,
                      std::vector<std::string>& faults);
};

// Scenario is a command that is killed at each of its steps.
struct Scenario {
    std::function<void(Walk&)> before;
    std::function<Plan(Walk&)> plan;
    std::function<bool(Walk&)> achieved;
};
// Events: begin, done; undo, undone (then the plan is made to fail at its end); each also
// "with guests" behind it: then their QEMU dies as well.
void crash_walk(const Scenario& scenario, const std::vector<std::string>& events);

}  // namespace lodge
