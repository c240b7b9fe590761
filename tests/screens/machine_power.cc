#include "tests/screens/machine_power.h"

#include <memory>

#include "engine/state/power_view.h"

namespace lodge::machine_text {
namespace {

WattView meter_of(const Block& block) {
    const Line& line = block.line;
    WattView meter;
    const std::string& covers = line.word(1);
    if (covers == "machine") {
        meter.covers = WattView::Covers::machine;
        meter.name = "whole machine";
    } else if (covers == "package") {
        meter.covers = WattView::Covers::package;
        meter.name = "CPU package";
    } else {
        meter.name = covers;
    }
    if (line.word(2) != "-") meter.watts = line.number_at(2);
    meter.source = line.rest(3);
    const Words words = {{"trouble", [&](const Line& l) { meter.trouble = l.rest(1); }},
                         {"typed", [&](const Line&) { meter.measured = false; }}};
    for (const Block& inner : block.inner)
        obey(inner.line, words);
    return meter;
}

BlockerView blocker_of(const Block& block) {
    using Kind = BlockerView::Kind;
    const Line& line = block.line;
    const std::map<std::string_view, Kind> kinds = {{"aspm", Kind::aspm},
                                                    {"runtime", Kind::runtime},
                                                    {"interrupt", Kind::interrupt},
                                                    {"process", Kind::process},
                                                    {"timer", Kind::timer}};
    const auto found = kinds.find(line.word(1));
    if (found == kinds.end()) line.wrong("no kind of what is in the way");
    BlockerView blocker;
    blocker.kind = found->second;
    blocker.raw = line.word(2) == "-" ? "" : line.word(2);
    blocker.rate = line.number_at(3);
    blocker.what = line.rest(4);
    const Words words = {{"why", [&](const Line& l) { blocker.why = l.rest(1); }}};
    for (const Block& inner : block.inner)
        obey(inner.line, words);
    return blocker;
}

// "C6 85% 127 MWAIT 0x20"
IdleView state_of(const Line& line) {
    IdleView state;
    state.name = line.word(1);
    state.share = line.number_at(2);
    if (line.words.size() > 3) state.latency = line.whole(3);
    state.about = line.rest(4);
    return state;
}

}  // namespace

void read_power(const Block& block, MachineText& machine) {
    auto view = std::make_shared<PowerView>();
    const Words words = {
        {"profile", [&](const Line& l) { view->profile = l.rest(1); }},
        {"other", [&](const Line& l) { view->others.push_back(l.rest(1)); }},
        {"no-watts", [&](const Line& l) { view->no_watts = l.rest(1); }},
        {"no-frequencies", [&](const Line& l) { view->no_frequencies = l.rest(1); }},
        {"no-idle", [&](const Line& l) { view->no_idle = l.rest(1); }},
        {"no-package", [&](const Line& l) { view->no_packages = l.rest(1); }},
        {"driver", [&](const Line& l) { view->driver = l.word(1); }},
        {"cpu",
         [&](const Line& l) {
             view->cpus.push_back(
                 {l.whole(1), true, l.whole(2), l.whole(3), l.whole(4), l.word(5), l.rest(6)});
         }},
        {"idle",
         [&](const Line& l) {
             view->idle.push_back(state_of(l));
             if (*view->idle.back().share > 0) view->deepest = view->idle.back().name;
         }},
        {"package",
         [&](const Line& l) {
             view->packages.push_back(state_of(l));
             if (*view->packages.back().share > 0)
                 view->deepest_package = view->packages.back().name;
         }},
        {"note", [&](const Line& l) { view->blocker_notes.push_back(l.rest(1)); }},
        {"limit", [&](const Line& l) { view->heat.limit = l.number_at(1); }},
        {"throttled", [&](const Line& l) { view->heat.throttled = l.whole(1); }},
        {"warning", [&](const Line& l) { view->heat.warning = l.rest(1); }},
        {"busy", [&](const Line& l) { view->heat.by = l.rest(1); }},
        {"rule", [&](const Line& l) { view->heat.rule = l.rest(1); }},
        {"tariff",
         [&](const Line& l) {
             view->cost = CostView();
             view->cost->tariff = l.number_at(1);
             view->cost->currency = l.word(2);
         }},
    };
    for (const Block& inner : block.inner) {
        if (inner.line.word(0) == "meter") {
            view->meters.push_back(meter_of(inner));
            if (view->meters.back().watts && view->meters.back().measured && !view->best)
                view->best = view->meters.size() - 1;
        } else if (inner.line.word(0) == "blocker") {
            view->blockers.push_back(blocker_of(inner));
        } else {
            obey(inner.line, words);
        }
    }
    if (view->best) machine.seen.host.watts = view->meters[*view->best].watts;
    machine.seen.power = std::move(view);
}

}  // namespace lodge::machine_text
