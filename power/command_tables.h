#pragma once

#include <string>
#include <vector>

#include "engine/command.h"
#include "power/conflicts.h"
#include "power/knob_plan.h"

// The parts of the table of `lodge power`, joined in commands.cc.
namespace lodge {

std::vector<Command> profile_command_table();   // commands_profile.cc
std::vector<Command> conflict_command_table();  // commands_conflict.cc
std::vector<Command> record_command_table();    // commands_record.cc
std::vector<Command> aspm_command_table();      // commands_aspm.cc
std::vector<Command> wizard_command_table();    // commands_wizard.cc

// --seconds and --consent of what may become a trial.
std::vector<Option> trial_options();
WishOptions wish_options(const Values& words);

// Throws Error(Exit::refused) when someone else would set one of the knobs again, unless --beside.
void refuse_fight(const Host& host, const std::vector<KnobWish>& wishes, const Values& words);

}  // namespace lodge
