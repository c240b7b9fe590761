#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/plan.h"
#include "engine/process.h"

namespace lodge {

class Host;
struct Command;

// Trial is a change that may cut the person off, or lose a device: a plan whose way back is armed
// before it begins. It is taken back unless somebody confirms it in time, when one of its checks
// sees trouble, when whoever carries it out dies, and after a restart of the machine.
struct Trial {
    Plan plan;   // each step has an undo, which must be content with a step that was not done
    Plan watch;  // checks, done about twice a second: one that throws is trouble
    Plan keep;   // what makes it last; carried out when it is confirmed, never before
    std::string subject;  // what is remembered when it fails ("pci:8086:125c"); "" nothing
    int seconds = 120;    // from its last step until it takes itself back: 1 to 86400
};

// The plan that carries a trial out: arms it (a record on disk, a watcher that outlives us), then
// the trial's own steps, then begins the countdown. Throws Error when a step has no way back.
Plan trial_plan(const Host& host, Trial trial);
// The same in two halves, for a plan that carries steps of its own between: the step that arms it,
// whose number it returns, and the step that begins the countdown. Of `trial.plan` only the undos
// are ever done; they must put right whatever the steps between did.
int plan_trial_armed(const Host& host, Trial trial, Plan& plan);
void plan_trial_begun(int number, int seconds, Plan& plan);
// Adds the step that ends a trial whose matter is over and put right already: nothing is undone,
// nothing kept. Content when it has ended.
void plan_trial_dropped(int number, const std::string& why, Plan& plan);

enum class TrialPhase {
    applying,     // armed; its steps are being carried out
    waiting,      // for the person's answer
    keeping,      // confirmed; what makes it last is being done
    taking_back,  // its undo is being done
    stuck         // the undo did not work; `trouble` says why
};
std::string_view trial_phase_word(TrialPhase phase);

// TrialRecord is what is on disk of a trial: <state>/trials/<number>.json.
struct TrialRecord {
    int number = 0;
    Trial trial;
    TrialPhase phase = TrialPhase::applying;
    std::string boot;                  // /proc/sys/kernel/random/boot_id when it was armed
    int64_t deadline = 0;              // CLOCK_BOOTTIME, milliseconds, of that boot
    int64_t begun = 0;                 // Unix time, seconds
    std::optional<ProcessId> process;  // who applies, keeps or takes back
    std::string trouble;               // why it is stuck, or was taken back
};
std::string print_trial(const TrialRecord& record);
TrialRecord parse_trial(std::string_view text);  // throws Error when it is no record

// What a screen shows of each trial that has not ended. Costs one look at a folder while there is
// none.
struct TrialView {
    int number = 0;
    std::string title;
    TrialPhase phase = TrialPhase::applying;
    int64_t seconds_left = 0;  // until it takes itself back; 0 when that is due or does not apply
    std::string trouble;
};
std::vector<TrialView> active_trials(const Host& host);

// Throws Error(Exit::not_found).
TrialRecord load_trial(const Host& host, int number);

// Makes it last: the trial's `keep` between a hold on the countdown and the end of the trial.
// Throws Error(Exit::refused) when it does not wait for an answer.
Plan confirm_plan(const Host& host, int number);
// Takes it back now, at the person's wish.
Plan take_back_plan(const Host& host, int number);

// Takes back what nobody looks after any more: trials of an earlier boot, and those whose watcher
// was killed. Called at each start of Lodge and by the boot unit; says what it did, a line each.
std::vector<std::string> recover_trials(Engine& engine);

// The watcher's work until the trial has ended. Returns an exit status.
int watch_trial(Engine& engine, int number);

// How one that is over ended: "kept", "taken back: nobody confirmed it in time"; "" when that is
// not known any more, or it goes on.
std::string trial_end(const Host& host, int number);

// Subjects whose trial failed, the latest words for each.
struct FailedSubject {
    std::string subject;
    int64_t when = 0;  // Unix time, seconds
    std::string why;
};
std::vector<FailedSubject> failed_subjects(const Host& host);
// Forgets one; false when it was not remembered.
bool forget_failed(const Host& host, std::string_view subject);

// The verbs: trial-arm number trial | trial-begin | trial-hold | trial-release | trial-kept |
// trial-take-back number why | trial-drop number why | trial-forget subject.
std::span<const ActionKind> trial_actions();

std::span<const Command> trial_commands();  // engine/commands/trial.cc

}  // namespace lodge
