#include "tui/screens/guest_words.h"

#include <algorithm>
#include <cmath>

#include "engine/units.h"

namespace lodge {

bool is_counted(const GuestView& view) {
    return !view.use || view.use->memory || view.sighting.cpu_seconds > 0;
}

std::string memory_words(const GuestView& view) {
    const int64_t limit = view.sighting.memory_limit;
    const bool unknown = view.use && !view.use->memory;
    if (!view.is_up() || unknown) return limit > 0 ? short_size(limit) : "";
    const int64_t used = view.memory_used.value_or(view.sighting.memory_resident);
    if (limit <= 0) return short_size(used);
    std::string words = short_size(used);
    const std::string of = short_size(limit);
    if (words.back() == of.back() && words.size() > 1) words.pop_back();
    return words + "/" + of;
}

std::string rate_sum_words(const std::optional<double>& a, const std::optional<double>& b) {
    if (!a && !b) return "";
    return short_size(static_cast<int64_t>(a.value_or(0) + b.value_or(0)));
}

std::string rate_words(const std::optional<double>& rate) {
    return rate ? short_size(static_cast<int64_t>(*rate)) + "/s" : "unknown";
}

std::string short_notes_words(const GuestView& view) {
    if (!view.guest->unreadable.empty()) return "unreadable";
    std::vector<std::string> notes;
    if (!view.guest->config.problems().empty()) notes.emplace_back("mistakes");
    for (const std::string& note : view.sighting.notes)
        notes.push_back(note == "software emulation" ? "no KVM"
                        : note == "pending changes"  ? "pending"
                                                     : note);
    if (view.use && view.use->killed > 0)
        notes.push_back("OOM " + std::to_string(view.use->killed));
    if (view.last_snapshot) notes.push_back("snap " + view.last_snapshot->name);
    return join(notes, ", ");
}

std::string notes_words(const GuestView& view) {
    if (!view.guest->unreadable.empty()) return "its file cannot be read";
    std::vector<std::string> notes;
    if (!view.guest->config.problems().empty()) notes.emplace_back("configuration has mistakes");
    for (const std::string& note : view.sighting.notes)
        notes.push_back(note);
    if (view.use)
        if (std::string words = killed_words(*view.use); !words.empty())
            notes.push_back(std::move(words));
    if (view.last_snapshot) notes.push_back("snapshot " + view.last_snapshot->name);
    return join(notes, ", ");
}

std::vector<float> graph_values(const History& history) {
    // Bounds at whole multiples, counted from the first sample ever: a value that is there stays as
    // it is and moves on seldom, or a slow line would get the whole graph each second.
    constexpr size_t each = graph_seconds;
    std::vector<float> values;
    for (size_t i = 0; i < history.size();) {
        const size_t place = history.total() - history.size() + i;
        const size_t end = std::min(i + each - place % each, history.size());
        double largest = -1;
        for (; i < end; ++i)
            largest = std::fmax(largest, history.at(i));  // which passes over NaN
        values.push_back(static_cast<float>(largest));
    }
    return values;
}

Role state_role(const GuestView& view) {
    switch (view.sighting.state) {
        case GuestState::running:
            return Role::good;
        case GuestState::paused:
        case GuestState::suspended:
        case GuestState::starting:
            return Role::busy;
        case GuestState::unknown:
            return Role::warning;
        case GuestState::stopped:
            break;
    }
    return Role::dim;
}

Role note_role(const GuestView& view) {
    const bool wrong = !view.guest->unreadable.empty() || !view.guest->config.problems().empty();
    const bool short_of_memory = view.use && view.use->killed > 0;
    return wrong || short_of_memory ? Role::warning : Role::dim;
}

}  // namespace lodge
