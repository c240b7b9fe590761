#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "engine/commands/common.h"
#include "engine/error.h"
#include "engine/trial.h"
#include "engine/units.h"
#include "engine/wrap.h"
#include "power/command_tables.h"
#include "power/power_config.h"
#include "power/profile.h"
#include "power/wizard.h"

namespace lodge {

using nlohmann::json;

namespace {

// No word is cut at a terminal's edge.
void say_words(const std::string& words) {
    const bool terminal = ::isatty(STDOUT_FILENO) != 0;
    fmt::print("{}", terminal ? wrap_text(words, terminal_columns() - 1, 0) : words + "\n");
    std::fflush(stdout);
}

std::optional<Measurement> measure(const Host& host, int seconds, MeterName& meter, bool tell) {
    using Clock = std::chrono::steady_clock;
    MeasurePace pace;
    pace.now = [] { return Clock::now(); };
    pace.wait = [](std::chrono::milliseconds time) { std::this_thread::sleep_for(time); };
    if (tell)
        pace.begun = [seconds](const MeterName& one) {
            say_words(fmt::format("measuring how it is, for {} s, by {}; leave the machine alone",
                                  seconds, one.source));
        };
    tell = tell && ::isatty(STDERR_FILENO) != 0;
    if (tell)
        pace.tell = [seconds](int second, double watts) {
            fmt::print(stderr, "\r  {} of {} s, {:.2f} W ", second, seconds, watts);
        };
    auto measured = measure_watts(host, read_power_config(host), seconds, meter, pace);
    if (tell) fmt::print(stderr, "\r\x1b[K");
    return measured;
}

char ask(const std::string& question, std::string_view letters) {
    for (;;) {
        std::string choices;
        for (const char letter : letters)
            choices += fmt::format("{}{}", choices.empty() ? "" : ", ",
                                   letter == 'y'   ? "y yes"
                                   : letter == 'n' ? "n no"
                                                   : "l leave, and go on another time");
        say_words(question);
        fmt::print("[{}] ", choices);
        std::fflush(stdout);
        std::string line;
        if (!std::getline(std::cin, line)) return 0;
        if (::isatty(STDIN_FILENO) == 0) fmt::print("{}\n", printable(line));
        if (line.size() == 1 && letters.find(line[0]) != std::string_view::npos) return line[0];
    }
}

void run_job(Engine& engine, const Plan& plan) {
    const JobRecord record = engine.jobs.follow(engine.jobs.start(engine, plan), {});
    if (record.state != JobState::done)
        throw Error(record.exit == Exit::ok ? Exit::failed : record.exit,
                    record.error.empty() ? plan.title + ": it was ended" : record.error);
}

bool is_waiting(const Host& host, int number) {
    for (const TrialView& view : active_trials(host))
        if (view.number == number) return view.phase == TrialPhase::waiting;
    return false;
}

WizardWorld world_of(Engine& engine, const Values& words) {
    const bool yes = words.flag("yes"), quiet = words.flag("json");
    WizardWorld world;
    world.measure = [&engine, quiet](int seconds, MeterName& meter) {
        return measure(engine.host, seconds, meter, !quiet);
    };
    world.ask = [yes](const std::string& question, std::string_view letters) {
        return yes ? 'y' : ask(question, letters);
    };
    world.say = [quiet](const std::string& line) {
        if (!quiet) say_words(line);
    };
    world.begin = [&engine](const Plan& plan) {
        run_job(engine, plan);
        return static_cast<int>(plan.steps.at(0).action.on.integer("number"));
    };
    world.going_on = [&engine](int trial) { return is_waiting(engine.host, trial); };
    world.ended = [&engine](int trial) { return trial_end(engine.host, trial); };
    world.keep = [&engine](int trial) { run_job(engine, confirm_plan(engine.host, trial)); };
    world.take_back = [&engine](int trial) { run_job(engine, take_back_plan(engine.host, trial)); };
    return world;
}

WizardState begun_state(Engine& engine, const Values& words) {
    const auto text = engine.host.read(wizard_path(engine.host));
    if (text && !words.flag("restart")) {
        WizardState state = parse_wizard(*text);
        if (!state.done) return state;
    }
    WizardState state;
    state.begun = engine.host.now_seconds();
    const int64_t seconds = words.integer("measure", 60);
    if (seconds < 10 || seconds > 3600)
        fail(Exit::usage, "--measure {} is not allowed: 10 to 3600", seconds);
    state.seconds = static_cast<int>(seconds);
    return state;
}

void print_proposals(const Host& host, bool as_json) {
    json value = json::array();
    std::string text;
    for (const Proposal& one : proposals(host)) {
        value.push_back({{"title", one.title},
                         {"why", one.why},
                         {"risk", knob_risk_word(one.risk)},
                         {"knobs", one.knobs},
                         {"values", one.values}});
        text += fmt::format("{} (risk: {})\n  {}\n", one.title, knob_risk_word(one.risk), one.why);
    }
    fmt::print("{}", as_json        ? json_text(value)
                     : text.empty() ? "nothing to propose: all is as it should be, or held\n"
                                    : text);
}

int wizard_words(Engine& engine, const Values& words) {
    const Host& host = engine.host;
    if (words.flag("dry-run")) {
        print_proposals(host, words.flag("json"));
        return 0;
    }
    if (!host.is_root()) fail(Exit::missing, "only root may change knobs: sudo lodge power wizard");
    std::string others;
    for (const Conflict& one : find_conflicts(host))
        if (one.running) others += (others.empty() ? "" : ", ") + one.name;
    if (!others.empty() && !words.flag("beside"))
        fail(Exit::refused,
             "{} would set its own values meanwhile, and nothing measured would be true: lodge "
             "power adopt ends that",
             others);
    WizardState state = begun_state(engine, words);
    const WizardWorld world = world_of(engine, words);
    if (!state.tried.empty()) world.say("going on where the wizard was left");
    run_wizard(host, state, world);
    if (!state.kept.empty()) {
        Profile profile;
        profile.description = "What the wizard kept.";
        profile.settings = state.kept;
        host.write(profile_path(host, "wizard"), print_profile(profile));
    }
    if (words.flag("json"))
        fmt::print("{}", print_wizard(state));
    else
        say_words("\n" + report_wizard(state));
    if (const auto path = words.get("report")) {
        host.write(*path, report_wizard(state));
        host.write(*path + ".json", print_wizard(state));
    }
    return 0;
}

}  // namespace

std::vector<Command> wizard_command_table() {
    return {{.subject = "power",
             .verb = "wizard",
             .label = "Wizard",
             .help = "Measures, tries one change after another, and keeps what saves something.",
             .twin = "P",
             .risk = Risk::undoable,
             .options = {{.name = "measure",
                          .value = "SECONDS",
                          .help = "How long each measurement takes.",
                          .fallback = "60"},
                         {.name = "restart", .help = "From the beginning, not where it was left."},
                         {.name = "beside", .help = "Although someone else tunes too."},
                         {.name = "report",
                          .value = "FILE",
                          .help = "Writes the report there, and as JSON to FILE.json.",
                          .kind = WordKind::path},
                         {.name = "yes", .help = "Tries everything without asking."},
                         {.name = "dry-run", .help = "Shows what it would propose."},
                         {.name = "json", .help = "Prints the report as JSON."}},
             .run = wizard_words,
             .keyboard = true,
             .more = "The safest changes come first. Each is on trial: it is kept when what it "
                     "saves is beyond the noise of the measurement (95 %), else taken back. Where "
                     "nothing measures watts you are asked, and the report says that nothing is "
                     "proven. It can be left at any time and goes on with the next call. What the "
                     "root file system or the only network hangs on is never proposed. What was "
                     "kept becomes the profile wizard."}};
}

}  // namespace lodge
