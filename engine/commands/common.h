#pragma once

#include <initializer_list>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "engine/command.h"
#include "engine/engine.h"

namespace lodge {

// The guest that the words name as "guest"; throws Error(Exit::not_found).
Guest guest_of(Engine& engine, const Values& words);
// The same for a command's why_not: as it was seen a moment ago while someone looks all the time
// (Engine::seen), else read now. Never null.
std::shared_ptr<const Guest> known_guest(Engine& engine, const Values& words);
// "" when the guest is in one of the states; else "cannot <verb> 101 (web): it is stopped". The
// guest's lock counts too. "" when the words name no guest.
std::string why_not_in(Engine& engine, const Values& words, std::string_view verb,
                       std::initializer_list<GuestState> states);
// "" when the guest may be changed: it is there, readable and not locked.
std::string why_not_changed(Engine& engine, const Values& words, std::string_view verb);

// The plan of one of GuestKind's functions for the guest that the words name.
template <Plan (GuestKind::*Verb)(Engine&, const Guest&, const Values&) const>
Plan plan_of(Engine& engine, const Values& words) {
    const Guest guest = guest_of(engine, words);
    return (guest.kind->*Verb)(engine, guest, words);
}

// For the commands without a plan that change something: their --json and --dry-run.
const std::vector<Option>& outcome_options();
// Prints what came of such a command, or with --json the value; returns 0.
int print_outcome(const Values& words, std::string_view text, const nlohmann::json& value);

// JSON text of a value, pretty, with whatever is no UTF-8 replaced.
std::string json_text(const nlohmann::json& value);
// "2026-11-20 19:04" in the machine's time zone; "" for 0.
std::string time_words(int64_t unix_seconds);
// Lists such as "net0,net1" or several words, as one list.
std::vector<std::string> comma_list(const std::vector<std::string>& words);

// guest_report.cc
Report list_report(Engine& engine, const Values& words);
Report show_report(Engine& engine, const Values& words);
Report state_report(Engine& engine, const Values& words);
Report config_report(Engine& engine, const Values& words);
Report command_report(Engine& engine, const Values& words);
Report log_report(Engine& engine, const Values& words);

// guest_boot.cc: the guests with `onboot: 1`, in the order of their `startup`
int start_all(Engine& engine, const Values& words);
int stop_all(Engine& engine, const Values& words);
// guest_watch.cc
int watch_guests(Engine& engine, const Values& words);

// guest_life.cc: start to destroy
std::vector<Command> life_command_table();
// guest_new.cc: create, import; the --id of a new guest, else a free one
std::vector<Command> creation_command_table();
int id_for(Engine& engine, const Values& words);
// agent.cc, container.cc, adopt.cc
std::vector<Command> agent_command_table();
std::vector<Command> container_command_table();
std::vector<Command> adopt_command_table();

}  // namespace lodge
