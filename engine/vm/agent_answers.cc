#include "engine/vm/agent_answers.h"

namespace lodge {

using nlohmann::json;

namespace {

constexpr int deepest = 64;

bool too_deep(std::string_view text) {
    int depth = 0;
    bool in_text = false;
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_text) {
            if (c == '\\') ++i;
            if (c == '"') in_text = false;
        } else if (c == '"') {
            in_text = true;
        } else if (c == '{' || c == '[') {
            if (++depth > deepest) return true;
        } else if (c == '}' || c == ']') {
            --depth;
        }
    }
    return false;
}

bool flag_in(const json& object, const char* key) {
    if (!object.is_object()) return false;
    const auto found = object.find(key);
    return found != object.end() && found->is_boolean() && found->get<bool>();
}

const json& list_in(const json& object, const char* key) {
    static const json none = json::array();
    if (!object.is_object()) return none;
    const auto found = object.find(key);
    return found != object.end() && found->is_array() ? *found : none;
}

constexpr std::string_view letters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::optional<json> agent_line(std::string_view line) {
    if (const size_t mark = line.rfind('\xff'); mark != std::string_view::npos)
        line.remove_prefix(mark + 1);
    if (too_deep(line)) return std::nullopt;
    json value = json::parse(line, nullptr, false);
    if (!value.is_object()) return std::nullopt;
    return value;
}

std::string text_in(const json& object, const char* key) {
    if (!object.is_object()) return "";
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

int64_t number_in(const json& object, const char* key) {
    if (!object.is_object()) return 0;
    const auto found = object.find(key);
    return found != object.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
}

Agent::Info agent_info(const json& said) {
    Agent::Info info{text_in(said, "version"), {}};
    for (const json& command : list_in(said, "supported_commands"))
        if (flag_in(command, "enabled")) info.commands.push_back(text_in(command, "name"));
    return info;
}

std::vector<Agent::Interface> agent_interfaces(const json& said) {
    std::vector<Agent::Interface> all;
    if (!said.is_array()) return all;
    for (const json& one : said) {
        Agent::Interface found;
        found.name = text_in(one, "name");
        found.mac = text_in(one, "hardware-address");
        if (one.is_object() && one.contains("statistics")) {
            found.received = number_in(one["statistics"], "rx-bytes");
            found.sent = number_in(one["statistics"], "tx-bytes");
        }
        for (const json& address : list_in(one, "ip-addresses"))
            found.addresses.push_back({text_in(address, "ip-address"),
                                       static_cast<int>(number_in(address, "prefix")),
                                       text_in(address, "ip-address-type") == "ipv6"});
        all.push_back(std::move(found));
    }
    return all;
}

std::vector<Agent::FileSystem> agent_file_systems(const json& said) {
    std::vector<Agent::FileSystem> all;
    if (!said.is_array()) return all;
    for (const json& one : said) {
        Agent::FileSystem found{text_in(one, "name"),          text_in(one, "mountpoint"),
                                text_in(one, "type"),          number_in(one, "used-bytes"),
                                number_in(one, "total-bytes"), {}};
        for (const json& disk : list_in(one, "disk")) {
            const std::string serial = text_in(disk, "serial");
            found.disks.push_back(serial.empty() ? text_in(disk, "dev") : serial);
        }
        all.push_back(std::move(found));
    }
    return all;
}

Agent::ExecResult agent_exec_result(const json& said) {
    Agent::ExecResult result;
    result.ended = flag_in(said, "exited");
    if (!result.ended) return result;
    const int64_t signal = number_in(said, "signal");
    result.status = static_cast<int>(signal > 0 ? 128 + signal : number_in(said, "exitcode"));
    result.output = from_base64(text_in(said, "out-data"));
    result.trouble = from_base64(text_in(said, "err-data"));
    result.cut = flag_in(said, "out-truncated") || flag_in(said, "err-truncated");
    return result;
}

std::string to_base64(std::string_view bytes) {
    std::string text;
    for (size_t i = 0; i < bytes.size(); i += 3) {
        uint32_t three = 0;
        for (size_t k = 0; k < 3; ++k)
            three =
                three << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
        for (size_t k = 0; k < 4; ++k) {
            const bool filler = i + k > bytes.size();
            text += filler ? '=' : letters[three >> (18 - 6 * k) & 63u];
        }
    }
    return text;
}

std::string from_base64(std::string_view text) {
    std::string bytes;
    uint32_t held = 0;
    int bits = 0;
    for (const char c : text) {
        const size_t value = letters.find(c);
        if (value == std::string_view::npos) continue;
        held = held << 6 | static_cast<uint32_t>(value);
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        bytes += static_cast<char>(held >> bits & 0xffu);
    }
    return bytes;
}

}  // namespace lodge
