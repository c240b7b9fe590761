#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/commands/common.h"
#include "engine/error.h"
#include "engine/units.h"
#include "power/command_tables.h"
#include "power/keep.h"
#include "power/profile.h"

namespace lodge {

using nlohmann::json;

namespace {

Report list_words(Engine& engine, const Values&) {
    const auto kept = load_kept(engine.host);
    json value = json::array();
    std::vector<std::vector<std::string>> rows;
    for (const Profile& profile : list_profiles(engine.host)) {
        const Resolved resolved = resolve_profile(engine.host, profile);
        const bool is_kept = kept && kept->description == profile.name;
        value.push_back({{"profile", profile.name},
                         {"description", profile.description},
                         {"own", profile.own},
                         {"kept", is_kept},
                         {"changes", resolved.wishes.size()}});
        rows.push_back(
            {profile.name, profile.own ? "yours" : "Lodge's",
             resolved.wishes.empty() ? "as it is" : counted(resolved.wishes.size(), "change"),
             is_kept ? "kept" : "", printable(profile.description)});
    }
    return {format_table({"PROFILE", "WHOSE", "-HERE", "", "WHAT"}, rows), json_text(value)};
}

json diff_json(const Resolved& resolved) {
    json changes = json::array();
    for (const KnobWish& wish : resolved.wishes)
        changes.push_back({{"knob", wish.knob.name()},
                           {"from", wish.knob.value},
                           {"to", wish.value},
                           {"risk", knob_risk_word(wish.knob.kind->risk)}});
    return changes;
}

Report diff_words_of(Engine& engine, const Values& words) {
    const Profile profile = load_profile(engine.host, words.text("profile"));
    const Resolved resolved = resolve_profile(engine.host, profile);
    std::string text = fmt::format("{}: {}\n", profile.name, printable(profile.description));
    text += resolved.wishes.empty() ? "changes nothing here\n"
                                    : "would change\n" + diff_words(resolved.wishes);
    if (!resolved.left.empty()) text += "leaves alone\n";
    for (const std::string& line : resolved.left)
        text += "  " + line + "\n";
    if (!resolved.absent.empty())
        text += "not on this machine: " + join(resolved.absent, ", ") + "\n";
    return {text, json_text({{"profile", profile.name},
                             {"text", print_profile(profile)},
                             {"changes", diff_json(resolved)},
                             {"left", resolved.left},
                             {"absent", resolved.absent}})};
}

Plan apply_plan(Engine& engine, const Values& words) {
    const Profile profile = load_profile(engine.host, words.text("profile"));
    Resolved resolved = resolve_profile(engine.host, profile);
    if (words.flag("safe"))
        std::erase_if(resolved.wishes,
                      [](const KnobWish& wish) { return wish.knob.kind->risk != KnobRisk::low; });
    refuse_fight(engine.host, resolved.wishes, words);
    WishOptions options = wish_options(words);
    options.keep = words.flag("keep");
    if (options.keep) {
        // All of the profile lasts, not only what is not so yet.
        std::vector<KnobWish> all;
        for (const auto& [key, value] : profile.settings)
            for (const Knob& knob : find_knobs(engine.host)) {
                if (key != knob.kind->id && key != knob.name()) continue;
                const auto wish = std::find_if(
                    resolved.wishes.begin(), resolved.wishes.end(),
                    [&](const KnobWish& one) { return one.knob.name() == knob.name(); });
                if (wish != resolved.wishes.end())
                    all.push_back(*wish);
                else if ((" " + value + " ").find(" " + knob.value + " ") != std::string::npos ||
                         (value == "thrifty" && knob.value == knob.thrifty))
                    all.push_back({knob, knob.value});
            }
        options.keep_plan = keep_steps(engine.host, all, profile.name);
    }
    return wish_plan(engine.host, "apply the profile " + profile.name, std::move(resolved.wishes),
                     options);
}

std::string why_not_forget(Engine& engine, const Values&) {
    return engine.host.exists(kept_path(engine.host)) ? "" : "no power settings are kept";
}

Plan forget_plan(Engine& engine, const Values&) {
    return forget_steps(engine.host);
}

Plan restore_words(Engine& engine, const Values& words) {
    return restore_plan(engine.host, words.text("place", ""));
}

Plan schedule_words(Engine& engine, const Values& words) {
    const std::string time = words.text("at", "");
    if (time.empty() == !words.flag("remove"))
        fail(Exit::usage, "say --at TIME or --remove: lodge power schedule silent --at 22:00");
    return schedule_plan(engine.host, load_profile(engine.host, words.text("profile")), time);
}

Report kept_words(Engine& engine, const Values&) {
    const auto kept = load_kept(engine.host);
    if (!kept) return {"no power settings are kept\n", "null\n"};
    std::string text;
    json settings = json::object();
    for (const auto& [knob, value] : kept->settings) {
        text += fmt::format("  {}: {}\n", knob, value);
        settings[knob] = value;
    }
    return {
        fmt::format("kept{}\n{}",
                    kept->description.empty() ? "" : ", of the profile " + kept->description, text),
        json_text({{"profile", kept->description}, {"settings", settings}})};
}

}  // namespace

std::vector<Command> profile_command_table() {
    static const Operand one_profile{"profile", WordKind::text,
                                     "Its name, as lodge power profiles shows it."};
    std::vector<Option> apply_options = trial_options();
    apply_options.push_back({.name = "keep", .help = "It lasts over restarts."});
    apply_options.push_back({.name = "safe", .help = "Only what has no risk; no trial."});
    return {
        {.subject = "power",
         .verb = "profiles",
         .label = "Profiles",
         .help = "Lists profiles, Lodge's and your own, and how much each would change.",
         .show = list_words,
         .more = "Your own are texts in /etc/lodge/power/profiles, a line a knob: "
                 "\"cpu.governor: powersave schedutil\" is the first of these that this machine "
                 "takes, \"thrifty\" what saves power here."},
        {.subject = "power",
         .verb = "diff",
         .label = "Compare",
         .help = "Shows what a profile would change here, and what it leaves alone and why.",
         .operands = {one_profile},
         .show = diff_words_of},
        {.subject = "power",
         .verb = "apply",
         .label = "Apply",
         .help = "Applies a profile: only what differs, on trial where something has risk.",
         .risk = Risk::undoable,
         .operands = {one_profile},
         .options = std::move(apply_options),
         .plan = apply_plan,
         .more = "With --keep a unit of systemd and a rule of udev bring it back at each start; "
                 "lodge power forget removes both, and lodge.power=off on the kernel's command "
                 "line keeps them from working."},
        {.subject = "power",
         .verb = "schedule",
         .label = "Schedule",
         .help = "Applies a profile at a time of the day, by a timer of systemd.",
         .risk = Risk::undoable,
         .operands = {one_profile},
         .options = {{.name = "at",
                      .value = "TIME",
                      .help = "22:00, or \"Mon..Fri 07:30\" as systemd.time(7) has it."},
                     {.name = "remove", .help = "Ends it."}},
         .plan = schedule_words,
         .more = "Only what has no risk is set, as nobody may be there to answer a trial."},
        {.subject = "power",
         .verb = "kept",
         .label = "Kept settings",
         .help = "Shows which settings are brought back at each start.",
         .show = kept_words},
        {.subject = "power",
         .verb = "forget",
         .label = "Forget",
         .help = "Keeps no settings any more; what is set stays until a restart.",
         .risk = Risk::undoable,
         .why_not = why_not_forget,
         .plan = forget_plan},
        {.subject = "power",
         .verb = "restore",
         .label = "Restore",
         .help = "Sets again what is kept; the boot unit and the rule of udev do this.",
         .risk = Risk::undoable,
         .options = {{.name = "place",
                      .value = "PLACE",
                      .help = "Only what belongs to this device."}},
         .plan = restore_words},
    };
}

}  // namespace lodge
