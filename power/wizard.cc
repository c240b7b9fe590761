#include "power/wizard.h"

#include <algorithm>

#include "engine/error.h"
#include "engine/trial.h"
#include "engine/units.h"
#include "power/aspm_links.h"
#include "power/keep.h"
#include "power/watch.h"

namespace lodge {

namespace {

bool has_failed(const Host& host, const std::vector<FailedSubject>& failed, const Knob& knob) {
    const std::string subject = watch::subject_of(host, knob);
    return std::any_of(failed.begin(), failed.end(),
                       [&](const FailedSubject& one) { return one.subject == subject; });
}

// A link is proposed only when both ends were read and nothing speaks against its sleep.
bool link_is_fine(const std::vector<aspm::LinkFacts>& links, const Knob& knob) {
    return std::any_of(links.begin(), links.end(), [&](const aspm::LinkFacts& link) {
        return link.lower.address == knob.place && link.low && link.high && link.against.empty();
    });
}

// Substates only after their L1 has proven itself, and never the policy of all links at once.
bool is_proposable(const KnobKind& kind) {
    if (kind.group != "PCIe links") return true;
    return kind.id == "aspm.l1";
}

}  // namespace

std::vector<Proposal> proposals(const Host& host) {
    std::vector<Proposal> all;
    const auto failed = failed_subjects(host);
    const auto devices = pci_devices(host);
    std::vector<aspm::LinkFacts> links;
    for (const KnobRisk risk : {KnobRisk::low, KnobRisk::medium, KnobRisk::high})
        for (const KnobKind& kind : knob_kinds()) {
            if (kind.risk != risk || !is_proposable(kind)) continue;
            const bool is_link = kind.group == "PCIe links";
            for (const Knob& knob : find_knobs(host, kind)) {
                if (knob.state != KnobState::could_be_better || has_failed(host, failed, knob))
                    continue;
                if (is_link && links.empty()) links = aspm::read_links(host);
                if (is_link && !link_is_fine(links, knob)) continue;
                const PciDevice* device = find_device(devices, knob.place);
                if (is_link && device && !depends_on(host, devices, *device).empty()) continue;
                const bool joins =
                    !is_link && !all.empty() && !all.back().knobs.empty() &&
                    all.back().knobs[0].substr(0, all.back().knobs[0].find('@')) == kind.id;
                if (!joins) {
                    Proposal& one = all.emplace_back();
                    one.title = fmt::format("{}: {} -> {}", is_link ? knob.name() : kind.id,
                                            knob.value, knob.thrifty);
                    one.why = fmt::format(
                        "{} It tends to save: {} ({}).{}", kind.what, kind.saving, kind.source,
                        kind.breaks.empty() ? "" : fmt::format(" It may cost: {}.", kind.breaks));
                    one.risk = risk;
                }
                all.back().knobs.push_back(knob.name());
                all.back().values.push_back(knob.thrifty);
            }
        }
    return all;
}

namespace {

std::vector<KnobWish> wishes_of(const Host& host, const Proposal& proposal) {
    std::vector<KnobWish> wishes;
    for (size_t i = 0; i < proposal.knobs.size(); ++i)
        for (Knob& knob : named_knobs(host, proposal.knobs[i]))
            wishes.push_back({std::move(knob), proposal.values[i]});
    return changing(std::move(wishes));
}

// Every change of the wizard is a trial, also one without risk: nobody may be there to undo it.
Plan trial_of(const Host& host, const Proposal& proposal, int seconds) {
    const auto wishes = wishes_of(host, proposal);
    Trial trial;
    for (const KnobWish& wish : wishes)
        watch::add_place(host, wish.knob, "", trial);
    if (!wishes.empty() && proposal.risk != KnobRisk::low)
        trial.subject = watch::subject_of(host, wishes[0].knob);
    std::vector<Knob> knobs;
    for (const KnobWish& wish : wishes)
        knobs.push_back(wish.knob);
    watch::add_messages(host, knobs, trial);
    trial.plan = write_steps(host, wishes);
    trial.plan.title = "try " + proposal.title;
    trial.keep = keep_steps(host, wishes, "");
    trial.seconds = seconds;
    return trial_plan(host, std::move(trial));
}

bool was_tried(const WizardState& state, const Proposal& proposal) {
    return std::any_of(state.tried.begin(), state.tried.end(),
                       [&](const Tried& one) { return one.title == proposal.title; });
}

void save(const Host& host, const WizardState& state) {
    host.write(wizard_path(host), print_wizard(state), 0640);
}

// Whether it is kept; by measurement, else by the person.
bool decide(WizardState& state, const WizardWorld& world, Tried& tried) {
    if (state.baseline) {
        tried.before = state.baseline;
        tried.after = world.measure(state.seconds, state.meter);
        if (!tried.after) {
            tried.words = "the meter does not answer any more";
            return false;
        }
        const Verdict verdict = compare(*tried.before, *tried.after);
        tried.words = verdict_words(verdict);
        if (!verdict.proven) tried.words += ": not beyond the noise";
        return verdict.proven;
    }
    tried.words = "without proof: nothing measures here";
    return world.ask("It is on now, nothing measures what it saves. Keep it?", "yn") == 'y';
}

void try_one(const Host& host, WizardState& state, const WizardWorld& world,
             const Proposal& proposal) {
    Tried tried;
    tried.title = proposal.title;
    int trial = 0;
    try {
        trial = world.begin(trial_of(host, proposal, state.seconds + 300));
        const bool keep = decide(state, world, tried);
        if (!world.going_on(trial)) {
            tried.outcome = "failed";
            tried.words = "it ended by itself: " + world.ended(trial);
        } else if (keep) {
            world.keep(trial);
            tried.outcome = "kept";
            if (tried.after) state.baseline = tried.after;
            for (size_t i = 0; i < proposal.knobs.size(); ++i)
                state.kept.emplace_back(proposal.knobs[i], proposal.values[i]);
        } else {
            world.take_back(trial);
            tried.outcome = "taken back";
        }
    } catch (const Error& error) {
        if (trial > 0 && world.going_on(trial)) world.take_back(trial);
        if (error.exit() == Exit::cancelled) throw;
        tried.outcome = "failed";
        tried.words = error.what();
    }
    world.say(fmt::format("  {}: {}", tried.outcome, tried.words));
    state.tried.push_back(std::move(tried));
    save(host, state);
}

}  // namespace

bool run_wizard(const Host& host, WizardState& state, const WizardWorld& world) {
    // Also when it is taken up again: what was measured on another day is no baseline.
    state.baseline = world.measure(state.seconds, state.meter);
    save(host, state);
    if (state.baseline)
        world.say(fmt::format("{} takes {:.2f} W, with a spread of {:.2f} W ({})",
                              measured_thing(state), state.baseline->watts, state.baseline->spread,
                              state.meter.source));
    else
        world.say("nothing here measures watts: what follows is proposed without proof");
    for (const Proposal& proposal : proposals(host)) {
        if (was_tried(state, proposal)) continue;
        world.say(fmt::format("\n{} (risk: {})\n  {}", proposal.title,
                              knob_risk_word(proposal.risk), proposal.why));
        const char answer =
            world.ask("Try it? It is taken back by itself if something goes wrong.", "ynl");
        if (answer == 'l' || answer == 0) return false;
        if (answer != 'y') {
            state.tried.push_back({proposal.title, "not wanted", "", {}, {}});
            save(host, state);
            continue;
        }
        try_one(host, state, world, proposal);
    }
    state.done = true;
    save(host, state);
    return true;
}

}  // namespace lodge
