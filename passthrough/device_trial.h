#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/guest.h"
#include "engine/plan.h"
#include "engine/trial.h"
#include "passthrough/findings.h"

namespace lodge {

// Devices whose handing over can take more than the device: the way by which somebody is here, or
// the machine's sensors and clocks. The first start with them is a trial (engine/trial.h): the
// guest is ended and they come back unless it is confirmed; also when the SSH session that began
// it is lost, when sensors or clocks go, after a crash, and after a restart.

// What of the findings asks for that: B2's that can cut off, and W4.
std::vector<const Finding*> trial_findings(const Judgement& judgement);

// What stands against the start: a finding that blocks, or that cuts off with nothing said of it,
// or a trial of the same that failed. Throws Error(Exit::refused).
void refuse_blocked(const Host& host, const Guest& guest, const Judgement& judgement);

// The functions that the guest has on trial only; empty when there are none.
std::vector<const PciFunction*> on_trial(const Host& host, const Guest& guest,
                                         const std::vector<const PciFunction*>& functions);

// Adds the step that arms it; `hand` are the steps that hand the devices over, to come after.
void plan_device_trial(Engine& engine, const Guest& guest,
                       const std::vector<const PciFunction*>& functions, const Plan& hand,
                       Plan& plan);
// Adds the step that begins the countdown, when the plan has armed one.
void plan_device_trial_begun(Plan& plan);
// Adds the step that ends the guest's trial, when there is one: its devices are given back.
void plan_device_trial_over(const Host& host, int guest, Plan& plan);

// Trials of any of these with the guest that failed.
std::vector<FailedSubject> failed_trials(const Host& host,
                                         const std::vector<const PciFunction*>& functions,
                                         int guest);

// Verbs: device-agree guest, consent, [address…] | device-watch-way here, here-port, there,
// there-port (throws when that SSH session is lost).
std::span<const ActionKind> device_trial_actions();

}  // namespace lodge
