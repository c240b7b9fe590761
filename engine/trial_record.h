#pragma once

#include <string>
#include <vector>

#include "engine/host.h"
#include "engine/trial.h"

// The files of trials, for trial.cc and trial_watch.cc.
namespace lodge::trials {

std::string folder(const Host& host);
std::string path(const Host& host, int number);
// Numbers of the trials that have not ended, ascending.
std::vector<int> active(const Host& host);
// One above every trial that ever was, as far as is remembered.
int free_number(const Host& host);
// Held while a record changes hands; throws Error(Exit::busy).
FileLock lock(const Host& host);

// nullopt: there is none (any more).
std::optional<TrialRecord> load(const Host& host, int number);
void store(const Host& host, const TrialRecord& record);  // fsync'd
// Moves it to those that have ended, with the word of how ("kept", "taken back").
void end(const Host& host, const TrialRecord& record, const std::string& how);

void remember_failed(const Host& host, const std::string& subject, const std::string& why);
bool forget(const Host& host, std::string_view subject);  // false: it was not remembered

// Where a watcher says who it is.
std::string watcher_path(const Host& host, int number);
bool watched(const Host& host, int number);
bool alive(const Host& host, const std::optional<ProcessId>& process);
std::string boot_id(const Host& host);
int64_t boottime_ms();  // CLOCK_BOOTTIME: goes on while the machine sleeps, no clock moves it

// Alone is the work of an undo or a check: it goes to its end, and nobody listens.
class Alone : public Work {
  public:
    explicit Alone(Engine& engine) : engine_(engine) {}
    Engine& engine() override { return engine_; }
    void say(const std::string&) override {}
    void progress(int64_t, int64_t, std::string_view) override {}
    bool going() override { return true; }

  private:
    Engine& engine_;
};

// Starts the watcher of an armed trial and waits until it is on watch. Throws Error.
void start_watcher(Engine& engine, int number);

// Takes it back and ends it, or leaves it stuck and throws an Error that says what was not undone.
// `failed`: its subject is remembered. Nothing when it has ended. Throws Error(Exit::busy) while
// it is being kept by someone who lives.
void take_back(Engine& engine, int number, const std::string& why, bool failed);

}  // namespace lodge::trials
