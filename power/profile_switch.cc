#include "power/profile_switch.h"

#include <nlohmann/json.hpp>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/trial.h"
#include "engine/units.h"
#include "power/conflicts.h"
#include "power/profile.h"

namespace lodge {

using nlohmann::json;

namespace {

std::string record_path(const Host& host) {
    return host.run_folder() + "/standing-profile.json";
}

struct Record {
    std::string profile;
    Plan back;
};

// nullopt: none stands in, or the file is none of ours.
std::optional<Record> load(const Host& host) {
    const auto text = host.read(record_path(host));
    if (!text) return std::nullopt;
    try {
        const json whole = json::parse(*text);
        return Record{whole.at("profile").get<std::string>(),
                      plan_from_json(whole.at("back").get<std::string>())};
    } catch (const std::exception&) {
        return std::nullopt;
    }
}

// What undoes the plan, the last step first.
Plan way_back(const Plan& plan) {
    Plan back;
    back.title = "put the settings back";
    for (size_t i = plan.steps.size(); i-- > 0;)
        if (plan.steps[i].undo) back.step(plan.steps[i].why, *plan.steps[i].undo);
    return back;
}

}  // namespace

std::string standing_profile(const Host& host) {
    const auto record = load(host);
    return record ? record->profile : "";
}

ProfileSwitch::ProfileSwitch(Engine& engine)
    : engine_(engine), now_(standing_profile(engine.host)) {}

std::vector<std::string> ProfileSwitch::turn(const std::string& profile) {
    std::vector<std::string> said;
    if (profile != refused_) refused_.clear();
    if (profile == now_ || (!profile.empty() && profile == refused_)) return said;
    if (!active_trials(engine_.host).empty()) return said;  // with the next look
    if (!now_.empty()) put_back(said);
    if (!profile.empty()) set(profile, said);
    return said;
}

void ProfileSwitch::put_back(std::vector<std::string>& said) {
    const auto record = load(engine_.host);
    now_.clear();
    if (record) {
        // Each by itself: one that cannot be put back must not keep the others.
        for (const Step& step : record->back.steps) {
            Plan one;
            one.steps.push_back(step);
            try {
                engine_.jobs.run_here(engine_, one);
            } catch (const Error& error) {
                said.emplace_back(error.what());
            }
        }
    }
    engine_.host.remove(record_path(engine_.host));
}

void ProfileSwitch::set(const std::string& name, std::vector<std::string>& said) {
    const Host& host = engine_.host;
    try {
        const Profile profile = load_profile(host, name);
        Resolved resolved = resolve_profile(host, profile);
        const auto conflicts = find_conflicts(host);
        size_t left = 0;
        for (const KnobWish& wish : resolved.wishes)
            if (const std::string who = who_else(conflicts, wish.knob); !who.empty())
                fail(Exit::refused, "{} sets {} too: lodge power adopt ends that", who,
                     wish.knob.name());
        left = std::erase_if(resolved.wishes, [](const KnobWish& wish) {
            return wish.knob.kind->risk != KnobRisk::low;
        });
        const Plan plan = write_steps(host, changing(resolved.wishes));
        host.write_volatile(
            record_path(host),
            json{{"profile", name}, {"back", plan_to_json(way_back(plan))}}.dump() + "\n", 0600);
        engine_.jobs.run_here(engine_, plan);
        now_ = name;
        if (left > 0)
            said.push_back(fmt::format("{} of the profile {} left out: they have risk",
                                       counted(left, "setting"), name));
    } catch (const Error& error) {
        host.remove(record_path(host));
        refused_ = name;
        said.push_back(fmt::format("the profile {} cannot stand in: {}", name, error.what()));
    }
}

std::string Conditions::wanted(const PowerConfig& config, bool hot, size_t guests, Time now) {
    if (guests > 0)
        alone_since_.reset();
    else if (!alone_since_)
        alone_since_ = now;
    if (hot && config.heat && !config.heat->profile.empty()) return config.heat->profile;
    if (alone_since_ && now - *alone_since_ >= settled) return config.idle_profile;
    return "";
}

}  // namespace lodge
