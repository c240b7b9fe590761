#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/commands/common.h"
#include "engine/trial.h"
#include "engine/units.h"
#include "power/aspm.h"
#include "power/command_tables.h"
#include "power/keep.h"
#include "power/knob.h"
#include "power/knob_plan.h"
#include "power/missing.h"
#include "power/power.h"
#include "power/watch.h"

namespace lodge {

using nlohmann::json;

namespace {

json knob_json(const Knob& knob) {
    const KnobKind& kind = *knob.kind;
    json value = {{"knob", knob.name()},   {"group", kind.group},
                  {"label", kind.label},   {"what", kind.what},
                  {"value", knob.value},   {"risk", knob_risk_word(kind.risk)},
                  {"saving", kind.saving}, {"source", kind.source},
                  {"files", knob.files},   {"state", knob_state_word(knob.state)}};
    if (!knob.device.empty()) value["device"] = knob.device;
    if (!knob.allowed.empty()) value["allowed"] = knob.allowed;
    if (knob.range) value["range"] = {knob.range->first, knob.range->second};
    if (!kind.unit.empty()) value["unit"] = kind.unit;
    if (!kind.breaks.empty()) value["breaks"] = kind.breaks;
    if (!knob.thrifty.empty()) value["thrifty"] = knob.thrifty;
    if (!knob.held.empty()) value["held"] = knob.held;
    if (!knob.caution.empty()) value["caution"] = knob.caution;
    return value;
}

std::string state_words(const Knob& knob) {
    if (knob.state == KnobState::could_be_better) return "could be " + knob.thrifty;
    if (knob.state == KnobState::held) return "held: " + knob.held;
    if (knob.state == KnobState::neutral && !knob.caution.empty()) return knob.caution;
    return std::string(knob_state_word(knob.state));
}

// Many places of one kind that say the same are one row: a machine may have 256 cores.
struct Row {
    const Knob* first;
    size_t count = 1;
};

std::vector<Row> rows_of(const std::vector<Knob>& knobs, bool all) {
    std::vector<Row> rows;
    for (const Knob& knob : knobs) {
        const auto same = std::find_if(rows.begin(), rows.end(), [&](const Row& row) {
            return row.first->kind == knob.kind && row.first->value == knob.value &&
                   state_words(*row.first) == state_words(knob);
        });
        const auto of_kind = std::count_if(
            knobs.begin(), knobs.end(), [&](const Knob& other) { return other.kind == knob.kind; });
        if (all || of_kind <= 4 || same == rows.end())
            rows.push_back({&knob});
        else
            ++same->count;
    }
    return rows;
}

Report list_words(Engine& engine, const Values& words) {
    const auto knobs = find_knobs(engine.host);
    json value = json::array();
    for (const Knob& knob : knobs)
        value.push_back(knob_json(knob));
    std::string text, group;
    std::vector<std::vector<std::string>> table;
    const auto flush = [&] {
        if (!table.empty()) text += format_table({"KNOB", "VALUE", "RISK", group}, table) + "\n";
        table.clear();
    };
    std::vector<std::string> groups;
    for (const KnobKind& kind : knob_kinds())
        if (std::find(groups.begin(), groups.end(), kind.group) == groups.end())
            groups.emplace_back(kind.group);
    for (const std::string& one : groups) {
        group = one;
        for (const Row& row : rows_of(knobs, words.flag("all"))) {
            const Knob& knob = *row.first;
            if (knob.kind->group != one) continue;
            std::string note = state_words(knob);
            if (row.count > 1) note += fmt::format(" (and {} more alike)", row.count - 1);
            table.push_back({knob.name(), printable(knob.value),
                             std::string(knob_risk_word(knob.kind->risk)), printable(note)});
        }
        flush();
    }
    for (const std::string& line : missing_words(engine.host, knobs))
        text += line + "\n";
    return {text, json_text(value)};
}

Report show_words(Engine& engine, const Values& words) {
    json value = json::array();
    std::string text;
    for (const Knob& knob : named_knobs(engine.host, words.text("knob"))) {
        const KnobKind& kind = *knob.kind;
        value.push_back(knob_json(knob));
        std::vector<std::vector<std::string>> rows = {{"knob", knob.name()},
                                                      {"what", std::string(kind.what)},
                                                      {"value", printable(knob.value)},
                                                      {"takes", allowed_words(knob)},
                                                      {"state", state_words(knob)}};
        if (!knob.device.empty()) rows.push_back({"at", printable(knob.device)});
        if (!knob.held.empty()) rows.push_back({"held by", knob.held});
        if (!knob.caution.empty()) rows.push_back({"caution", knob.caution});
        rows.push_back({"risk", std::string(knob_risk_word(kind.risk)) +
                                    (kind.risk == KnobRisk::low ? "" : ": only ever on trial")});
        rows.push_back({"saves", std::string(kind.saving)});
        rows.push_back({"source", std::string(kind.source)});
        if (!kind.breaks.empty()) rows.push_back({"may break", std::string(kind.breaks)});
        rows.push_back(
            {"undo", shell_line({"lodge", "power", "set", knob.name() + "=" + knob.value})});
        for (const std::string& file : knob.files) {
            rows.push_back({rows.back()[0] == "file" ? "" : "file", file});
            if (knob.files.size() > 4) {
                rows.back()[1] += fmt::format(" and {} more", knob.files.size() - 1);
                break;
            }
        }
        if (!text.empty()) text += "\n";
        text += format_table({"", ""}, rows);
    }
    return {text, json_text(value)};
}

// "knob=value …", or a knob and a value as two words.
std::vector<KnobWish> wishes_of(Engine& engine, const Values& words) {
    std::vector<std::string> pairs = words.list("setting");
    if (pairs.size() == 2 && pairs[0].find('=') == std::string::npos &&
        pairs[1].find('=') == std::string::npos)
        pairs = {pairs[0] + "=" + pairs[1]};
    std::vector<KnobWish> wishes;
    for (const std::string& pair : pairs) {
        const auto equals = pair.find('=');
        if (equals == std::string::npos || equals == 0)
            fail(Exit::usage, "'{}' is no setting: KNOB=VALUE, as cpu.governor=powersave",
                 printable(pair));
        for (Knob& knob : named_knobs(engine.host, pair.substr(0, equals)))
            wishes.push_back({std::move(knob), pair.substr(equals + 1)});
    }
    return wishes;
}

Plan set_plan(Engine& engine, const Values& words) {
    std::vector<KnobWish> wishes = wishes_of(engine, words);
    refuse_fight(engine.host, wishes, words);
    WishOptions options = wish_options(words);
    options.keep = words.flag("keep");
    if (options.keep) options.keep_plan = keep_steps(engine.host, wishes, "");
    const std::string title =
        wishes.size() == 1 ? fmt::format("set {} to {}", wishes[0].knob.name(), wishes[0].value)
                           : "set " + counted(wishes.size(), "knob");
    return wish_plan(engine.host, title, std::move(wishes), options);
}

std::vector<Option> set_options() {
    std::vector<Option> options = trial_options();
    options.push_back({.name = "keep", .help = "It lasts over restarts."});
    return options;
}

}  // namespace

std::vector<Option> trial_options() {
    return {{.name = "seconds",
             .value = "SECONDS",
             .help = "How long a trial waits for lodge trial confirm.",
             .fallback = "120"},
            {.name = "consent",
             .value = "PLACE",
             .help = "You know that the machine depends on the device there."},
            {.name = "beside", .help = "Although someone else sets it too."}};
}

WishOptions wish_options(const Values& words) {
    WishOptions options;
    const int64_t seconds = words.integer("seconds", 120);
    if (seconds < 1 || seconds > 86400)
        fail(Exit::usage, "--seconds {} is not allowed: 1 to 86400", seconds);
    options.seconds = static_cast<int>(seconds);
    options.consent = words.text("consent", "");
    return options;
}

namespace {

std::vector<Command> knob_command_table() {
    return {
        {.subject = "power",
         .verb = "list",
         .label = "Knobs",
         .help = "Lists what can be tuned on this machine, and where something is to be gained.",
         .options = {{.name = "all", .help = "Each place in a row of its own."}},
         .show = list_words,
         .more = "Nothing is woken by it: no configuration space is read."},
        {.subject = "power",
         .verb = "show",
         .label = "Explain",
         .help = "Explains a knob: what it is, saves, may break, and how it is undone.",
         .operands = {{"knob", WordKind::text, "As lodge power list calls it."}},
         .show = show_words},
        {.subject = "power",
         .verb = "set",
         .label = "Set",
         .help = "Sets knobs; what has risk is on trial and takes itself back.",
         .risk = Risk::undoable,
         .operands = {{.name = "setting",
                       .kind = WordKind::text,
                       .help = "KNOB=VALUE; a knob without a place means all its places.",
                       .many = true}},
         .options = set_options(),
         .plan = set_plan,
         .more = "A value that somebody else changed meanwhile is not overwritten. Knobs of risk "
                 "medium and high are set on trial (lodge trial list): errors on the links, "
                 "carriers, disks and the kernel's messages are watched, and it is taken back on "
                 "trouble, without an answer in time, when Lodge is killed and at a restart."},
    };
}

}  // namespace

std::span<const Command> power_commands() {
    static const std::vector<Command> all = [] {
        std::vector<Command> commands = knob_command_table();
        for (std::vector<Command>& table : std::vector<std::vector<Command>>{
                 profile_command_table(), conflict_command_table(), record_command_table(),
                 aspm_command_table(), wizard_command_table()})
            commands.insert(commands.end(), table.begin(), table.end());
        return commands;
    }();
    return all;
}

std::span<const ActionKind> power_actions() {
    static const std::vector<ActionKind> all = [] {
        std::vector<ActionKind> kinds;
        for (const auto table : {knob_actions(), aspm::actions(), watch::actions()})
            kinds.insert(kinds.end(), table.begin(), table.end());
        return kinds;
    }();
    return all;
}

}  // namespace lodge
