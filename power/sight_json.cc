#include "power/sight_json.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "power/sight_words.h"

namespace lodge {
namespace {

using nlohmann::json;

template <class T>
json or_null(const std::optional<T>& value) {
    return value ? json(*value) : json(nullptr);
}
json or_null(const std::string& text) {
    return text.empty() ? json(nullptr) : json(text);
}

std::string_view kind_word(SensorView::Kind kind) {
    switch (kind) {
        case SensorView::Kind::temperature:
            return "temperature";
        case SensorView::Kind::fan:
            return "fan";
        case SensorView::Kind::duty:
            return "duty";
        case SensorView::Kind::voltage:
            return "voltage";
        case SensorView::Kind::current:
            return "current";
        case SensorView::Kind::power:
            return "power";
        case SensorView::Kind::humidity:
            break;
    }
    return "humidity";
}

std::string_view covers_word(WattView::Covers covers) {
    if (covers == WattView::Covers::machine) return "machine";
    return covers == WattView::Covers::package ? "package" : "part";
}

json states_json(const std::vector<IdleView>& states) {
    json all = json::array();
    for (const IdleView& state : states)
        all.push_back({{"name", state.name},
                       {"about", or_null(state.about)},
                       {"share", or_null(state.share)},
                       {"latency_us", state.latency},
                       {"disabled", state.disabled}});
    return all;
}

}  // namespace

json sensors_json(const std::vector<SensorView>& sensors) {
    json all = json::array();
    for (const SensorView& sensor : sensors)
        all.push_back({{"name", sensor_title(sensor)},
                       {"kind", kind_word(sensor.kind)},
                       {"chip", sensor.chip},
                       {"label", sensor.label},
                       {"value", sensor.asleep ? json(nullptr) : json(sensor.value)},
                       {"low", or_null(sensor.low)},
                       {"high", or_null(sensor.high)},
                       {"critical", or_null(sensor.critical)},
                       {"alarm", sensor.alarm},
                       {"asleep", sensor.asleep},
                       {"note", or_null(sensor.note)}});
    return all;
}

json watts_json(const PowerView& view) {
    json meters = json::array();
    for (const WattView& meter : view.meters)
        meters.push_back({{"name", meter.name},
                          {"source", meter.source},
                          {"covers", covers_word(meter.covers)},
                          {"watts", or_null(meter.watts)},
                          {"measured", meter.measured},
                          {"trouble", or_null(meter.trouble)}});
    json shares = json::array();
    if (view.best)
        for (const EnergyView& one : view.shares)
            shares.push_back({{"guest", one.guest == 0 ? json(nullptr) : json(one.guest)},
                              {"name", one.name},
                              {"share", one.share},
                              {"watts", one.watts}});
    return {{"watts", view.best ? json(*view.meters[*view.best].watts) : json(nullptr)},
            {"of", view.best ? json(view.meters[*view.best].name) : json(nullptr)},
            {"missing", or_null(view.no_watts)},
            {"meters", meters},
            {"shares", shares}};
}

json idle_json(const PowerView& view) {
    json blockers = json::array();
    for (const BlockerView& one : view.blockers)
        blockers.push_back({{"kind", blocker_kind_words(one.kind)},
                            {"what", one.what},
                            {"raw", or_null(one.raw)},
                            {"why", one.why},
                            {"rate", one.rate > 0 ? json(one.rate) : json(nullptr)}});
    json cpus = json::array();
    for (const CpuView& cpu : view.cpus)
        cpus.push_back({{"cpu", cpu.number},
                        {"online", cpu.online},
                        {"khz", or_null(cpu.now)},
                        {"least_khz", or_null(cpu.least)},
                        {"most_khz", or_null(cpu.most)},
                        {"governor", or_null(cpu.governor)},
                        {"preference", or_null(cpu.preference)}});
    return {{"cores", states_json(view.idle)},
            {"cores_deepest", or_null(view.deepest)},
            {"cores_missing", or_null(view.no_idle)},
            {"driver", or_null(view.idle_driver)},
            {"package", states_json(view.packages)},
            {"package_deepest", or_null(view.deepest_package)},
            {"package_source", or_null(view.package_source)},
            {"package_missing", or_null(view.no_packages)},
            {"frequency_driver", or_null(view.driver)},
            {"frequency_missing", or_null(view.no_frequencies)},
            {"cpus", cpus},
            {"blockers", blockers}};
}

json cost_json(const PowerView& view) {
    if (!view.cost) return {{"missing", view.no_watts}};
    const CostView& cost = *view.cost;
    json guests = json::array();
    for (const EnergyView& one : view.shares)
        guests.push_back({{"guest", one.guest == 0 ? json(nullptr) : json(one.guest)},
                          {"name", one.name},
                          {"share", one.share},
                          {"kwh_day", cost.kwh_day * one.share},
                          {"month", cost.month ? json(*cost.month * one.share) : json(nullptr)}});
    return {{"watts", cost.watts},          {"measured_seconds", cost.seconds},
            {"whole_machine", cost.whole},  {"kwh_day", cost.kwh_day},
            {"month", or_null(cost.month)}, {"tariff", or_null(cost.tariff)},
            {"currency", cost.currency},    {"parts", guests}};
}

json heat_json(const HeatView& heat) {
    return {{"celsius", or_null(heat.now)},     {"limit", or_null(heat.limit)},
            {"throttled", heat.throttled},      {"slowed_now", heat.slowed_now},
            {"warning", or_null(heat.warning)}, {"by", or_null(heat.by)},
            {"rule", or_null(heat.rule)}};
}

}  // namespace lodge
