#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "engine/boot_unit.h"
#include "engine/commands/common.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/state.h"
#include "engine/units.h"
#include "power/senses.h"
#include "power/sight.h"
#include "power/sight_json.h"
#include "power/sight_words.h"

namespace lodge {
namespace {

using nlohmann::json;
using Rows = std::vector<std::vector<std::string>>;

const Option seconds_option{.name = "seconds",
                            .value = "SECONDS",
                            .help = "How long to look, 1 to 3600; 1 when not said.",
                            .fallback = "1"};

// What is seen after so long a look: rates and shares want two.
Seen look(Engine& engine, const Values& words) {
    const int64_t seconds = words.integer("seconds", 1);
    if (seconds < 1 || seconds > 3600)
        fail(Exit::usage, "--seconds: {} is not from 1 to 3600", seconds);
    State state(engine, power_senses(engine.host, true));
    state.look();
    state.look_at_power();
    for (int64_t i = 0; i < seconds; ++i) {
        std::this_thread::sleep_for(std::chrono::seconds(1));
        state.look();  // the mean is of all of it
    }
    state.look_at_power();
    return state.seen();
}

std::string watts_line(const PowerView& view) {
    if (!view.best) return view.no_watts.empty() ? "not measured yet" : view.no_watts;
    const WattView& best = view.meters[*view.best];
    return fmt::format("{}, {} ({})", watt_words(*best.watts), best.name, best.source);
}

std::string heat_line(const PowerView& view) {
    const HeatView& heat = view.heat;
    if (!heat.now) return "no temperature: this machine shows no sensor of its processor";
    std::string words = fmt::format("{:.0f} C", *heat.now);
    if (heat.limit) words += fmt::format(", slowed down from {:.0f} C on", *heat.limit);
    if (heat.throttled > 0)
        words += fmt::format(", slowed down {} times since the start", heat.throttled);
    return words;
}

std::string cost_line(const PowerView& view) {
    if (!view.cost) return "";
    const std::string month = month_words(*view.cost);
    return fmt::format("{:.2f} kWh a day{}{}", view.cost->kwh_day, month.empty() ? "" : ", ",
                       month);
}

Report power_status(Engine& engine, const Values& words) {
    const Seen seen = look(engine, words);
    const PowerView& view = *seen.power;
    Rows rows = {{"watts", watts_line(view)},
                 {"heat", heat_line(view)},
                 {"frequencies", frequencies_words(view)},
                 {"cores idle", idle_words(view)},
                 {"package idle", package_words(view)},
                 {"in the way", blockers_words(view)}};
    if (view.cost) rows.insert(rows.begin() + 1, {"cost", cost_line(view)});
    if (!view.heat.warning.empty()) rows.insert(rows.begin(), {"WARNING", view.heat.warning});
    if (!view.heat.by.empty()) rows.push_back({"busy", printable(view.heat.by)});
    if (!view.heat.rule.empty()) rows.push_back({"heat rule", view.heat.rule});
    for (const std::string& problem : read_power_config(engine.host).problems)
        rows.push_back({"problem", problem});
    return {format_table({"WHAT", "NOW"}, rows), {}, [view] {
                return json_text({{"watts", watts_json(view)},
                                  {"cost", cost_json(view)},
                                  {"heat", heat_json(view.heat)},
                                  {"idle", idle_json(view)}});
            }};
}

Report power_sensors(Engine& engine, const Values&) {
    const auto senses = power_senses(engine.host, true);
    const auto sensors = senses->sensors(Senses::Time::clock::now());
    Rows rows;
    for (const SensorView& sensor : sensors)
        rows.push_back({printable(sensor_title(sensor)), sensor_words(sensor),
                        sensor_limit_words(sensor), sensor_state_words(sensor),
                        printable(sensor_raw_words(sensor))});
    const std::string none =
        "no sensors: the kernel has no driver for one on this machine (a virtual machine has none; "
        "elsewhere sensors-detect finds the driver)\n";
    return {rows.empty() ? none : format_table({"SENSOR", "-NOW", "LIMIT", "STATE", "RAW"}, rows),
            json_text(sensors_json(sensors))};
}

Report power_watts(Engine& engine, const Values& words) {
    const Seen seen = look(engine, words);
    const PowerView& view = *seen.power;
    Rows rows;
    for (const WattView& meter : view.meters) {
        std::string state = meter.trouble;
        if (!meter.measured) state = "not measured";
        if (meter.measured && view.best && &meter == &view.meters[*view.best]) state = "shown";
        rows.push_back({printable(meter.name), meter.watts ? watt_words(*meter.watts) : "",
                        printable(meter.source), printable(state)});
    }
    std::string text = rows.empty() ? "" : format_table({"OF", "-WATTS", "SOURCE", "STATE"}, rows);
    if (!view.no_watts.empty()) text += view.no_watts + "\n";
    if (view.best) {
        rows.clear();
        for (const EnergyView& one : view.shares)
            rows.push_back({one.guest == 0 ? "" : std::to_string(one.guest), printable(one.name),
                            share_words(one.share), watt_words(one.watts)});
        text += "\n" + format_table({"-ID", "PART", "-BUSY", "-WATTS"}, rows);
    }
    return {text, {}, [view] { return json_text(watts_json(view)); }};
}

Rows idle_rows(std::string_view of, const std::vector<IdleView>& states) {
    Rows rows;
    for (const IdleView& state : states)
        rows.push_back({std::string(of), state.name, share_words(state.share),
                        state.latency > 0 ? fmt::format("{} us", state.latency) : "",
                        state.disabled ? "switched off" : printable(state.about)});
    return rows;
}

Report power_idle(Engine& engine, const Values& words) {
    const Seen seen = look(engine, words);
    const PowerView& view = *seen.power;
    Rows rows = idle_rows("core", view.idle);
    const Rows packages = idle_rows("package", view.packages);
    rows.insert(rows.end(), packages.begin(), packages.end());
    std::string text =
        rows.empty() ? ""
                     : format_table({"OF", "STATE", "-TIME", "-WAKES IN", "ABOUT"}, rows) + "\n";
    text += "cores:   " + idle_words(view) + "\npackage: " + package_words(view) +
            "\nCPUs:    " + frequencies_words(view) + "\n";
    rows.clear();
    for (const BlockerView& one : view.blockers)
        rows.push_back({std::string(blocker_kind_words(one.kind)), printable(one.what),
                        one.rate > 0 ? fmt::format("{:.0f}", one.rate) : "", one.why,
                        printable(one.raw)});
    if (!rows.empty())
        text += "\nin the way of idling deeper:\n" +
                format_table({"KIND", "WHAT", "-A SECOND", "WHY", "RAW"}, rows);
    for (const std::string& note : view.blocker_notes)
        text += note + "\n";
    return {text, {}, [view] { return json_text(idle_json(view)); }};
}

Report power_cost(Engine& engine, const Values& words) {
    const Seen seen = look(engine, words);
    const PowerView& view = *seen.power;
    if (!view.cost)
        return {
            view.no_watts + "\nlodge power config watts 12.5 takes what a meter at the wall says\n",
            json_text(cost_json(view))};
    const CostView& cost = *view.cost;
    std::string text =
        fmt::format("{} {}: {}\n", watt_words(cost.watts),
                    cost.seconds > 0 ? fmt::format("over {}", short_duration(cost.seconds))
                                     : std::string(cost.whole ? "as typed in" : "now"),
                    cost_line(view));
    if (!cost.whole)
        text += "of the processors only: nothing here measures the rest of the machine\n";
    if (!cost.tariff) text += "lodge power config tariff 0.32 sets what a kWh costs\n";
    Rows rows;
    for (const EnergyView& one : view.shares)
        rows.push_back({one.guest == 0 ? "" : std::to_string(one.guest), printable(one.name),
                        share_words(one.share), fmt::format("{:.3f}", cost.kwh_day * one.share),
                        cost.month ? fmt::format("{:.2f}", *cost.month * one.share) : ""});
    text += "\n" + format_table({"-ID", "PART", "-BUSY", "-kWh/DAY",
                                 cost.month ? "-" + cost.currency + "/MONTH" : "-MONTH"},
                                rows);
    return {text, {}, [view] { return json_text(cost_json(view)); }};
}

std::string why_not_config(Engine& engine, const Values&) {
    return engine.host.is_root() || engine.host.config_folder() != "/etc/lodge"
               ? ""
               : "only root changes power.cfg";
}

Plan plan_config(Engine& engine, const Values& words) {
    const std::string path = power_config_path(engine.host);
    const std::string& key = words.text("key");
    const std::string value = words.text("value", "");
    const std::string text = with_power_key(engine.host.read(path).value_or(""), key, value);
    Plan plan;
    plan.title =
        value.empty() ? "forget power's " + key : fmt::format("set power's {} to {}", key, value);
    plan_write(plan, engine.host, path, text, "what the person says of power and heat");
    for (const std::string& problem : parse_power_config(text).problems)
        plan.warn(problem);
    return plan;
}

}  // namespace

std::span<const Command> power_sight_commands() {
    static const std::vector<Command> table = {
        {.subject = "power",
         .verb = "status",
         .label = "Power now",
         .help = "Shows watts, heat, frequencies, idle states and what is in their way, in short.",
         .options = {seconds_option},
         .show = power_status,
         .more = "Whatever this machine cannot tell is said in a line with the reason. Nothing is "
                 "ever made up: where nothing measures there are no watts."},
        {.subject = "power",
         .verb = "sensors",
         .label = "Sensors",
         .help = "Shows temperatures, fans and voltages with their limits and alarms.",
         .show = power_sensors,
         .more =
             "What sleeps is not woken to be read: a suspended device, a disk that stands still. "
             "A disk that turns is read again only after somebody else has used it, because a "
             "reading may keep it from going to sleep."},
        {.subject = "power",
         .verb = "watts",
         .label = "Watts",
         .help = "Shows what measures, what it says, and each guest's part.",
         .options = {seconds_option},
         .show = power_watts,
         .more =
             "A guest's part is that of the busy processor time which it had, the energy of "
             "idling included: the parts add up to what was measured. RAPL is for root only and "
             "tells of the processors, not of the whole machine; a power meter of the firmware, "
             "a battery that empties, or a command of your own (lodge power config "
             "watts-command) tell of all of it."},
        {.subject = "power",
         .verb = "idle",
         .label = "Idle states",
         .help = "Shows how deep the machine idles, and who keeps it from idling deeper.",
         .options = {seconds_option},
         .show = power_idle,
         .more = "Wakeups are how often a process was put on a processor a second. Of the kernel's "
                 "timers those are told that are due within a second. Nothing of this wakes a "
                 "device: its configuration space is not read."},
        {.subject = "power",
         .verb = "cost",
         .label = "Cost",
         .help = "Shows energy a day and money a month at your tariff, and each guest's part.",
         .options = {seconds_option},
         .show = power_cost},
        {.subject = "power",
         .verb = "config",
         .label = "Tariff and rules",
         .help = "Sets a key of power.cfg: tariff, currency, watts, watts-command, heat-above, ...",
         .risk = Risk::undoable,
         .operands = {{"key", WordKind::text,
                       "tariff, currency, watts, watts-command, heat-above, heat-below, "
                       "heat-weight, heat-profile or idle-profile."},
                      {"value", WordKind::text, "Nothing forgets the key.", true}},
         .why_not = why_not_config,
         .plan = plan_config,
         .more =
             "tariff is the money a kWh costs, currency its name. watts is what a meter at the "
             "wall said, watts-command a line of shell that prints it. From heat-above on, in "
             "degrees Celsius, running guests get the CPU weight heat-weight (20 when not said; "
             "usual is 100) and the profile heat-profile stands in, until it is colder than "
             "heat-below. idle-profile stands in while no guest runs. lodge keeper run does that."},
    };
    return table;
}

}  // namespace lodge
