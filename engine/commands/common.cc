#include "engine/commands/common.h"

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

#include "engine/units.h"

namespace lodge {

Guest guest_of(Engine& engine, const Values& words) {
    return find_guest(engine, words.text("guest"));
}

std::string why_not_changed(Engine& engine, const Values& words, std::string_view verb) {
    if (!words.has("guest")) return "";
    try {
        refuse_if_held(guest_of(engine, words), verb);
    } catch (const Error& error) {
        if (error.exit() == Exit::not_found) throw;
        return error.what();
    }
    return "";
}

std::string why_not_in(Engine& engine, const Values& words, std::string_view verb,
                       std::initializer_list<GuestState> states) {
    if (!words.has("guest")) return "";
    const Guest guest = guest_of(engine, words);
    const Sighting sighting = guest.kind->look(engine, guest);
    const auto allowed = [&](GuestState state) {
        return std::find(states.begin(), states.end(), state) != states.end();
    };
    if (allowed(sighting.state)) return "";
    // It runs and did not answer in the moment of a look: the command itself waits longer.
    if (sighting.state == GuestState::unknown && allowed(GuestState::running)) return "";
    return fmt::format("cannot {} {}: it is {}", verb, guest_words(guest),
                       guest_state_word(sighting.state));
}

std::string json_text(const nlohmann::json& value) {
    return value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string time_words(int64_t unix_seconds) {
    if (unix_seconds == 0) return "";
    const std::time_t time = unix_seconds;
    std::tm parts{};
    if (!localtime_r(&time, &parts)) return "";
    char text[32];
    return std::string(text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", &parts));
}

std::vector<std::string> comma_list(const std::vector<std::string>& words) {
    std::vector<std::string> list;
    for (const std::string& word : words)
        for (const std::string& piece : split(word, ','))
            if (!trim(piece).empty()) list.emplace_back(trim(piece));
    return list;
}

}  // namespace lodge
