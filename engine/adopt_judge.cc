#include "engine/adopt_judge.h"

#include <algorithm>
#include <array>

#include "engine/config_parser.h"
#include "engine/error.h"
#include "engine/storage/all.h"
#include "engine/storage/storage.h"
#include "engine/store.h"
#include "engine/units.h"
#include "engine/vm/mapping.h"

namespace lodge {
namespace {

using enum AdoptVerdict;

struct Reason {
    std::string_view key, words;
};

// Keys that Lodge reads and does nothing with.
constexpr std::array kIdle = {
    Reason{"autostart", "Proxmox VE does nothing with it either"},
    Reason{"hotplug", "Lodge changes a running guest wherever QEMU can"},
    Reason{"migrate_downtime", "there is no other node to move to"},
    Reason{"migrate_speed", "there is no other node to move to"},
    Reason{"shares", "Lodge does not divide memory among guests by itself"},
    Reason{"tdf", "QEMU has no such setting any more"},
    Reason{"lock",
           "the guest was being worked on when the folder was copied; when that is over, "
           "remove it: lodge set ID --delete lock"},
};

// Keys of a snapshot with memory, which only the QEMU that wrote it can load.
constexpr std::array kMemory = {"vmstate", "runningmachine", "runningcpu", "running-nets-host-mtu"};

std::string strip_key(std::string_view words, std::string_view key) {
    const std::string start = std::string(key) + ": ";
    if (words.starts_with(start)) words.remove_prefix(start.size());
    return std::string(words);
}

// "[name]" gives name; nullopt for another line.
std::optional<std::string> header_of(std::string_view line) {
    const std::string_view bare = trim(line);
    if (bare.size() < 2 || line.front() != '[' || bare.back() != ']') return std::nullopt;
    return std::string(bare.substr(1, bare.size() - 2));
}

}  // namespace

void AdoptJudge::Answer::add(AdoptVerdict what, std::string_view more) {
    verdict = std::max(verdict, what);
    // The same thing said by a table and by a start's warning is said once.
    if (more.empty() || words.find(more) != std::string::npos) return;
    if (!words.empty()) words += "; ";
    words += more;
}

AdoptJudge::AdoptJudge(const Host& host, const MachineFacts& facts, const StorageCfg& storages,
                       int id)
    : host_(host), facts_(facts), storages_(storages), id_(id) {}

// Builds the command line as a start would and keeps what it says about keys.
void AdoptJudge::learn(const Config& config) {
    warnings_.clear();
    if (config.schema().kind != "qemu") return;
    MachineFacts facts = facts_;
    for (const auto& [key, value] : config.current.entries()) {
        const auto parts = config.properties(key);
        const auto file = parts ? parts->get("file") : std::nullopt;
        // Volumes are judged on their own; here each is taken for present.
        if (file && *file != "none" && *file != "cdrom")
            facts.volumes[*file] = {.path = "/volume", .format = "raw"};
    }
    try {
        for (const std::string& warning : vm_command(config, id_, facts).warnings) {
            const std::string key = warning.substr(0, warning.find(": "));
            std::string& words = warnings_[key];
            words += (words.empty() ? "" : "; ") + strip_key(warning, key);
        }
    } catch (const Error& error) {
        warnings_[""] = error.what();
    }
}

void AdoptJudge::judge(const Config& config, std::string_view text, const std::string& name,
                       AdoptReport& report) {
    learn(config);
    if (const auto whole = warnings_.find(""); whole != warnings_.end())
        report.lines.push_back({name, 0, "", "", kept, "it cannot start here: " + whole->second});
    std::multimap<int, const Problem*> problems;
    for (const Problem& problem : config.problems())
        problems.emplace(problem.line, &problem);

    std::string section;
    bool is_known = true;
    int number = 0;
    for (const std::string& line : split(text, '\n')) {
        ++number;
        AdoptLine found{name, number, section, "", honoured, ""};
        if (line.empty() || trim(line).empty() || (is_known && line.front() == '#')) continue;
        const auto header = header_of(line);
        const size_t end = line.find_first_of(":= \t");
        const std::string key = line.substr(0, end);
        if (header) {
            section = *header;
            is_known = true;
        } else if (is_known && end != std::string::npos && (is_plain_key(key) || is_raw_key(key))) {
            found.key = key;
            const Answer said =
                answer(config, section, key, trim(std::string_view(line).substr(end + 1)));
            found.verdict = said.verdict;
            found.words = said.words;
        }
        const auto [first, last] = problems.equal_range(number);
        for (auto it = first; it != last; ++it) {
            const std::string words = strip_key(it->second->words, it->second->key);
            if (header) {
                found.section = *header;
                is_known = words.find("not known") == std::string::npos;
            }
            // Of a key that stands twice the later line counts, and that is this one.
            const bool counts = words.find("stands twice; the last") != std::string::npos;
            found.verdict = std::max(found.verdict, counts ? honoured : kept);
            found.words = words + (found.words.empty() ? "" : "; " + found.words);
        }
        if (!found.key.empty() || !found.words.empty()) report.lines.push_back(std::move(found));
    }
}

AdoptJudge::Answer AdoptJudge::answer(const Config& config, std::string_view section,
                                      std::string_view key, std::string_view value) const {
    Answer answer;
    const bool is_vm = config.schema().kind == "qemu";
    const Field* field = config.schema().find(key);
    if (field == nullptr) return answer;
    const bool is_snapshot = !section.empty() && config.snapshot(section) != nullptr;
    if (is_vm && is_snapshot && std::find(kMemory.begin(), kMemory.end(), key) != kMemory.end()) {
        answer.add(kept,
                   "the memory was saved by Proxmox VE's QEMU, which alone can load it; the "
                   "disks can be rolled back");
        return answer;
    }
    for (const Reason& reason : kIdle)
        if (reason.key == key && is_vm) answer.add(kept, reason.words);
    if (key == "lock" && !is_vm) answer.add(kept, kIdle.back().words);
    if (is_vm && key == "machine") judge_machine(value, answer);
    if (is_vm && key == "cpu") judge_cpu(value, answer);
    if (is_vm && (key == "bios" || key == "efidisk0")) judge_firmware(*field, value, answer);
    if (field->key == "net") judge_net(*field, value, answer);
    if (field->type == ValueType::property) judge_parts(*field, value, answer);
    // Warnings are about the state that would start now.
    if (section.empty()) {
        const auto warning = warnings_.find(key);
        if (warning != warnings_.end() && answer.verdict == honoured)
            answer.add(kept, warning->second);
    }
    return answer;
}

void AdoptJudge::judge_machine(std::string_view value, Answer& answer) const {
    std::vector<std::string> problems;
    const auto parts = Properties::parse_lenient(*vm_schema().find("machine"), value, problems);
    std::vector<std::string> notes;
    stock_machine(parts.text("type"), facts_.machines, notes);
    for (const std::string& note : notes)
        answer.add(mapped, note);
}

void AdoptJudge::judge_cpu(std::string_view value, Answer& answer) const {
    std::vector<std::string> problems;
    const auto parts = Properties::parse_lenient(*vm_schema().find("cpu"), value, problems);
    std::vector<std::string> notes;
    stock_cpu(parts.text("cputype"), notes);
    for (const std::string& note : notes)
        answer.add(mapped, note);
    if (!notes.empty()) {
        const auto warning = warnings_.find("cpu");
        if (warning != warnings_.end()) answer.add(mapped, warning->second);
    }
}

void AdoptJudge::judge_firmware(const Field& field, std::string_view value, Answer& answer) const {
    if (field.key == "bios") {
        if (value == "ovmf") answer.add(mapped, "the firmware is that of Debian's package ovmf");
        return;
    }
    std::vector<std::string> problems;
    const auto parts = Properties::parse_lenient(field, value, problems);
    const bool is_large = parts.text("efitype") == "4m";
    const std::string file = facts_.ovmf_folder + (is_large ? "/OVMF_CODE_4M.fd" : "/OVMF_CODE.fd");
    answer.add(mapped, fmt::format("the variables are used with {}", file));
    if (!host_.exists(host_.system(file)))
        answer.add(kept, fmt::format("{} is missing: apt install ovmf", file));
    const auto warning = warnings_.find("efidisk0");
    if (warning != warnings_.end()) answer.add(kept, warning->second);
}

void AdoptJudge::judge_net(const Field& field, std::string_view value, Answer& answer) const {
    std::vector<std::string> problems;
    const auto parts = Properties::parse_lenient(field, value, problems);
    if (parts.flag("firewall")) answer.add(kept, "firewall=1: Lodge has no firewall yet");
    const auto bridge = parts.get("bridge");
    const auto& there = facts_.bridges;
    if (bridge && std::find(there.begin(), there.end(), *bridge) == there.end())
        answer.add(kept, fmt::format("this machine has no bridge {}", *bridge));
}

void AdoptJudge::judge_volume(std::string_view volume, Answer& answer) const {
    if (volume == "none" || volume == "cdrom") return;
    if (volume.starts_with('/')) {
        if (!host_.exists(host_.system(volume)))
            answer.add(kept, fmt::format("this machine has no {}", volume));
        return;
    }
    const size_t colon = volume.find(':');
    const std::string_view id = volume.substr(0, colon);
    const StorageCfg::Entry* entry = storages_.find(id);
    std::string type = entry != nullptr ? entry->type : "dir";
    Values options = entry != nullptr ? entry->options : Values();
    if (entry == nullptr && id == "local") options.set({"path", host_.state_folder()});
    if (entry == nullptr && id != "local") {
        answer.add(kept, fmt::format("this machine has no storage {}", id));
        return;
    }
    try {
        const auto storage = make_storage(host_, type, std::string(id), options);
        if (const std::string why = storage->why_unusable(); !why.empty())
            return answer.add(kept, why);
        const std::string path = storage->path(volume.substr(colon + 1));
        if (!host_.exists(path))
            answer.add(kept, fmt::format("the volume is not here yet: copy it to {}", path));
    } catch (const Error& error) {
        answer.add(kept, error.what());
    }
}

void AdoptJudge::judge_parts(const Field& field, std::string_view value, Answer& answer) const {
    std::vector<std::string> problems;
    const auto parts = Properties::parse_lenient(field, value, problems);
    for (const std::string_view part : {"file", "volume"})
        if (part_of(field, part) != nullptr && part_of(field, part)->type == ValueType::volume)
            if (const auto volume = parts.get(part)) judge_volume(*volume, answer);
    if (parts.has("replicate")) answer.add(kept, "replicate: there is no other node to copy to");
    if (field.key == "audio0" && parts.text("driver") == "spice")
        answer.add(mapped, "the guest has the card and nothing is heard: Lodge offers no SPICE");
    if (field.key == "vga" && parts.text("type").starts_with("qxl"))
        answer.add(mapped, "one screen without SPICE");
    if (field.key == "usb" && parts.text("host") == "spice")
        answer.add(kept, "Lodge offers no SPICE");
    if (field.key == "hostpci") answer.add(kept, "devices of this machine are not handed on yet");
}

}  // namespace lodge
