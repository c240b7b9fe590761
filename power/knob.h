#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/host.h"

namespace lodge {

// How much a knob may break.
enum class KnobRisk {
    low,     // speed or comfort, put back at once
    medium,  // a device may stop working until it is put back: on trial
    high     // a device, a disk or the network may be lost: on trial, and with care
};
std::string_view knob_risk_word(KnobRisk risk);

// Whether something is to be gained.
enum class KnobState {
    good,             // as it should be to sip power
    could_be_better,  // `thrifty` would save something
    held,             // firmware, the kernel's command line or a driver holds it
    neutral           // a matter of taste, or something speaks against changing it
};
std::string_view knob_state_word(KnobState state);

struct KnobKind;

// Knob is one that this machine has, as it was read.
struct Knob {
    const KnobKind* kind = nullptr;
    std::string place;   // which of several: "0000:01:00.0", "host0", "1-2"; "" the only one
    std::string device;  // what is there, for a person: "8086:125c igc enp1s0"; "" nothing
    std::string value;   // as the kernel says it; "mixed" when its files differ
    std::vector<std::string> allowed;                      // words; empty when it is a number
    std::optional<std::pair<long long, long long>> range;  // of a number
    std::vector<std::string> files;  // the kernel's files that hold it, without the sysroot
    std::string thrifty;             // the value that saves power here; "" no opinion
    std::string held;                // who holds it and why; "" it can be changed
    std::string caution;             // what speaks against changing it here; "" nothing known
    KnobState state = KnobState::neutral;

    std::string name() const;  // "cpu.governor", "pci.runtime-pm@0000:01:00.0"
};

// KnobKind is a line of the table of knobs: what is true of it on every machine, and how those of
// this machine are found.
struct KnobKind {
    std::string_view id;     // "cpu.governor"
    std::string_view group;  // "Processor": knobs are shown by it, in the table's order
    std::string_view label;  // "Governor"
    std::string_view what;   // a sentence for a person
    KnobRisk risk = KnobRisk::low;
    std::string_view saving;     // what it tends to save; says so when no figure is known
    std::string_view source;     // where that is from
    std::string_view breaks;     // what it may break; "" nothing known
    std::string_view unit = {};  // of a number: "kHz", "s"
    // Fills value, files, allowed or range, thrifty, held, caution and device; the rest is done by
    // find_knobs(). Reads no PCI configuration space and wakes nothing.
    void (*find)(const Host& host, std::vector<Knob>& into) = nullptr;
};

// The table: one line a knob (power/knob_table.cc).
std::span<const KnobKind> knob_kinds();

// All knobs of this machine in the table's order. What vanishes while it is read is left out.
std::vector<Knob> find_knobs(const Host& host);
// Those of one kind.
std::vector<Knob> find_knobs(const Host& host, const KnobKind& kind);
// Those that a word names: a knob ("pci.runtime-pm@0000:01:00.0"), or a kind (each place of it).
// Throws Error(Exit::not_found) with what is near.
std::vector<Knob> named_knobs(const Host& host, std::string_view word);

// "" when the knob takes the value, else why not, with what it takes.
std::string why_not_value(const Knob& knob, std::string_view value);
// What it takes, for a person: "powersave, performance" or "0 to 15".
std::string allowed_words(const Knob& knob);

}  // namespace lodge
