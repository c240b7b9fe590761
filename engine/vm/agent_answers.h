#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/vm/agent.h"

// What a guest's agent says, taken apart. It is the guest's word: whatever is missing or of another
// type counts as not told. Pure, so that it can be fuzzed.
namespace lodge {

// The object that a line holds, after the last byte 0xFF of it; nullopt for anything else, and for
// what is nested deeper than 64.
std::optional<nlohmann::json> agent_line(std::string_view line);

Agent::Info agent_info(const nlohmann::json& said);
std::vector<Agent::Interface> agent_interfaces(const nlohmann::json& said);
std::vector<Agent::FileSystem> agent_file_systems(const nlohmann::json& said);
// Of guest-exec-status; `ended` says whether the program has.
Agent::ExecResult agent_exec_result(const nlohmann::json& said);

// A member by its name: "" and 0 when it is not there or of another type.
std::string text_in(const nlohmann::json& object, const char* key);
int64_t number_in(const nlohmann::json& object, const char* key);

std::string to_base64(std::string_view bytes);
// Bytes that are no base64 are passed over.
std::string from_base64(std::string_view text);

}  // namespace lodge
