#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/error.h"
#include "engine/fd.h"
#include "engine/plan.h"
#include "engine/process.h"

namespace lodge {

enum class JobState {
    running,
    done,
    failed,       // a step failed; what had been done was undone
    cancelled,    // the person stopped it; what had been done was undone
    interrupted,  // its process is gone in the middle: leftovers may be there ("job clean")
    cleaned       // interrupted, and its leftovers were removed
};
std::string_view job_state_word(JobState state);

// JobRecord is what is known of a job, read from its folder.
struct JobRecord {
    int number = 0;
    JobState state = JobState::running;
    Plan plan;
    int64_t started = 0;  // Unix time, seconds
    int64_t ended = 0;    // 0 while it runs
    size_t steps_begun = 0, steps_done = 0;
    bool undoing = false;         // it had failed and was taking back
    int64_t done = 0, total = 0;  // progress of the present step; total 0: not known
    std::string unit;
    std::string error;  // why it failed
    Exit exit = Exit::ok;
    std::vector<std::string> log;
    std::optional<ProcessId> process;
};

// JobEvent is one thing that happened in a job, as it is followed.
struct JobEvent {
    enum class Kind { step, say, progress, end } kind;
    std::string words;
    int64_t done = 0, total = 0;
    std::string unit;
};

// Jobs carries plans out in processes of their own, which outlive whoever started them, and finds
// them again from <state>/jobs/<number>/ (plan.json, events, pid).
class Jobs {
  public:
    Jobs(const Host& host, const Actions& actions) : host_(host), actions_(actions) {}

    // Starts the plan in a process of its own; returns the job's number. The process takes the
    // locks of the plan's guests first; when one is held the job fails with Exit::busy.
    int start(Engine& engine, const Plan& plan);
    // Tells what happens until the job ends; returns its record. `cancel_wanted` is asked after
    // each signal or event; when it says true the job is cancelled once.
    JobRecord follow(int number, const std::function<void(const JobEvent&)>& tell,
                     const std::function<bool()>& cancel_wanted = {});
    // Carries the plan out here and now, without a job's folder (tests, and the way the job's
    // process does it). Takes the guests' locks. Throws what went wrong, after the undo.
    void run_here(Engine& engine, const Plan& plan,
                  const std::function<void(const JobEvent&)>& tell = {});

    std::vector<int> numbers() const;     // ascending
    JobRecord load(int number) const;     // throws Error(Exit::not_found)
    std::vector<JobRecord> list() const;  // newest first
    void cancel(int number) const;        // asks it to stop and undo; throws when not running
    // The undo of what an interrupted job has begun, or, past a step without a way back, the rest
    // of it, each step with `again`; the last step marks the job as cleaned. Throws when there is
    // nothing to clean.
    Plan clean(int number) const;
    void mark_cleaned(int number) const;
    // The unfinished job that works on a guest now, or the interrupted one whose leftovers are
    // there; nullopt when there is none. Looks at the newest 50 jobs, and not at `except`.
    std::optional<JobRecord> of_guest(int guest, int except = 0) const;
    // The job when it has not ended (it runs, or was interrupted); cheap for those that have.
    std::optional<JobRecord> unfinished(int number) const;
    std::vector<int> prunable(size_t keep) const;  // the oldest ended jobs but for `keep` newest
    void prune(size_t keep) const;                 // removes those

    std::string folder(int number) const;

  private:
    std::optional<JobRecord> load_leniently(int number) const;
    int make_folder() const;
    [[noreturn]] void run_as_job(Engine& engine, const Plan& plan, int number, int ready);

    const Host& host_;
    const Actions& actions_;
    // Rung by the job that was started last at each event. inotify does the same for any job, but
    // to close it the kernel waits 5 to 12 ms (SRCU), which each command would pay.
    int bell_of_ = 0;
    Fd bell_;
};

// The verbs of jobs: "job-cleaned" number.
std::span<const ActionKind> job_actions();

}  // namespace lodge
