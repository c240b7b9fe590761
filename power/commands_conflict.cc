#include <nlohmann/json.hpp>

#include "engine/commands/common.h"
#include "engine/error.h"
#include "engine/units.h"
#include "power/command_tables.h"

namespace lodge {

using nlohmann::json;

namespace {

Report conflicts_words(Engine& engine, const Values&) {
    json value = json::array();
    std::vector<std::vector<std::string>> rows;
    for (const Conflict& one : find_conflicts(engine.host)) {
        value.push_back({{"name", one.name},
                         {"where", one.where},
                         {"state", one.state},
                         {"touches", one.touches},
                         {"line", one.line},
                         {"running", one.running}});
        rows.push_back(
            {one.name, one.where, one.state, join(one.touches, " "), printable(one.line)});
    }
    if (rows.empty()) return {"nobody else tunes this machine\n", "[]\n"};
    return {format_table({"WHO", "WHERE", "STATE", "TOUCHES", ""}, rows) +
                "\nlodge power adopt WHO ends it, so that Lodge does it alone\n",
            json_text(value)};
}

Plan adopt_words(Engine& engine, const Values& words) {
    return adopt_plan(engine.host, words.text("who"));
}

}  // namespace

void refuse_fight(const Host& host, const std::vector<KnobWish>& wishes, const Values& words) {
    if (words.flag("beside")) return;
    const auto conflicts = find_conflicts(host);
    for (const KnobWish& wish : wishes) {
        if (wish.knob.value == wish.value) continue;
        const std::string other = who_else(conflicts, wish.knob);
        if (other.empty()) continue;
        fail(Exit::refused,
             "{} is set by {}, which would set it again: lodge power adopt ends that, --beside "
             "sets it all the same",
             wish.knob.name(), other);
    }
}

std::vector<Command> conflict_command_table() {
    return {
        {.subject = "power",
         .verb = "conflicts",
         .label = "Other tuners",
         .help = "Lists who else tunes this machine: daemons, units, cron, rules.",
         .show = conflicts_words},
        {.subject = "power",
         .verb = "adopt",
         .label = "Take over",
         .help = "Ends another tuner, so that Lodge alone tunes.",
         .risk = Risk::undoable,
         .operands = {{"who", WordKind::text, "As lodge power conflicts calls it, or all."}},
         .plan = adopt_words,
         .more = "A service is stopped and disabled, a line of cron or of a rule is commented "
                 "out. The job's plan has the way back."},
    };
}

}  // namespace lodge
