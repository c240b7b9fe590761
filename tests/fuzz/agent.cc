#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/vm/agent_answers.h"

// A line of a guest's agent, read as an answer to each of the questions.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view line(reinterpret_cast<const char*>(data), size);
    const auto value = lodge::agent_line(line);
    if (!value) return 0;
    if (!value->is_object()) __builtin_trap();
    const auto found = value->find("return");
    const auto& said = found == value->end() ? *value : *found;
    lodge::agent_info(said);
    lodge::agent_interfaces(said);
    lodge::agent_file_systems(said);
    const auto result = lodge::agent_exec_result(said);
    if (lodge::from_base64(lodge::to_base64(result.output)) != result.output) __builtin_trap();
    return 0;
}
