#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "power/knob_plan.h"
#include "power/measurement.h"

namespace lodge {

// Proposal is a change that the wizard would try: all places of a kind, or one link.
struct Proposal {
    std::string title;  // "audio.power-save: 0 -> 1"
    std::string why;    // what it tends to save, and where that is from
    KnobRisk risk = KnobRisk::low;
    std::vector<std::string> knobs;  // names, each with a value in `values`
    std::vector<std::string> values;
};
// The safest first. Nothing that something speaks against, that is held, or that failed a trial.
// Reads the configuration space of devices that are awake, for their links.
std::vector<Proposal> proposals(const Host& host);

// Tried is what became of a proposal.
struct Tried {
    std::string title;
    std::string outcome;  // "kept", "taken back", "not wanted", "failed"
    std::string words;    // measured difference, or why
    std::optional<Measurement> before, after;
};

// WizardState is a run of the wizard, written to disk after each step: it can be left and taken up
// again.
struct WizardState {
    int64_t begun = 0;                    // Unix time, seconds
    int seconds = 60;                     // how long each measurement takes
    MeterName meter;                      // chosen by the first measurement
    std::optional<Measurement> baseline;  // none: nothing measures here
    std::vector<Tried> tried;
    std::vector<std::pair<std::string, std::string>> kept;  // knob, value
    bool done = false;
};
std::string print_wizard(const WizardState& state);   // JSON, which is also the report
WizardState parse_wizard(std::string_view text);      // throws Error
std::string report_wizard(const WizardState& state);  // for a person
// "the machine", or "the processor" where its counters are all that measures.
std::string_view measured_thing(const WizardState& state);
std::string wizard_path(const Host& host);

// What the wizard asks of its surroundings.
struct WizardWorld {
    // As measure_watts() does.
    std::function<std::optional<Measurement>(int seconds, MeterName& meter)> measure;
    // One of the letters: y yes, n no, l leave; 0 when nobody answers any more.
    std::function<char(const std::string& question, std::string_view letters)> ask;
    std::function<void(const std::string& line)> say;
    // Begins the trial; its number. Throws what went wrong.
    std::function<int(const Plan& plan)> begin;
    std::function<bool(int trial)> going_on;
    std::function<std::string(int trial)> ended;  // how, in words; "" not known
    std::function<void(int trial)> keep, take_back;
};

// Runs it from where `state` stands. Each change is a trial: kept when what it saves is beyond the
// noise, or, where nothing measures, when the person says so. True: it came to its end.
bool run_wizard(const Host& host, WizardState& state, const WizardWorld& world);

}  // namespace lodge
