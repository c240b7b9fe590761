#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/plan.h"
#include "engine/trial.h"
#include "power/knob.h"

// What is looked at while a change of power is on trial.
namespace lodge::watch {

// Adds checks of the devices that the knob touches: errors counted at both ends of their links
// (AER), the links' speed and width, cards' carriers and errors, NVMe controllers' state, health
// and error log, their drivers. Throws Error(Exit::refused) when the machine depends on one of them
// (its root file system, its only network) and `consent` does not name it.
void add_place(const Host& host, const Knob& knob, const std::string& consent, Trial& trial);
// Adds the kernel's messages from now on: those that tell of trouble whatever they name, and those
// that do so of the knobs' devices.
void add_messages(const Host& host, const std::vector<Knob>& knobs, Trial& trial);

// What is remembered when a trial of the knob fails: "aspm.l1 8086:125c", "cpu.online cpu3".
std::string subject_of(const Host& host, const Knob& knob);

// The verbs, each of which throws when it sees trouble: watch-aer, watch-same, watch-counter,
// watch-nvme, watch-messages.
std::span<const ActionKind> actions();

}  // namespace lodge::watch
