// How the app carries out commands: words that are missing are asked for, then what screen.md says
// is asked before harm, then the plans become jobs.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/error.h"
#include "engine/text.h"
#include "engine/units.h"
#include "tui/app.h"
#include "tui/follow.h"
#include "tui/form.h"
#include "tui/help.h"
#include "tui/word_fields.h"

namespace lodge {

using nlohmann::json;

namespace {

bool is_needed(const Command& command, const Chosen::Thing& thing) {
    return std::any_of(command.operands.begin(), command.operands.end(),
                       [&](const Operand& operand) {
                           if (operand.optional || operand.kind == WordKind::guests) return false;
                           return !thing.values.has(operand.name);
                       });
}

bool takes_path(const Command& command) {
    const auto is_path = [](const auto& word) { return word.kind == WordKind::path; };
    return std::any_of(command.operands.begin(), command.operands.end(), is_path) ||
           std::any_of(command.options.begin(), command.options.end(), is_path);
}

// What an option is when nobody says otherwise, as the words on the command line take it.
void set_fallbacks(const Command& command, Values& values) {
    for (const Option& option : command.options)
        if (!option.fallback.empty() && !values.has(option.name))
            values.set({std::string(option.name), option.fallback});
}

// The plans of a command as text, for who asked for them aside.
std::string made_plans(Engine& engine, const Command& command,
                       const std::vector<Chosen::Thing>& things) {
    json plans = json::array();
    std::string troubles;
    for (const Chosen::Thing& thing : things) {
        try {
            if (command.why_not) {
                const std::string why = command.why_not(engine, thing.values);
                if (!why.empty()) throw Error(Exit::refused, why);
            }
            plans.push_back(plan_to_json(command.plan(engine, thing.values)));
        } catch (const Error& error) {
            if (things.size() == 1) throw;
            troubles += std::string(error.what()) + "\n";
        }
    }
    return json{{"plans", plans}, {"troubles", troubles}}.dump(-1, ' ', false,
                                                               json::error_handler_t::replace);
}

std::string plans_as_shell(const std::vector<Plan>& plans, const Actions& actions) {
    std::string text;
    for (const Plan& plan : plans)
        text += (text.empty() ? "" : "\n") + plan_as_shell(plan, actions);
    return text;
}

}  // namespace

std::string command_key_words(const Command& command) {
    std::string words(command.key);
    if (!command.twin.empty()) words += (words.empty() ? "" : " ") + std::string(command.twin);
    return words;
}

std::string App::why_not(const Command& command, const Chosen& chosen) {
    if (settings_.readonly && !locked() && changes(command))
        return "lodge --readonly changes nothing";
    if (!command.why_not) return "";
    try {
        if (chosen.things.empty()) return command.why_not(engine_, {});
        // Of several it is enough that one can be had.
        std::string first;
        for (const Chosen::Thing& thing : chosen.things) {
            std::string why = command.why_not(engine_, thing.values);
            if (why.empty()) return "";
            if (first.empty()) first = std::move(why);
        }
        return first;
    } catch (const std::exception& error) {
        return error.what();
    }
}

// One that needs the terminal may do anything there.
bool App::changes(const Command& command) {
    return command.risk != Risk::none || command.run != nullptr;
}

void App::act(const Command& command, const Chosen& chosen, bool with_options) {
    // What lies on the disk, and secrets, are not for everybody who stands before a locked console.
    if ((changes(command) || (locked() && (takes_path(command) || shows_secrets(command)))) &&
        refuses([this, &command, chosen, with_options] { act(command, chosen, with_options); }))
        return;
    const bool on_things =
        std::any_of(command.operands.begin(), command.operands.end(), [](const Operand& operand) {
            return operand.kind == WordKind::guest || operand.kind == WordKind::guests;
        });
    if (on_things && !command.operands[0].optional && chosen.things.empty()) {
        tell(fmt::format("{}: there is nothing to do it with", command.label), Role::warning);
        return;
    }
    const std::string why = why_not(command, chosen);
    if (!why.empty()) {
        tell(why, Role::warning);
        return;
    }
    for (const OwnDialog& own : own_dialogs())
        if (!with_options && own.subject == command.subject && own.verb == command.verb) {
            open(own.make(*this));
            return;
        }
    const Chosen::Thing first = chosen.things.empty() ? Chosen::Thing{} : chosen.things[0];
    if (is_needed(command, first) || (with_options && !command.options.empty())) {
        ask_words(command, chosen, with_options);
        return;
    }
    auto things = chosen.things;
    if (things.empty()) things.emplace_back();
    for (Chosen::Thing& thing : things)
        set_fallbacks(command, thing.values);
    do_it(command, things, {});
}

// A form of the operands that are not known yet, and of the options.
void App::ask_words(const Command& command, const Chosen& chosen, bool with_options) {
    const Chosen::Thing first = chosen.things.empty() ? Chosen::Thing{} : chosen.things[0];
    state_.look_at_storages();  // the volumes that are offered
    std::vector<FormField> fields =
        word_fields(tables_, engine_, command, first.values, with_options);
    std::string title(command.label);
    if (chosen.things.size() == 1) title += " " + first.name;
    if (chosen.things.size() > 1) title += " " + counted(chosen.things.size(), "guest");
    open(form_dialog(*this, title, std::move(fields),
                     [this, &command, chosen](const Values& said, const FormAnswer& answer) {
                         auto things = chosen.things;
                         if (things.empty()) things.emplace_back();
                         const Values words = said_words(command, said);
                         for (Chosen::Thing& thing : things)
                             for (const auto& [name, list] : words.items())
                                 thing.values.set({name, list});
                         do_it(command, things, answer);
                     }));
}

// All words are known. `answer` is that of the form that asked for them; may be empty.
void App::do_it(const Command& command, const std::vector<Chosen::Thing>& things,
                const FormAnswer& answer) {
    if (!command.show && !command.run) {
        carry_out(command, things, answer);
        return;
    }
    if (answer) answer("");
    if (command.show)
        show_here(command, things[0]);
    else
        run_here(command, things[0]);
}

std::string App::title_of(const Command& command, const Chosen::Thing& thing) {
    return thing.name.empty() ? std::string(command.label)
                              : fmt::format("{} {}", command.label, thing.name);
}

void App::show_here(const Command& command, const Chosen::Thing& thing) {
    const std::string title = title_of(command, thing);
    wait_for({.title = title,
              .work = [this, &command,
                       values = thing.values] { return command.show(engine_, values).text; },
              .done =
                  [this, title](const std::string& text) {
                      open(text_dialog(*this, title, text.empty() ? "(nothing)" : text));
                  }});
}

// What needs the person's keys gets the terminal; of all else the output is shown as it comes.
void App::run_here(const Command& command, const Chosen::Thing& thing) {
    if (command.keyboard && !outside_.lend)
        fail(Exit::refused, "{} needs a terminal", command.label);
    const auto run = [this, &command, thing] {
        if (!command.keyboard) {
            open(run_dialog(
                *this, title_of(command, thing),
                [this, &command, values = thing.values] { return command.run(engine_, values); },
                [this] { state_.look(); }));
            return;
        }
        guarded(command.label,
                [&] { outside_.lend([&] { return command.run(engine_, thing.values); }); });
    };
    if (command.risk != Risk::interrupts) {
        run();
        return;
    }
    open(ask_dialog(*this,
                    {.title = std::string(command.label),
                     .words = fmt::format("{}\n{}", command.help, thing.name),
                     .plan = "",
                     .name = ""},
                    run));
}

void App::carry_out(const Command& command, const std::vector<Chosen::Thing>& things,
                    const FormAnswer& answer) {
    const std::string title =
        things.size() == 1 ? title_of(command, things[0])
                           : fmt::format("{} {}", command.label, counted(things.size(), "guest"));
    Waiting waiting{
        .title = title,
        .work = [this, &command, things] { return made_plans(engine_, command, things); },
        .done =
            [this, &command, things, answer](const std::string& text) {
                if (answer) answer("");
                plans_made(command, things, text);
            }};
    if (answer) waiting.failed = [answer](const Error& error) { answer(error.what()); };
    wait_for(std::move(waiting));
}

void App::plans_made(const Command& command, const std::vector<Chosen::Thing>& things,
                     const std::string& text) {
    const json made = json::parse(text);
    std::vector<Plan> plans;
    for (const json& plan : made.at("plans"))
        plans.push_back(plan_from_json(plan.get<std::string>()));
    const std::string troubles = made.at("troubles");
    if (!troubles.empty()) trouble(fmt::format("{}: not for all", command.label), troubles);
    const std::string name = things.size() == 1 ? things[0].title : counted(things.size(), "guest");
    ask_and_start(things.empty() ? command.risk : risk_of(command, things[0].values),
                  std::move(plans), name.empty() ? std::string(command.label) : name, command.help);
}

void App::carry_out(Risk risk, std::vector<Plan> plans, const std::string& name) {
    ask_and_start(risk, std::move(plans), name, "");
}

// Since when the guest of a plan runs, as it was last seen.
std::string App::since_words(const Plan& plan) const {
    const GuestView* view = plan.guests.size() == 1 ? state_.guest(plan.guests[0]) : nullptr;
    if (view == nullptr ||
        (view->sighting.state != GuestState::running && view->sighting.state != GuestState::paused))
        return "";
    return fmt::format(" ({} since {})", guest_state_word(view->sighting.state),
                       short_duration(view->sighting.uptime));
}

void App::ask_and_start(Risk risk, std::vector<Plan> plans, const std::string& name,
                        std::string_view help) {
    if (plans.empty()) return;
    if (refuses([this, risk, plans, name, help] { ask_and_start(risk, plans, name, help); }))
        return;
    const bool named = risk == Risk::destroys || risk == Risk::cuts_off;
    if (!named && risk != Risk::interrupts) {
        start_jobs(std::move(plans));
        return;
    }
    Question question;
    question.title = plans.size() == 1 ? plans[0].title : fmt::format("{} plans", plans.size());
    for (const Plan& plan : plans) {
        const std::string since = since_words(plan);
        if (plans.size() > 1 || !since.empty()) question.words += plan.title + since + "\n";
        if (named)
            for (const Step& step : plan.steps)
                question.words += "- " + step.why + "\n";
        for (const std::string& warning : plan.warnings)
            question.words += warning + "\n";
    }
    if (!help.empty()) question.words += fmt::format("\n{}\n", help);
    question.plan = plans_as_shell(plans, engine_.actions);
    if (named) question.name = name;
    for (Plan& plan : plans)
        plan.warnings.clear();  // were in the question
    open(ask_dialog(*this, std::move(question),
                    [this, plans = std::move(plans)]() mutable { start_jobs(std::move(plans)); }));
}

void App::start_jobs(std::vector<Plan> plans) {
    std::string warnings, words;
    for (Plan& plan : plans) {
        // What is so of the machine is said once, not at each start.
        for (const std::string& warning : plan.warnings)
            if (warned_.insert(warning).second) warnings += warning + "\n";
        if (plan.steps.empty()) {
            tell(plan.afterwards.empty() ? plan.title + ": done" : plan.afterwards);
            continue;
        }
        const int number = engine_.jobs.start(engine_, plan);
        words = fmt::format("job {}: {}", number, plan.title);
        select_when_made(number, plan);
    }
    if (plans.size() > 1) words = fmt::format("{} jobs were started; 7 shows them", plans.size());
    if (!words.empty()) tell(words);
    if (!warnings.empty()) open(text_dialog(*this, "Warnings", warnings));
}

// A guest that comes to be is what the person goes on with; unless they went elsewhere meanwhile.
void App::select_when_made(int job, const Plan& plan) {
    if (plan.guests.size() != 1 || state_.guest(plan.guests[0]) != nullptr) {
        when_ended(job, nullptr);
        return;
    }
    when_ended(job, [this, id = plan.guests[0], pressed = pressed_](const JobRecord&) {
        for (size_t place = 0; place < screens_.size(); ++place)
            if (place != place_ || pressed == pressed_) screens_[place]->select_guest(id);
    });
}

void App::told_of_end(const JobRecord& record) {
    if (record.state == JobState::done) {
        const std::string& words = record.plan.afterwards;
        tell(words.empty() ? record.plan.title + ": done" : words.substr(0, words.find('\n')),
             Role::good);
        return;
    }
    told_.clear();  // that it was begun
    trouble(record.plan.title, trouble_words(record));
}

Choice App::choice_of(const Command& command, const Chosen& chosen, bool with_subject) {
    Choice choice;
    choice.label = with_subject ? label_of(command.subject) + ": " + std::string(command.label)
                                : std::string(command.label);
    choice.key = command_key_words(command);
    const auto fitting = commands_of(chosen.subject);
    const bool fits = std::find(fitting.begin(), fitting.end(), &command) != fitting.end();
    choice.note = why_not(command, fits ? chosen : Chosen{});
    choice.help = command.help;
    const Chosen on = fits ? chosen : Chosen{};
    choice.chosen = [this, &command, on] {
        guarded(command.label, [&] {
            if (!screen().runs(command)) act(command, on);
        });
    };
    if (!command.options.empty())
        choice.other = [this, &command, on] {
            guarded(command.label, [&] { act(command, on, true); });
        };
    return choice;
}

void App::open_menu() {
    const Chosen chosen = screen().chosen();
    std::vector<Choice> choices;
    auto commands = commands_of(chosen.subject);
    // Those that have a key are those that are used.
    std::stable_partition(commands.begin(), commands.end(), [](const Command* command) {
        return !command->key.empty() || !command->twin.empty();
    });
    for (const Command* command : commands)
        choices.push_back(choice_of(*command, chosen, false));
    for (const OwnKey& own : screen().own_keys())
        choices.push_back(
            {.label = std::string(own.label),
             .key = std::string(own.key),
             .help = std::string(own.help),
             .chosen = [this, own] { screen().key(Key{.name = std::string(own.key)}); }});
    std::string title(screen_kinds()[place_].name);
    if (chosen.things.size() == 1) title = chosen.things[0].name;
    if (chosen.things.size() > 1) title = fmt::format("{} marked", chosen.things.size());
    open(choice_dialog(*this, title, std::move(choices), false));
}

void App::open_palette() {
    const Chosen chosen = screen().chosen();
    std::vector<Choice> choices;
    for (const auto& table : tables_)
        for (const Command& command : table)
            choices.push_back(choice_of(command, chosen, true));
    for (size_t place = 0; place < screens_.size(); ++place)
        choices.push_back({.label = fmt::format("Screen: {}", screen_kinds()[place].name),
                           .key = std::string(1, screen_kinds()[place].number),
                           .help = std::string(screen_kinds()[place].help),
                           .chosen = [this, place] { show_screen(place); }});
    open(choice_dialog(*this, "Commands", std::move(choices), true));
}

}  // namespace lodge
