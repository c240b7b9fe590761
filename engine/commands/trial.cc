#include "engine/trial.h"

#include <nlohmann/json.hpp>

#include "engine/commands/common.h"
#include "engine/units.h"

namespace lodge {

using nlohmann::json;

namespace {

// The trial that the words name, or the only one that there is.
int number_of(Engine& engine, const Values& words) {
    if (words.has("trial")) {
        const int64_t number = words.integer("trial");
        if (number < 1 || number > 1 << 30)
            fail(Exit::not_found, "there is no trial {}; lodge trial list shows them", number);
        return static_cast<int>(number);
    }
    const auto trials = active_trials(engine.host);
    if (trials.empty()) fail(Exit::not_found, "no trial is going on");
    if (trials.size() > 1)
        fail(Exit::usage, "{} trials are going on: say which; lodge trial list shows them",
             trials.size());
    return trials.front().number;
}

Report list_trials(Engine& engine, const Values&) {
    json value = json::array();
    std::vector<std::vector<std::string>> rows;
    for (const TrialView& trial : active_trials(engine.host)) {
        json one = {{"number", trial.number},
                    {"title", trial.title},
                    {"phase", trial_phase_word(trial.phase)},
                    {"seconds_left", trial.seconds_left}};
        if (!trial.trouble.empty()) one["trouble"] = trial.trouble;
        value.push_back(std::move(one));
        const bool waiting = trial.phase == TrialPhase::waiting;
        rows.push_back({std::to_string(trial.number), std::string(trial_phase_word(trial.phase)),
                        waiting ? fmt::format("{} s", trial.seconds_left) : "-",
                        printable(trial.title), printable(trial.trouble)});
    }
    if (rows.empty()) return {"no trial is going on\n", "[]\n"};
    return {format_table({"-TRIAL", "STATE", "-LEFT", "WHAT", ""}, rows), json_text(value)};
}

std::string why_not_answer(Engine& engine, const Values& words) {
    if (words.has("trial") || !active_trials(engine.host).empty()) return "";
    return "no trial is going on";
}

Plan confirm_words(Engine& engine, const Values& words) {
    return confirm_plan(engine.host, number_of(engine, words));
}

Plan take_back_words(Engine& engine, const Values& words) {
    return take_back_plan(engine.host, number_of(engine, words));
}

int watch_words(Engine& engine, const Values& words) {
    return watch_trial(engine, number_of(engine, words));
}

// Each start of Lodge does it already; this is the word for the boot unit.
Report recover_words(Engine& engine, const Values&) {
    const auto said = recover_trials(engine);
    std::string text;
    for (const std::string& line : said)
        text += line + "\n";
    return {text, json_text(said)};
}

Report list_failed(Engine& engine, const Values&) {
    json value = json::array();
    std::vector<std::vector<std::string>> rows;
    for (const FailedSubject& one : failed_subjects(engine.host)) {
        value.push_back({{"subject", one.subject}, {"when", one.when}, {"why", one.why}});
        rows.push_back({printable(one.subject), time_words(one.when), printable(one.why)});
    }
    if (rows.empty()) return {"no trial has failed\n", "[]\n"};
    return {format_table({"SUBJECT", "WHEN", "WHY"}, rows), json_text(value)};
}

int forget_words(Engine& engine, const Values& words) {
    const std::string& subject = words.text("subject");
    if (words.flag("dry-run")) {
        fmt::print("# the line of {} in {}/trials/failed is removed\n", printable(subject),
                   engine.host.state_folder());
        return 0;
    }
    if (!forget_failed(engine.host, subject))
        fail(Exit::not_found, "no trial of '{}' has failed; lodge trial failed shows them",
             printable(subject));
    return print_outcome(words, printable(subject) + ": forgotten", {{"forgotten", subject}});
}

}  // namespace

std::span<const Command> trial_commands() {
    static const Operand one_trial{"trial", WordKind::text,
                                   "The trial's number; without it the only one.", true};
    static const std::vector<Command> table = {
        {.subject = "trial",
         .verb = "list",
         .short_form = "trials",
         .label = "Trials",
         .help = "Lists changes that take themselves back unless they are confirmed.",
         .show = list_trials},
        {.subject = "trial",
         .verb = "confirm",
         .label = "Keep",
         .help = "Keeps what is on trial: it lasts from now on.",
         .risk = Risk::undoable,
         .operands = {one_trial},
         .why_not = why_not_answer,
         .plan = confirm_words},
        {.subject = "trial",
         .verb = "take-back",
         .label = "Take back",
         .help = "Takes back what is on trial, now.",
         .risk = Risk::undoable,
         .operands = {one_trial},
         .why_not = why_not_answer,
         .plan = take_back_words},
        {.subject = "trial",
         .verb = "failed",
         .label = "Failed trials",
         .help = "Lists what failed a trial, and why; it is not proposed again.",
         .show = list_failed},
        {.subject = "trial",
         .verb = "forget",
         .label = "Forget",
         .help = "Forgets that something failed a trial.",
         .risk = Risk::undoable,
         .operands = {{"subject", WordKind::text, "As lodge trial failed calls it."}},
         .options = outcome_options(),
         .run = forget_words},
        {.subject = "trial",
         .verb = "recover",
         .label = "Recover",
         .help = "Takes back trials that nobody watches any more.",
         .show = recover_words,
         .more = "Each start of Lodge does this first. The unit lodge-trials.service does it at "
                 "boot, before the network is set up."},
        {.subject = "trial",
         .verb = "watch",
         .label = "Watch",
         .help = "Watches a trial until it has ended; Lodge starts this by itself.",
         .operands = {one_trial},
         .run = watch_words},
    };
    return table;
}

}  // namespace lodge
