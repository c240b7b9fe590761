#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/host.h"

namespace lodge {

// How much a knob may break.
enum class KnobRisk {
    low,     // speed or comfort, at once put back
    medium,  // a device may need a restart
    high     // a device, a disk or the network may be lost: only ever on trial
};
std::string_view knob_risk_word(KnobRisk risk);

// Whether something is to be gained.
enum class KnobState {
    good,  // as it should be to sip power
    could_be_better,
    held,    // firmware, lockdown or a driver holds it; `held` says who
    neutral  // a matter of taste: Lodge has no opinion
};
std::string_view knob_state_word(KnobState state);

// KnobKind is a line of the table of knobs: what is true of it on every machine.
struct KnobKind {
    std::string_view id;     // "cpu.governor"
    std::string_view group;  // "Processor": knobs are shown by it, in the table's order
    std::string_view label;  // "Governor"
    std::string_view what;   // a sentence for a person
    KnobRisk risk = KnobRisk::low;
    std::string_view saving;     // what it tends to save; says so when nothing is known
    std::string_view source;     // where that is from
    std::string_view breaks;     // what it may break; "" nothing known
    std::string_view unit = {};  // of a number: "kHz", "ms"
    // The values from most saving to fastest where the kernel names none ("auto on"), space
    // between; "" for a number or for a list that the kernel gives.
    std::string_view values = {};
    // The value that saves power, the first of these words that is allowed; "" no opinion.
    std::string_view thrifty = {};
};

// Knob is one that this machine has, as it was read.
struct Knob {
    const KnobKind* kind = nullptr;
    std::string place;   // which of several: "0000:01:00.0", "host0", "1-2"; "" the only one
    std::string device;  // what is there, for a person: "Intel I226-V (enp1s0)"; "" none
    std::string value;   // as the kernel says it; "mixed" when its files differ
    std::vector<std::string> allowed;                      // words; empty when it is a number
    std::optional<std::pair<long long, long long>> range;  // of a number
    std::vector<std::string> files;  // the kernel's files that hold it, without the sysroot
    std::string held;                // who holds it and why; "" it can be changed
    std::string caution;  // what speaks against changing it here: "a keyboard"; "" nothing
    KnobState state = KnobState::neutral;

    std::string name() const;  // "cpu.governor", "pci.runtime-pm@0000:01:00.0"
};

// All knobs of this machine, by the table's order. Reads no PCI configuration and wakes nothing.
std::vector<Knob> find_knobs(const Host& host);
// The table.
const std::vector<KnobKind>& knob_kinds();
// Those that the word names: a knob's name, a kind's id (all places), or an unmistakable beginning.
// Throws Error(Exit::not_found).
std::vector<Knob> find_knobs(const Host& host, std::string_view word);

}  // namespace lodge
