#include "engine/plan.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/error.h"
#include "engine/units.h"

namespace lodge {

using nlohmann::json;

Plan& Plan::step(std::string why, Action action, std::optional<Action> undo) {
    steps.push_back({std::move(why), std::move(action), std::move(undo), false});
    return *this;
}

Plan& Plan::no_way_back() {
    return no_way_back_from(steps.empty() ? 0 : steps.size() - 1);
}

Plan& Plan::no_way_back_from(size_t first) {
    for (size_t i = first; i < steps.size(); ++i)
        steps[i].no_way_back = true;
    return *this;
}

Plan& Plan::warn(std::string words) {
    if (std::find(warnings.begin(), warnings.end(), words) == warnings.end())
        warnings.push_back(std::move(words));
    return *this;
}

Plan& Plan::append(Plan other) {
    for (Step& step : other.steps)
        steps.push_back(std::move(step));
    for (std::string& words : other.warnings)
        warn(std::move(words));
    for (const int guest : other.guests)
        if (std::find(guests.begin(), guests.end(), guest) == guests.end()) guests.push_back(guest);
    return *this;
}

void Work::check() {
    if (!going()) throw Error(Exit::cancelled, "cancelled");
}

const ActionKind& Actions::find(std::string_view verb) const {
    for (const auto table : tables_)
        for (const ActionKind& kind : table)
            if (kind.verb == verb) return kind;
    fail(Exit::failed, "this plan has a step '{}' that this version of Lodge does not know", verb);
}

std::string plan_as_shell(const Plan& plan, const Actions& actions) {
    std::string text = "# " + printable(plan.title) + "\n";
    for (const std::string& words : plan.warnings)
        text += "# warning: " + printable(words) + "\n";
    for (const Step& step : plan.steps) {
        text += "\n# " + printable(step.why) + "\n" + actions.shell(step.action) + "\n";
        if (!step.undo) continue;
        std::string undo = actions.shell(*step.undo);
        for (size_t at = 0; (at = undo.find('\n', at)) != std::string::npos; at += 7)
            undo.replace(at, 1, "\n#       ");
        text += "# undo: " + undo + "\n";
    }
    return text;
}

namespace {

// Values hold bytes (paths, contents); JSON holds only UTF-8. Bytes that are none are written as
// U+E000 + byte, a private-use character that no name or content of ours has.
std::string to_utf8(const std::string& bytes) {
    if (bytes.empty()) return bytes;
    const json probe = bytes;
    try {
        (void)probe.dump();
        if (bytes.find("\xee\x82") == std::string::npos &&
            bytes.find("\xee\x83") == std::string::npos)
            return bytes;
    } catch (const json::exception&) {
    }
    std::string text;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80) {
            text += c;
        } else {
            const unsigned point = 0xE000u + byte;
            text += static_cast<char>(0xE0u | (point >> 12));
            text += static_cast<char>(0x80u | ((point >> 6) & 0x3Fu));
            text += static_cast<char>(0x80u | (point & 0x3Fu));
        }
    }
    return text;
}

std::string from_utf8(const std::string& text) {
    std::string bytes;
    for (size_t i = 0; i < text.size(); ++i) {
        const auto lead = static_cast<unsigned char>(text[i]);
        if (lead == 0xEE && i + 2 < text.size()) {
            const unsigned point = 0xE000u |
                                   ((static_cast<unsigned char>(text[i + 1]) & 0x3Fu) << 6) |
                                   (static_cast<unsigned char>(text[i + 2]) & 0x3Fu);
            if (point <= 0xE0FFu && point >= 0xE080u) {
                bytes += static_cast<char>(point - 0xE000u);
                i += 2;
                continue;
            }
        }
        bytes += text[i];
    }
    return bytes;
}

json action_to_json(const Action& action) {
    json on = json::object();
    for (const auto& [name, list] : action.on.items()) {
        json texts = json::array();
        for (const std::string& text : list)
            texts.push_back(to_utf8(text));
        on[name] = std::move(texts);
    }
    return {{"verb", action.verb}, {"on", std::move(on)}};
}

Action action_from_json(const json& value) {
    Action action{value.at("verb").get<std::string>(), {}};
    for (const auto& [name, texts] : value.at("on").items()) {
        std::vector<std::string> list;
        for (const json& text : texts)
            list.push_back(from_utf8(text.get<std::string>()));
        action.on.set({name, std::move(list)});
    }
    return action;
}

}  // namespace

std::string plan_to_json(const Plan& plan) {
    json steps = json::array();
    for (const Step& step : plan.steps) {
        json one = {{"why", to_utf8(step.why)}, {"action", action_to_json(step.action)}};
        if (step.undo) one["undo"] = action_to_json(*step.undo);
        if (step.no_way_back) one["no_way_back"] = true;
        steps.push_back(std::move(one));
    }
    json warnings = json::array();
    for (const std::string& words : plan.warnings)
        warnings.push_back(to_utf8(words));
    const json whole = {{"title", to_utf8(plan.title)},
                        {"guests", plan.guests},
                        {"steps", std::move(steps)},
                        {"warnings", std::move(warnings)},
                        {"afterwards", to_utf8(plan.afterwards)}};
    return whole.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

Plan plan_from_json(std::string_view text) {
    try {
        const json whole = json::parse(text);
        Plan plan;
        plan.title = from_utf8(whole.at("title").get<std::string>());
        plan.guests = whole.at("guests").get<std::vector<int>>();
        plan.afterwards = from_utf8(whole.at("afterwards").get<std::string>());
        for (const json& words : whole.at("warnings"))
            plan.warnings.push_back(from_utf8(words.get<std::string>()));
        for (const json& one : whole.at("steps")) {
            Step step{from_utf8(one.at("why").get<std::string>()),
                      action_from_json(one.at("action")), std::nullopt, false};
            if (one.contains("undo")) step.undo = action_from_json(one.at("undo"));
            step.no_way_back = one.value("no_way_back", false);
            plan.steps.push_back(std::move(step));
        }
        return plan;
    } catch (const json::exception& trouble) {
        fail(Exit::failed, "this is not a plan that Lodge wrote: {}", trouble.what());
    }
}

namespace {

// Undoes steps [first, begun) in reverse; what cannot be undone is said and the rest still is.
std::string undo_steps(const Plan& plan, size_t first, size_t begun, const Actions& actions,
                       Work& work, void (*on_step)(void*, size_t, std::string_view), void* with) {
    std::string left;
    for (size_t i = begun; i-- > first;) {
        const auto& undo = plan.steps[i].undo;
        if (!undo) continue;
        on_step(with, i, "undo");
        try {
            actions.find(undo->verb).run(work, undo->on);
            on_step(with, i, "undone");
        } catch (const std::exception& trouble) {
            left += fmt::format("\nnot undone ({}): {}", plan.steps[i].why, trouble.what());
        }
    }
    return left;
}

// Work that cannot be cancelled: an undo goes to its end.
class Determined : public Work {
  public:
    explicit Determined(Work& work) : work_(work) {}
    Engine& engine() override { return work_.engine(); }
    void say(const std::string& line) override { work_.say(line); }
    void progress(int64_t done, int64_t total, std::string_view unit) override {
        work_.progress(done, total, unit);
    }
    bool going() override { return true; }

  private:
    Work& work_;
};

}  // namespace

void carry_out(const Plan& plan, const Actions& actions, Work& work,
               void (*on_step)(void*, size_t, std::string_view), void* with) {
    // Every verb is known before the first step changes anything.
    for (const Step& step : plan.steps) {
        (void)actions.find(step.action.verb);
        if (step.undo) (void)actions.find(step.undo->verb);
    }
    size_t begun = 0, kept = 0;  // steps before `kept` cannot be taken back
    try {
        for (; begun < plan.steps.size();) {
            if (kept == 0) work.check();
            on_step(with, begun, "begin");
            const Step& step = plan.steps[begun++];
            actions.find(step.action.verb).run(work, step.action.on);
            on_step(with, begun - 1, "done");
            if (step.no_way_back) kept = begun;
        }
    } catch (const std::exception& trouble) {
        Determined undoing(work);
        const auto* error = dynamic_cast<const Error*>(&trouble);
        const Exit exit = error ? error->exit() : Exit::failed;
        const std::string words = trouble.what();
        const std::string left = undo_steps(plan, kept, begun, actions, undoing, on_step, with);
        throw Error(exit, words + left);
    }
}

}  // namespace lodge
