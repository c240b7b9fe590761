#include "engine/commands/common.h"

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

#include "engine/state.h"
#include "engine/units.h"

namespace lodge {

Guest guest_of(Engine& engine, const Values& words) {
    return find_guest(engine, words.text("guest"));
}

namespace {

const GuestView* seen_guest(const Engine& engine, const Values& words) {
    const auto id = parse_integer(words.text("guest"));
    if (!engine.seen || !id || *id < 100 || *id > 999999999) return nullptr;
    return engine.seen->guest(static_cast<int>(*id));
}

}  // namespace

std::shared_ptr<const Guest> known_guest(Engine& engine, const Values& words) {
    if (const GuestView* view = seen_guest(engine, words)) return view->guest;
    return std::make_shared<const Guest>(guest_of(engine, words));
}

std::string why_not_changed(Engine& engine, const Values& words, std::string_view verb) {
    if (!words.has("guest")) return "";
    try {
        refuse_if_held(*known_guest(engine, words), verb);
    } catch (const Error& error) {
        if (error.exit() == Exit::not_found) throw;
        return error.what();
    }
    return "";
}

std::string why_not_in(Engine& engine, const Values& words, std::string_view verb,
                       std::initializer_list<GuestState> states) {
    if (!words.has("guest")) return "";
    const GuestView* view = seen_guest(engine, words);
    const auto guest = known_guest(engine, words);
    const GuestState now = view ? view->sighting.state : guest->kind->look(engine, *guest).state;
    const auto allowed = [&](GuestState state) {
        return std::find(states.begin(), states.end(), state) != states.end();
    };
    if (allowed(now)) return "";
    // It runs and did not answer in the moment of a look: the command itself waits longer.
    if (now == GuestState::unknown && allowed(GuestState::running)) return "";
    return fmt::format("cannot {} {}: it is {}", verb, guest_words(*guest), guest_state_word(now));
}

const std::vector<Option>& outcome_options() {
    static const std::vector<Option> options = {
        {.name = "json", .help = "Prints what came of it as one JSON value."},
        {.name = "dry-run", .help = "Prints what would be done as shell, and does nothing."}};
    return options;
}

int print_outcome(const Values& words, std::string_view text, const nlohmann::json& value) {
    if (words.flag("json"))
        fmt::print("{}", json_text(value));
    else
        fmt::print("{}\n", text);
    return 0;
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
