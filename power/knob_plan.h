#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/plan.h"
#include "power/knob.h"

namespace lodge {

// KnobWish is a knob as it was read, and what it shall be.
struct KnobWish {
    Knob knob;
    std::string value;
};

// How wishes are carried out.
struct WishOptions {
    int seconds = 120;    // how long a trial waits for an answer
    bool keep = false;    // lasting: at once, or when the trial is confirmed
    std::string consent;  // the place of a device that more depends on than itself
    Plan keep_plan;       // what makes it last; carried out when `keep`
};

// Whether something of it may break something, so that it has to be a trial.
bool needs_trial(const std::vector<KnobWish>& wishes);
// Only the wishes that would change something, in the order of the table.
std::vector<KnobWish> changing(std::vector<KnobWish> wishes);

// The plan of only the writes that would change something: a trial when one of them has risk.
// Throws Error(Exit::usage or refused) for a value that is not allowed, a knob that is held, and a
// device that the machine depends on without consent.
Plan wish_plan(const Host& host, const std::string& title, std::vector<KnobWish> wishes,
               const WishOptions& options);
// The steps alone, each with its way back, without trial or checks of values.
Plan write_steps(const Host& host, const std::vector<KnobWish>& wishes);

// Why the kernel refused to have the value written, in words that say who holds it.
std::string refusal(const Host& host, std::string_view knob, const std::string& file,
                    std::string_view value, int number);

// "cpu.governor: performance -> powersave", a line a wish, for a person.
std::string diff_words(const std::vector<KnobWish>& wishes);

// The verbs: knob-write knob file… from… to | knob-restore knob file… back… to |
// knob-check knob file to | knob-leave.
std::span<const ActionKind> knob_actions();

}  // namespace lodge
