#include "power/knob.h"

#include <algorithm>

#include "engine/error.h"
#include "engine/units.h"

namespace lodge {

std::string_view knob_risk_word(KnobRisk risk) {
    switch (risk) {
        case KnobRisk::low:
            return "low";
        case KnobRisk::medium:
            return "medium";
        case KnobRisk::high:
            return "high";
    }
    return "unknown";
}

std::string_view knob_state_word(KnobState state) {
    switch (state) {
        case KnobState::good:
            return "good";
        case KnobState::could_be_better:
            return "could be better";
        case KnobState::held:
            return "held";
        case KnobState::neutral:
            return "-";
    }
    return "unknown";
}

std::string Knob::name() const {
    std::string name(kind->id);
    if (!place.empty()) name += "@" + place;
    return name;
}

namespace {

KnobState state_of(const Knob& knob) {
    if (!knob.held.empty()) return KnobState::held;
    if (knob.thrifty.empty()) return KnobState::neutral;
    if (knob.value == knob.thrifty) return KnobState::good;
    return knob.caution.empty() ? KnobState::could_be_better : KnobState::neutral;
}

}  // namespace

std::vector<Knob> find_knobs(const Host& host, const KnobKind& kind) {
    std::vector<Knob> knobs;
    kind.find(host, knobs);
    for (Knob& knob : knobs) {
        knob.kind = &kind;
        // A finder that has an opinion of its own, as where a range is good, keeps it.
        if (knob.state == KnobState::neutral || !knob.held.empty()) knob.state = state_of(knob);
    }
    return knobs;
}

std::vector<Knob> find_knobs(const Host& host) {
    std::vector<Knob> all;
    for (const KnobKind& kind : knob_kinds())
        for (Knob& knob : find_knobs(host, kind))
            all.push_back(std::move(knob));
    return all;
}

std::vector<Knob> named_knobs(const Host& host, std::string_view word) {
    const std::string_view id = word.substr(0, word.find('@'));
    for (const KnobKind& kind : knob_kinds()) {
        if (kind.id != id) continue;
        std::vector<Knob> knobs = find_knobs(host, kind);
        if (knobs.empty()) fail(Exit::not_found, "this machine has no {}: {}", id, kind.what);
        if (word.size() == id.size()) return knobs;
        std::vector<std::string> places;
        std::vector<Knob> found;
        for (Knob& knob : knobs) {
            places.push_back(knob.place);
            if (knob.name() == word) found.push_back(std::move(knob));
        }
        if (found.empty())
            fail(Exit::not_found, "there is no {}; {} is at {}", printable(word), id,
                 places == std::vector<std::string>{""} ? "one place only" : join(places, ", "));
        return found;
    }
    std::vector<std::string> near;
    for (const KnobKind& kind : knob_kinds())
        if (kind.id.find(id) != std::string_view::npos) near.emplace_back(kind.id);
    fail(Exit::not_found, "there is no knob '{}'{}; lodge power list shows them", printable(word),
         near.empty() ? "" : ", but " + join(near, ", "));
}

std::string allowed_words(const Knob& knob) {
    if (knob.range)
        return fmt::format("{} to {}{}{}", knob.range->first, knob.range->second,
                           knob.kind->unit.empty() ? "" : " ", knob.kind->unit);
    return join(knob.allowed, ", ");
}

std::string why_not_value(const Knob& knob, std::string_view value) {
    if (!knob.held.empty()) return fmt::format("cannot change {}: {}", knob.name(), knob.held);
    bool fits = std::find(knob.allowed.begin(), knob.allowed.end(), value) != knob.allowed.end();
    if (knob.range) {
        const auto number = parse_integer(value);
        fits = fits || (number && *number >= knob.range->first && *number <= knob.range->second);
    }
    if (fits) return "";
    return fmt::format("cannot set {} to '{}': it takes {}", knob.name(), printable(value),
                       allowed_words(knob));
}

}  // namespace lodge
