#include "engine/storage/lvm.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/error.h"
#include "engine/host.h"
#include "engine/process.h"
#include "engine/units.h"

namespace lodge {

using nlohmann::json;

namespace {

// An extent is moved, or a pool's metadata is written, while disks are slow: no shorter.
constexpr auto lvm_limit = std::chrono::minutes(10);

// All values are texts in the format "json", numbers may be some in "json_std".
std::string text_of(const json& line, const char* key) {
    const auto found = line.find(key);
    if (found == line.end()) return {};
    if (found->is_string()) return found->get<std::string>();
    return found->is_number() ? found->dump() : std::string();
}

double percent_of(const json& line, const char* key) {
    const auto number = parse_number(text_of(line, key));
    return number && std::isfinite(*number) ? std::clamp(*number, 0.0, 100.0) : 0.0;
}

std::optional<LogicalVolume> volume_of_line(const json& line) {
    if (!line.is_object()) return std::nullopt;
    LogicalVolume volume;
    volume.group = text_of(line, "vg_name");
    volume.name = text_of(line, "lv_name");
    if (!is_lvm_name(volume.group) || !is_lvm_name(volume.name)) return std::nullopt;
    volume.pool = text_of(line, "pool_lv");
    volume.origin = text_of(line, "origin");
    volume.size = std::max<int64_t>(0, parse_integer(text_of(line, "lv_size")).value_or(0));
    volume.data_percent = percent_of(line, "data_percent");
    volume.metadata_percent = percent_of(line, "metadata_percent");
    std::string marks = text_of(line, "lv_attr");
    marks.resize(10, '-');
    volume.kind = marks[0];
    volume.writable = marks[1] == 'w';
    volume.active = marks[4] == 'a';
    volume.open = marks[5] == 'o';
    volume.zeroes = marks[7] == 'z';
    volume.health = marks[8];
    volume.skips_activation = marks[9] == 'k';
    return volume;
}

}  // namespace

const char* const lvs_fields =
    "vg_name,lv_name,lv_attr,lv_size,pool_lv,origin,data_percent,metadata_percent";

int64_t LogicalVolume::used() const {
    if (data_percent >= 100) return size;
    const auto part = static_cast<long double>(size) * data_percent / 100;
    return std::clamp<int64_t>(std::llround(part), 0, size);
}

std::vector<LogicalVolume> parse_lvs(std::string_view text) {
    const json report = json::parse(text, nullptr, false);
    const json* parts =
        report.is_object() && report.contains("report") ? &report["report"] : nullptr;
    if (!parts || !parts->is_array())
        fail(Exit::failed, "lvs's answer was not understood: '{}'", printable(text.substr(0, 80)));
    std::vector<LogicalVolume> volumes;
    for (const json& part : *parts) {
        if (!part.is_object() || !part.contains("lv") || !part["lv"].is_array()) continue;
        for (const json& line : part["lv"])
            if (auto volume = volume_of_line(line)) volumes.push_back(std::move(*volume));
    }
    return volumes;
}

std::vector<LogicalVolume> list_logical_volumes(const Host& host, const std::string& group) {
    return parse_lvs(run_lvm(
        host,
        {"lvs", "--reportformat", "json", "--units", "b", "--nosuffix", "-o", lvs_fields, group},
        "list the logical volumes of " + printable(group)));
}

const LogicalVolume* find_volume(const std::vector<LogicalVolume>& volumes, std::string_view name) {
    const auto found =
        std::find_if(volumes.begin(), volumes.end(),
                     [&](const LogicalVolume& volume) { return volume.name == name; });
    return found == volumes.end() ? nullptr : &*found;
}

bool is_lvm_name(std::string_view name) {
    if (name.empty() || name.size() > 127 || name.front() == '-' || name == "." || name == "..")
        return false;
    return std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '+' || c == '_' || c == '.' || c == '-';
    });
}

std::optional<int> lvm_owner(std::string_view name) {
    for (const std::string_view lead : {"vm-", "base-"}) {
        if (!is_lvm_name(name) || !name.starts_with(lead)) continue;
        const std::string_view rest = name.substr(lead.size());
        const auto dash = rest.find('-');
        if (dash == std::string_view::npos || dash + 1 == rest.size()) return std::nullopt;
        const std::string_view number = rest.substr(0, dash);
        const auto guest = parse_integer(number);
        if (!guest || *guest < 100 || *guest > 999999999 || std::to_string(*guest) != number)
            return std::nullopt;
        return static_cast<int>(*guest);
    }
    return std::nullopt;
}

std::string lvm_snapshot_name(std::string_view volume, std::string_view snapshot) {
    return fmt::format("snap_{}_{}", volume, snapshot);
}

std::string run_lvm(const Host& host, std::vector<std::string> words, const std::string& what) {
    Program program;
    program.argv = std::move(words);
    program.argv[0] = host.need_program(program.argv[0]);
    // A job has descriptors open that LVM would complain about.
    program.environment = {{"LC_ALL", "C"}, {"LVM_SUPPRESS_FD_WARNINGS", "1"}};
    return run_checked(program, lvm_limit, "cannot " + what);
}

}  // namespace lodge
