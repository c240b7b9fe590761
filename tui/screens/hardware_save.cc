#include "tui/screens/hardware_save.h"

#include <fmt/format.h>

#include "engine/engine.h"
#include "engine/text.h"
#include "engine/units.h"
#include "tui/app.h"

namespace lodge {

std::string unsaved_words(const HardwareEdits& edits) {
    return counted(edits.count(), "change") + " not saved";
}

Chosen chosen_part(const Guest& guest, const std::string& key) {
    Values values{{"guest", guest.id}};
    if (!key.empty()) values.set({"key", key});
    const std::string name =
        key.empty() ? guest_words(guest) : fmt::format("{} of {}", key, guest_words(guest));
    return {.subject = "guest",
            .things = {{.values = values, .name = name, .title = key.empty() ? guest.name : key}}};
}

const Guest* HardwareSaver::seen(int guest) const {
    const GuestView* view = app_.state().guest(guest);
    return view != nullptr ? view->guest.get() : nullptr;
}

void HardwareSaver::discard(int guest) {
    edits_(guest) = {};
    changed_();
}

void HardwareSaver::save(int guest) {
    const Guest* now = seen(guest);
    if (now == nullptr || edits_(guest).empty()) {
        app_.tell("there is nothing to save");
        return;
    }
    const std::string digest = load_guest(app_.engine(), guest).config.digest();
    if (digest == edits_(guest).digest) {
        ask_save(guest);
        return;
    }
    app_.open(choice_dialog(app_, fmt::format("{} was changed meanwhile", guest_words(*now)),
                            {{.label = "Keep editing", .key = "Esc"},
                             {.label = "Save on top of it",
                              .key = "s",
                              .help = "Only the keys that were edited here are written.",
                              .chosen =
                                  [this, guest, digest] {
                                      edits_(guest).digest = digest;
                                      ask_save(guest);
                                  }},
                             {.label = "Discard what was edited here",
                              .key = "d",
                              .chosen = [this, guest] { discard(guest); }}},
                            false));
}

// Shows what becomes of what, now and at the next start, before it is saved.
void HardwareSaver::ask_save(int guest) {
    const Guest* now = seen(guest);
    if (now == nullptr) return;
    const Values words = edits_(guest).words(guest);
    app_.wait_for({.title = "Make the plan",
                   .work =
                       [this, words] {
                           return plan_to_json(
                               app_.command("guest set").plan(app_.engine(), words));
                       },
                   .done =
                       [this, guest, words](const std::string& text) {
                           ask_save_by(guest, plan_from_json(text), words);
                       }});
}

void HardwareSaver::ask_save_by(int guest, const Plan& plan, const Values& words) {
    const Guest* now = seen(guest);
    if (now == nullptr) return;
    Question question;
    question.title = fmt::format("Save the changes of {}?", guest_words(*now));
    question.words = edits_words(now->config, edits_(guest)) + "\n" + plan.afterwards;
    for (const std::string& warning : plan.warnings)
        question.words += "\n" + warning;
    question.plan = plan_as_shell(plan, app_.engine().actions);
    app_.open(
        ask_dialog(app_, std::move(question), [this, guest, words, chosen = chosen_part(*now)] {
            // A password that is asked for and not given loses nothing.
            if (app_.refuses([this, guest] { ask_save(guest); })) return;
            Chosen::Thing thing = chosen.things[0];
            thing.values = words;
            app_.carry_out(app_.command("guest set"), {thing});
            discard(guest);
        }));
}

void HardwareSaver::ask_leave(int guest) {
    app_.open(choice_dialog(
        app_, unsaved_words(edits_(guest)),
        {{.label = "Keep editing", .key = "Esc"},
         {.label = "Save", .key = "s", .chosen = [this, guest] { save(guest); }},
         {.label = "Discard", .key = "d", .chosen = [this, guest] { discard(guest); }}},
        false));
}

}  // namespace lodge
