#include "engine/trial.h"

#include <unistd.h>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/trial_record.h"
#include "engine/units.h"

namespace lodge {
namespace {

// How long the steps of a trial may take before its watcher gives them up.
constexpr int64_t applying_ms = 120'000;

}  // namespace

int plan_trial_armed(const Host& host, Trial trial, Plan& plan) {
    if (trial.seconds < 1 || trial.seconds > 86400)
        fail(Exit::usage, "a trial of {} s is not allowed: 1 to 86400", trial.seconds);
    for (const Step& step : trial.plan.steps)
        if (!step.undo || step.no_way_back)
            fail(Exit::failed, "this cannot be tried, there is no way back from: {}", step.why);
    TrialRecord record;
    record.number = trials::free_number(host);
    record.trial = std::move(trial);
    const int number = record.number;
    plan.step("the way back is armed first",
              {"trial-arm", {{"number", number}, {"record", print_trial(record)}}},
              Action{"trial-take-back", {{"number", number}, {"why", "a step of it failed"}}});
    return number;
}

void plan_trial_begun(int number, int seconds, Plan& plan) {
    plan.step(fmt::format("the countdown of {} s begins", seconds),
              {"trial-begin", {{"number", number}}});
}

void plan_trial_dropped(int number, const std::string& why, Plan& plan) {
    plan.step("nothing is on trial any more", {"trial-drop", {{"number", number}, {"why", why}}});
}

Plan trial_plan(const Host& host, Trial trial) {
    Plan plan;
    plan.title = trial.plan.title + ", on trial";
    plan.guests = trial.plan.guests;
    plan.warnings = trial.plan.warnings;
    const int number = plan_trial_armed(host, trial, plan);
    for (Step& step : trial.plan.steps)
        plan.steps.push_back(std::move(step));
    plan_trial_begun(number, trial.seconds, plan);
    plan.afterwards = fmt::format(
        "{}: on trial for {} s. lodge trial confirm {} keeps it; without that it is taken back",
        trial.plan.title, trial.seconds, number);
    return plan;
}

Plan confirm_plan(const Host& host, int number) {
    const TrialRecord record = load_trial(host, number);
    if (record.phase != TrialPhase::waiting)
        fail(Exit::refused, "cannot confirm trial {} ({}): it is {}", number,
             record.trial.plan.title, trial_phase_word(record.phase));
    Plan plan;
    plan.title = fmt::format("keep trial {} ({})", number, record.trial.plan.title);
    plan.step("the countdown is held", {"trial-hold", {{"number", number}}},
              Action{"trial-release", {{"number", number}}});
    Plan keep = record.trial.keep;
    plan.append(std::move(keep));
    plan.step("the trial is over", {"trial-kept", {{"number", number}}}).no_way_back();
    plan.afterwards = record.trial.plan.title + ": kept";
    if (!record.trial.keep.afterwards.empty())
        plan.afterwards += "\n" + record.trial.keep.afterwards;
    return plan;
}

Plan take_back_plan(const Host& host, int number) {
    const TrialRecord record = load_trial(host, number);
    if (record.phase == TrialPhase::applying && record.boot == trials::boot_id(host) &&
        trials::alive(host, record.process))
        fail(Exit::busy, "trial {} ({}) is just being applied; lodge job cancel stops that", number,
             record.trial.plan.title);
    Plan plan;
    plan.title = fmt::format("take back trial {} ({})", number, record.trial.plan.title);
    plan.step("it is not wanted",
              {"trial-take-back", {{"number", number}, {"why", "it was not wanted"}}})
        .no_way_back();
    plan.afterwards = record.trial.plan.title + ": taken back";
    return plan;
}

namespace trials {
namespace {

std::string undo_all(Engine& engine, const Plan& plan) {
    std::string left;
    Alone work(engine);
    for (size_t i = plan.steps.size(); i-- > 0;) {
        const auto& undo = plan.steps[i].undo;
        if (!undo) continue;
        try {
            engine.actions.find(undo->verb).run(work, undo->on);
        } catch (const std::exception& trouble) {
            left += fmt::format("\nnot undone ({}): {}", plan.steps[i].why, trouble.what());
        }
    }
    return left;
}

bool is_self(const std::optional<ProcessId>& process) {
    return process && process->pid == ::getpid();
}

}  // namespace

void take_back(Engine& engine, int number, const std::string& why, bool failed) {
    const Host& host = engine.host;
    const FileLock held = lock(host);
    auto record = load(host, number);
    if (!record) return;
    if (record->phase == TrialPhase::keeping && !is_self(record->process) &&
        record->boot == boot_id(host) && alive(host, record->process))
        fail(Exit::busy, "cannot take back trial {}: it is just being kept", number);
    // A second try of one that was stuck keeps the first reason.
    if (record->phase != TrialPhase::stuck) record->trouble = why;
    record->phase = TrialPhase::taking_back;
    record->process = identify(host, ::getpid());
    store(host, *record);
    if (failed) remember_failed(host, record->trial.subject, why);
    const std::string left = undo_all(engine, record->trial.plan);
    if (left.empty()) {
        end(host, *record, "taken back");
        return;
    }
    record->phase = TrialPhase::stuck;
    record->trouble = why + left;
    store(host, *record);
    fail(Exit::failed, "trial {} ({}) could not be taken back whole{}\nlodge trial take-back {}",
         number, record->trial.plan.title, left, number);
}

}  // namespace trials

std::vector<std::string> recover_trials(Engine& engine) {
    std::vector<std::string> said;
    const Host& host = engine.host;
    for (const int number : trials::active(host)) {
        try {
            const auto record = trials::load(host, number);
            if (!record) continue;
            const bool other_boot = record->boot != trials::boot_id(host);
            if (!other_boot &&
                (record->phase == TrialPhase::stuck || trials::watched(host, number) ||
                 trials::alive(host, record->process)))
                continue;
            const std::string why = other_boot
                                        ? "the machine was restarted, or lost power, meanwhile"
                                        : "its watcher was ended";
            trials::take_back(engine, number, why, true);
            said.push_back(fmt::format("trial {} ({}) was taken back: {}", number,
                                       record->trial.plan.title, why));
        } catch (const Error& trouble) {
            if (trouble.exit() != Exit::busy) said.emplace_back(trouble.what());
        }
    }
    return said;
}

namespace {

int number_of(const Values& on) {
    return static_cast<int>(on.integer("number"));
}

std::string words_for(const Values& on, std::string_view words) {
    return fmt::format("# trial {}: {}", on.text("number"), words);
}

void arm(Work& work, const Values& on) {
    Engine& engine = work.engine();
    const Host& host = engine.host;
    TrialRecord record = parse_trial(on.text("record"));
    {
        const FileLock held = trials::lock(host);
        if (host.exists(trials::path(host, record.number)) ||
            trials::free_number(host) > record.number)
            fail(Exit::busy, "another trial was begun meanwhile; try again");
        record.phase = TrialPhase::applying;
        record.boot = trials::boot_id(host);
        record.begun = host.now_seconds();
        record.deadline = trials::boottime_ms() + applying_ms;
        record.process = identify(host, ::getpid());
        trials::store(host, record);
    }
    trials::start_watcher(engine, record.number);
}
std::string arm_shell(const Values& on) {
    const TrialRecord record = parse_trial(on.text("record"));
    return words_for(on, fmt::format("a record in the state folder, and a process that takes all "
                                     "below back after {} s without an answer,\n# on trouble, or "
                                     "at the next start",
                                     record.trial.seconds));
}

void begin(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const FileLock held = trials::lock(host);
    TrialRecord record = load_trial(host, number_of(on));
    if (record.phase != TrialPhase::applying)
        fail(Exit::failed, "trial {} was taken back meanwhile: {}", record.number, record.trouble);
    record.phase = TrialPhase::waiting;
    record.process.reset();
    record.deadline = trials::boottime_ms() + record.trial.seconds * int64_t{1000};
    trials::store(host, record);
    work.say(
        fmt::format("on trial for {} s: lodge trial confirm {} keeps it; without that it is "
                    "taken back",
                    record.trial.seconds, record.number));
}
std::string begin_shell(const Values& on) {
    return words_for(on, fmt::format("lodge trial confirm {} keeps it", on.text("number")));
}

void hold(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const FileLock held = trials::lock(host);
    TrialRecord record = load_trial(host, number_of(on));
    if (record.phase != TrialPhase::waiting || record.boot != trials::boot_id(host))
        fail(Exit::refused, "cannot confirm trial {} ({}): it is {}", record.number,
             record.trial.plan.title, trial_phase_word(record.phase));
    if (trials::boottime_ms() >= record.deadline)
        fail(Exit::refused, "cannot confirm trial {} ({}): its time is over", record.number,
             record.trial.plan.title);
    record.phase = TrialPhase::keeping;
    record.process = identify(host, ::getpid());
    trials::store(host, record);
}
std::string hold_shell(const Values& on) {
    return words_for(on, "its countdown stands still");
}

void release(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const FileLock held = trials::lock(host);
    auto record = trials::load(host, number_of(on));
    if (!record || record->phase != TrialPhase::keeping) return;
    record->phase = TrialPhase::waiting;
    record->process.reset();
    trials::store(host, *record);
}
std::string release_shell(const Values& on) {
    return words_for(on, "its countdown goes on");
}

void kept(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const FileLock held = trials::lock(host);
    const auto record = trials::load(host, number_of(on));
    if (!record) return;
    trials::end(host, *record, "kept");
    trials::forget(host, record->trial.subject);  // it works after all
}
std::string kept_shell(const Values& on) {
    return words_for(on, "its record is removed and its watcher ends");
}

// Whoever else is at work on it takes it back: then it is over as well.
void drop(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    try {
        const FileLock held = trials::lock(host);
        auto record = trials::load(host, number_of(on));
        if (!record || record->phase == TrialPhase::keeping) return;
        record->trouble = on.text("why");
        trials::end(host, *record, "dropped");
    } catch (const Error& trouble) {
        if (trouble.exit() != Exit::busy) throw;
        work.say(trouble.what());
    }
}
std::string drop_shell(const Values& on) {
    return words_for(on, on.text("why"));
}

void forget_subject(Work& work, const Values& on) {
    forget_failed(work.engine().host, on.text("subject"));
}
std::string forget_shell(const Values& on) {
    return shell_line({"lodge", "trial", "forget", on.text("subject")});
}

void take_back_now(Work& work, const Values& on) {
    trials::take_back(work.engine(), number_of(on), on.text("why"), false);
}
std::string take_back_shell(const Values& on) {
    return words_for(on, "all its steps are undone, the last one first");
}

constexpr ActionKind kinds[] = {
    {"trial-arm", arm, arm_shell},    {"trial-begin", begin, begin_shell},
    {"trial-hold", hold, hold_shell}, {"trial-release", release, release_shell},
    {"trial-kept", kept, kept_shell}, {"trial-take-back", take_back_now, take_back_shell},
    {"trial-drop", drop, drop_shell}, {"trial-forget", forget_subject, forget_shell},
};

}  // namespace

std::span<const ActionKind> trial_actions() {
    return kinds;
}

}  // namespace lodge
