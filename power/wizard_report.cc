#include <nlohmann/json.hpp>

#include "engine/error.h"
#include "engine/text.h"
#include "power/wizard.h"

namespace lodge {

using nlohmann::json;

namespace {

json measurement_json(const std::optional<Measurement>& one) {
    if (!one) return nullptr;
    return {{"watts", one->watts}, {"spread", one->spread}, {"blocks", one->blocks}};
}

std::optional<Measurement> measurement_of(const json& value) {
    if (value.is_null()) return std::nullopt;
    return Measurement{value.at("watts").get<double>(), value.at("spread").get<double>(),
                       value.at("blocks").get<int>()};
}

}  // namespace

std::string wizard_path(const Host& host) {
    return host.state_folder() + "/power-wizard.json";
}

std::string print_wizard(const WizardState& state) {
    json tried = json::array(), kept = json::array();
    for (const Tried& one : state.tried)
        tried.push_back({{"title", one.title},
                         {"outcome", one.outcome},
                         {"words", one.words},
                         {"before", measurement_json(one.before)},
                         {"after", measurement_json(one.after)}});
    for (const auto& [knob, value] : state.kept)
        kept.push_back({{"knob", knob}, {"value", value}});
    const json whole = {{"begun", state.begun},
                        {"seconds", state.seconds},
                        {"meter",
                         {{"source", state.meter.source},
                          {"whole", state.meter.whole},
                          {"slow", state.meter.slow}}},
                        {"now", measurement_json(state.baseline)},
                        {"tried", std::move(tried)},
                        {"kept", std::move(kept)},
                        {"done", state.done}};
    return whole.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

WizardState parse_wizard(std::string_view text) {
    try {
        const json whole = json::parse(text);
        WizardState state;
        state.begun = whole.at("begun").get<int64_t>();
        state.seconds = whole.at("seconds").get<int>();
        const json& meter = whole.at("meter");
        state.meter = {meter.at("source").get<std::string>(), meter.at("whole").get<bool>(),
                       meter.at("slow").get<bool>()};
        state.baseline = measurement_of(whole.at("now"));
        for (const json& one : whole.at("tried"))
            state.tried.push_back(
                {one.at("title").get<std::string>(), one.at("outcome").get<std::string>(),
                 one.at("words").get<std::string>(), measurement_of(one.at("before")),
                 measurement_of(one.at("after"))});
        for (const json& one : whole.at("kept"))
            state.kept.emplace_back(one.at("knob").get<std::string>(),
                                    one.at("value").get<std::string>());
        state.done = whole.at("done").get<bool>();
        return state;
    } catch (const json::exception& trouble) {
        fail(Exit::failed, "this is no run of the wizard: {}", trouble.what());
    }
}

std::string_view measured_thing(const WizardState& state) {
    return state.meter.whole ? "the machine" : "the processor";
}

std::string report_wizard(const WizardState& state) {
    std::string text = state.done ? "The wizard came to its end.\n"
                                  : "The wizard was left; lodge power wizard goes on.\n";
    if (!state.baseline)
        text += "Nothing here measures watts: nothing of this is proven.\n";
    else
        text += fmt::format("Measured by {}: {}.\n", printable(state.meter.source),
                            state.meter.whole
                                ? "all that the machine takes"
                                : "the processor alone; what disks, cards and sound save is not "
                                  "seen by it");
    double saved = 0;
    for (const Tried& one : state.tried) {
        text += fmt::format("  {:<11}{}{}{}\n", one.outcome, printable(one.title),
                            one.words.empty() ? "" : ": ", printable(one.words));
        if (one.outcome == "kept" && one.before && one.after)
            saved += one.before->watts - one.after->watts;
    }
    if (state.tried.empty()) text += "  nothing was tried\n";
    if (state.baseline)
        text += fmt::format(
            "{} takes {:.2f} W now (spread {:.2f} W); {:.2f} W less by what was kept.\n",
            state.meter.whole ? "The machine" : "The processor", state.baseline->watts,
            state.baseline->spread, saved);
    return text;
}

}  // namespace lodge
