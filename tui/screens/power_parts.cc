#include "tui/screens/power_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "engine/text.h"
#include "engine/units.h"
#include "power/sensors.h"
#include "power/sight_words.h"
#include "tui/screens/guest_words.h"

namespace lodge {
namespace {

float largest_of(const std::vector<float>& values, double at_least) {
    float most = static_cast<float>(at_least);
    for (const float value : values)
        most = std::max(most, value);
    return most;
}

// A figure in words with its last minutes at the right.
HostPart graph_part(std::string_view label, std::string words, const History& past, double top,
                    const Glyphs& glyphs, int height, Paint paint) {
    if (past.empty()) return line_part(label, words, paint);
    return {height, [label = std::string(label), words = printable(words), top, height, paint,
                     values = graph_values(past), &glyphs](const Area& area) {
                constexpr int text = 34;
                area.put(1, 0, label, Role::dim);
                const int x = 1 + part_label + text;
                area.part(1 + part_label, 0, text - 1, 1).put(0, 0, words, paint);
                draw_graph(area.part(x, 0, area.width() - x - 1, height), values,
                           largest_of(values, top), glyphs);
            }};
}

std::string watts_now(const PowerView& view) {
    if (!view.best) return view.no_watts.empty() ? "not measured yet" : view.no_watts;
    const WattView& best = view.meters[*view.best];
    return fmt::format("{} {}", watt_words(*best.watts), best.name);
}

std::string cost_words(const CostView& cost) {
    const std::string month = month_words(cost);
    std::string words = fmt::format("{:.2f} kWh a day", cost.kwh_day);
    words += month.empty() ? "; the palette's 'Tariff' sets what a kWh costs" : ", " + month;
    if (!cost.whole) words += ", of the processors";
    return words;
}

// A gauge of a state's share.
HostPart state_part(std::string_view label, const IdleView& state, bool busy,
                    const Glyphs& glyphs) {
    return {1, [label = std::string(label), state, busy, &glyphs](const Area& area) {
                constexpr int name = 14, gauge = 20;
                area.put(1, 0, label, Role::dim);
                area.part(1 + part_label, 0, name, 1).put(0, 0, state.name);
                const int x = 1 + part_label + name + 1;
                if (state.share)
                    draw_gauge(area, x, 0, gauge, *state.share, glyphs,
                               busy ? Role::graph_2 : Role::graph);
                area.put(x + gauge, 0, share_words(state.share));
                std::string about =
                    state.latency > 0 ? fmt::format("wakes in {} us", state.latency) : state.about;
                if (state.disabled) about = "switched off";
                area.put(x + gauge + 8, 0, about, state.disabled ? Role::warning : Role::dim);
            }};
}

// The frequency of each CPU, as many in a row as there is room for.
HostPart cpus_part(const std::vector<CpuView>& cpus, int width) {
    constexpr int each = 16;
    const int columns = std::max(1, (width - 1 - part_label) / each);
    const auto count = static_cast<int>(cpus.size());
    return {(count + columns - 1) / columns, [=](const Area& area) {
                for (int i = 0; i < count; ++i) {
                    const CpuView& cpu = cpus[static_cast<size_t>(i)];
                    const int x = 1 + part_label + i % columns * each, y = i / columns;
                    area.put_right(x + 3, y, std::to_string(cpu.number), Role::dim);
                    const bool known = cpu.online && cpu.now;
                    area.put(x + 4, y,
                             known        ? hertz_words(*cpu.now)
                             : cpu.online ? ""
                                          : "offline",
                             cpu.online ? Role::normal : Role::dim);
                }
            }};
}

std::string blocker_why(const BlockerView& one) {
    if (one.rate <= 0) return one.why;
    if (one.kind == BlockerView::Kind::timer) return fmt::format("{:.0f} {}", one.rate, one.why);
    return fmt::format("{} {}", rate_count_words(one.rate), one.why);
}

HostPart blocker_part(const BlockerView& one) {
    constexpr int narrow = 64;
    const auto rows = [](int width) { return width < narrow ? 2 : 1; };
    return {1,
            [one, why = blocker_why(one)](const Area& area) {
                constexpr int kind = 10, raw = 14, whys = 29;
                if (area.width() < narrow) {
                    area.put(1, 0, blocker_kind_words(one.kind), Role::dim);
                    area.put(1 + kind, 0, printable(one.what));
                    area.put(1 + kind, 1, why, Role::dim);
                    return;
                }
                const int right = std::max(kind + 20, area.width() - whys - raw);
                area.put(1, 0, blocker_kind_words(one.kind), Role::dim);
                area.part(1 + kind, 0, right - kind - 2, 1).put(0, 0, printable(one.what));
                area.part(right, 0, raw - 1, 1).put(0, 0, printable(one.raw), Role::dim);
                area.put(right + raw, 0, why);
            },
            rows};
}

// Alarms first, then temperatures, fans, the rest, each chip's together.
std::vector<SensorView> sorted(std::vector<SensorView> sensors) {
    std::stable_sort(sensors.begin(), sensors.end(), [](const auto& a, const auto& b) {
        if (a.alarm != b.alarm) return a.alarm;
        return a.kind < b.kind;
    });
    return sensors;
}

HostPart sensor_line(const SensorView& sensor, const Glyphs& glyphs) {
    return {1, [sensor, &glyphs](const Area& area) {
                const Paint paint = sensor.alarm            ? Role::danger
                                    : is_near_limit(sensor) ? Role::warning
                                    : sensor.asleep         ? Role::dim
                                                            : Role::normal;
                const int wide = area.width() >= 100 ? 40 : 30, state = wide + 12;
                const int graph = 14, raw = state + 28;
                area.part(1, 0, wide - 1, 1).put(0, 0, printable(sensor_title(sensor)), paint);
                area.put_right(wide + 10, 0, sensor_words(sensor), paint);
                std::string words = sensor_state_words(sensor);
                const std::string limit = sensor_limit_words(sensor);
                if (!limit.empty()) words += (words.empty() ? "" : " ") + limit;
                const int right = area.width() - graph - 1;
                area.part(state, 0, std::min(27, right - state), 1)
                    .put(0, 0, words, sensor.alarm ? Role::danger : Role::dim);
                if (raw + 10 < right)
                    area.part(raw, 0, right - raw - 1, 1)
                        .put(0, 0, printable(sensor_raw_words(sensor)), Role::dim);
                if (!sensor.history) return;
                const auto values = graph_values(*sensor.history);
                const double top = limit_of(sensor).value_or(sensor.high.value_or(1));
                draw_graph(area.part(right, 0, graph, 1), values, largest_of(values, top), glyphs);
            }};
}

}  // namespace

std::vector<HostPart> watt_parts(const Seen& seen, const Glyphs& glyphs, bool roomy) {
    const PowerView& view = *seen.power;
    const HostHistory& past = seen.host.history;
    const int height = roomy ? 4 : 1;
    std::vector<HostPart> parts;
    for (const TrialView& trial : seen.trials)
        parts.push_back(
            line_part("Trial",
                      trial.phase == TrialPhase::waiting
                          ? fmt::format("{}: {}, {} s left; K keeps it, U takes it back",
                                        trial.number, trial.title, trial.seconds_left)
                          : fmt::format("{}: {}, {}", trial.number, trial.title,
                                        trial_phase_word(trial.phase)),
                      Role::warning));
    if (!view.profile.empty()) parts.push_back(line_part("Profile", view.profile));
    for (const std::string& other : view.others)
        parts.push_back(line_part("", "also tunes this machine: " + other, Role::warning));
    if (!view.heat.warning.empty())
        parts.push_back(line_part("Warning", view.heat.warning, Role::warning));
    parts.push_back(graph_part("Watts", watts_now(view), view.best ? past.watts : History(), 1,
                               glyphs, view.best ? height : 1, {}));
    const HeatView& heat = view.heat;
    std::string words = "no sensor of the processor here";
    if (heat.now) words = fmt::format("{:.0f} C", *heat.now);
    if (heat.now && heat.limit) words += fmt::format(", slowed down from {:.0f} C", *heat.limit);
    parts.push_back(graph_part("Heat", words, heat.now ? past.celsius : History(),
                               heat.limit.value_or(60), glyphs, heat.now ? height : 1,
                               heat.warning.empty() ? Role::normal : Role::warning));
    if (heat.throttled > 0)
        parts.push_back(line_part(
            "", fmt::format("slowed down by heat {} times since the start", heat.throttled)));
    if (!heat.by.empty()) parts.push_back(line_part("Busy", heat.by));
    if (!heat.rule.empty()) parts.push_back(line_part("Rule", heat.rule));
    if (view.cost) parts.push_back(line_part("Cost", cost_words(*view.cost)));
    return parts;
}

std::vector<HostPart> idle_parts(const PowerView& view, const Glyphs& glyphs, int width, bool all) {
    std::vector<HostPart> parts;
    parts.push_back(line_part("CPUs", frequencies_words(view)));
    if (all && view.cpus.size() > 1) parts.push_back(cpus_part(view.cpus, width));
    parts.push_back(line_part("Cores", idle_words(view)));
    if (all)
        for (const IdleView& state : view.idle)
            parts.push_back(state_part("", state, state.name == "C0", glyphs));
    parts.push_back(line_part("Package", package_words(view)));
    if (all)
        for (const IdleView& state : view.packages)
            parts.push_back(state_part("", state, false, glyphs));
    return parts;
}

std::vector<HostPart> blocker_parts(const PowerView& view, size_t most) {
    std::vector<HostPart> parts;
    parts.push_back(heading_part("IN THE WAY OF IDLING DEEPER"));
    std::map<BlockerView::Kind, size_t> shown, left;
    for (const BlockerView& one : view.blockers) {
        if (shown[one.kind]++ < most)
            parts.push_back(blocker_part(one));
        else
            ++left[one.kind];
    }
    if (view.blockers.empty()) parts.push_back(line_part("", "nothing that can be seen"));
    std::string more;
    for (const auto& [kind, count] : left)
        more += (more.empty() ? "" : ", ") + counted(count, blocker_kind_words(kind));
    if (!more.empty())
        parts.push_back(line_part("", "and more: " + more + "; 'In the way' shows all", Role::dim));
    for (const std::string& note : view.blocker_notes)
        parts.push_back(line_part("", note, Role::dim));
    return parts;
}

std::vector<HostPart> share_parts(const PowerView& view, const Glyphs& glyphs) {
    std::vector<HostPart> parts;
    if (view.shares.size() < 2) return parts;
    parts.push_back(heading_part(view.best ? "WHO TAKES IT, BY BUSY TIME" : "WHO IS BUSY"));
    const bool measured = view.best.has_value();
    const auto& cost = view.cost;
    for (const EnergyView& one : view.shares)
        parts.push_back({1, [=, &glyphs](const Area& area) {
                             const std::string name =
                                 one.guest == 0 ? one.name
                                                : fmt::format("{} {}", one.guest, one.name);
                             area.part(1, 0, 26, 1).put(0, 0, printable(name));
                             draw_gauge(area, 28, 0, 16, one.share, glyphs);
                             std::string words = share_words(one.share);
                             if (measured) words += fmt::format("  {:>7}", watt_words(one.watts));
                             if (measured && cost && cost->month)
                                 words += fmt::format("  {:6.2f} {} a month",
                                                      *cost->month * one.share, cost->currency);
                             area.put(45, 0, printable(words));
                         }});
    return parts;
}

std::vector<HostPart> meter_parts(const PowerView& view) {
    std::vector<HostPart> parts;
    parts.push_back(heading_part("METERS"));
    for (const WattView& meter : view.meters) {
        const std::string value = meter.watts ? watt_words(*meter.watts) : "";
        const std::string state = meter.measured ? meter.trouble : "not measured";
        parts.push_back(
            {1, [=](const Area& area) {
                 area.put_right(10, 0, value);
                 area.put(12, 0,
                          printable(fmt::format("{} ({}) {}", meter.name, meter.source, state)),
                          meter.watts ? Role::normal : Role::dim);
             }});
    }
    if (view.meters.empty()) parts.push_back(line_part("", view.no_watts));
    return parts;
}

std::vector<HostPart> sensor_parts(const Seen& seen, const Glyphs& glyphs) {
    std::vector<HostPart> parts;
    if (seen.sensors.empty()) {
        parts.push_back(line_part("Sensors", "none: the kernel has no driver for one here"));
        return parts;
    }
    for (const SensorView& sensor : sorted(seen.sensors))
        parts.push_back(sensor_line(sensor, glyphs));
    return parts;
}

}  // namespace lodge
