#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/commands/common.h"
#include "engine/container/use.h"
#include "engine/units.h"
#include "engine/vm/change.h"
#include "engine/vm/scrollback.h"

namespace lodge {

using nlohmann::json;

namespace {

struct Seen {
    Guest guest;
    Sighting sighting;
    std::optional<GroupUse> use = {};  // of a running container
};

bool is_up(const Sighting& sighting) {
    return sighting.state == GuestState::running || sighting.state == GuestState::paused ||
           sighting.state == GuestState::starting || sighting.state == GuestState::unknown;
}

std::vector<std::string> notes_of(const Seen& seen) {
    std::vector<std::string> notes;
    if (!seen.guest.unreadable.empty()) notes.push_back("cannot be read");
    if (const size_t count = seen.guest.config.problems().size())
        notes.push_back(counted(count, "problem"));
    if (seen.guest.config.flag("template")) notes.push_back("template");
    notes.insert(notes.end(), seen.sighting.notes.begin(), seen.sighting.notes.end());
    if (seen.use)
        if (std::string words = killed_words(*seen.use); !words.empty())
            notes.push_back(std::move(words));
    return notes;
}

std::string memory_words(const Seen& seen) {
    const Sighting& sighting = seen.sighting;
    if (sighting.memory_limit == 0) return "";
    const std::string limit = short_size(sighting.memory_limit);
    const bool unknown = seen.guest.kind->name() == "ct" && (!seen.use || !seen.use->memory);
    if (!is_up(sighting) || unknown) return limit;
    return short_size(sighting.memory_resident) + "/" + limit;
}

json problems_json(const Config& config) {
    json problems = json::array();
    for (const Problem& problem : config.problems())
        problems.push_back(
            {{"line", problem.line}, {"key", problem.key}, {"words", problem.words}});
    return problems;
}

json share_json(const std::optional<GroupUse::Share>& share) {
    if (!share) return nullptr;
    return {{"used", share->used}, {"limit", share->limit ? json(*share->limit) : json(nullptr)}};
}

// What a container uses of what its control groups allow; null for what is not counted.
json use_json(const GroupUse& use) {
    json value = {{"memory", share_json(use.memory)},
                  {"swap", share_json(use.swap)},
                  {"pids", share_json(use.pids)},
                  {"cpus", use.cpus ? json(*use.cpus) : json(nullptr)},
                  {"throttled_seconds", use.throttled ? json(*use.throttled) : json(nullptr)},
                  {"out_of_memory_kills", use.killed},
                  {"pressure", nullptr}};
    if (use.pressure)
        value["pressure"] = {
            {"cpu", use.pressure->cpu}, {"memory", use.pressure->memory}, {"io", use.pressure->io}};
    return value;
}

json seen_json(const Seen& seen) {
    const auto& [guest, sighting, use] = seen;
    json value = {{"id", guest.id},
                  {"name", guest.name},
                  {"kind", guest.kind->name()},
                  {"state", guest_state_word(sighting.state)},
                  {"uptime", sighting.uptime},
                  {"memory_resident", sighting.memory_resident},
                  {"memory_limit", sighting.memory_limit},
                  {"cpu_seconds", sighting.cpu_seconds},
                  {"emulated", sighting.emulated},
                  {"template", guest.config.flag("template")},
                  {"notes", notes_of(seen)},
                  {"problems", problems_json(guest.config)}};
    if (use) value["limits"] = use_json(*use);
    value["pid"] = sighting.pid > 0 ? json(sighting.pid) : json(nullptr);
    return value;
}

std::optional<GroupUse> use_of(Engine& engine, const Guest& guest, const Sighting& sighting) {
    if (guest.kind->name() != "ct" || !is_up(sighting)) return std::nullopt;
    return ct_use(engine.host, guest.id);
}

std::vector<Seen> seen_guests(Engine& engine, const Values& words) {
    std::vector<Guest> guests;
    if (words.list("guests").empty()) {
        guests = list_guests(engine);
    } else {
        for (const std::string& word : words.list("guests"))
            guests.push_back(find_guest(engine, word));
    }
    std::vector<Seen> all;
    for (Guest& guest : guests) {
        Sighting sighting = guest.kind->look(engine, guest);
        if (words.flag("running") && !is_up(sighting)) continue;
        auto use = use_of(engine, guest, sighting);
        all.push_back({std::move(guest), std::move(sighting), use});
    }
    return all;
}

json section_json(const Section& section) {
    json value = json::object();
    if (!section.description().empty()) value["description"] = section.description();
    for (const auto& [key, text] : section.entries()) {
        // A raw lxc.* key may stand several times.
        if (!value.contains(key))
            value[key] = text;
        else if (value[key].is_array())
            value[key].push_back(text);
        else
            value[key] = json::array({value[key], text});
    }
    return value;
}

struct Volume {
    std::string key, id, words;
    VolumeInfo info;
};

std::vector<Volume> volumes_of(Engine& engine, const Guest& guest) {
    std::vector<Volume> volumes;
    for (const auto& [key, value] : guest.config.current.entries()) {
        const Field* field = guest.config.schema().find(key);
        const bool holds_volume = field && field->type == ValueType::property &&
                                  bare_part(*field) && bare_part(*field)->type == ValueType::volume;
        const std::string id = holds_volume ? volume_of(value) : "";
        if (id.empty()) continue;
        Volume volume{key, id, "", {}};
        try {
            volume.info = engine.storages.info(id);
            volume.words = fmt::format("{} {}, {} used", short_size(volume.info.size),
                                       volume.info.format, short_size(volume.info.used));
        } catch (const Error& error) {
            volume.words = error.what();
        }
        volumes.push_back(std::move(volume));
    }
    return volumes;
}

std::string headline(const Seen& seen) {
    const auto& [guest, sighting, use] = seen;
    std::string line = fmt::format("{}: {}, {}", guest_words(guest), guest.kind->name(),
                                   guest_state_word(sighting.state));
    if (is_up(sighting))
        line += fmt::format(" since {}, process {}", short_duration(sighting.uptime), sighting.pid);
    if (sighting.emulated && is_up(sighting)) line += ", emulated in software";
    if (guest.config.flag("template")) line += ", a template";
    return line + "\n";
}

void add_section(std::string& text, const Section& section, std::string_view but = {}) {
    for (const std::string& line : split(section.description(), '\n'))
        if (!line.empty()) text += "  # " + line + "\n";
    for (const auto& [key, value] : section.entries())
        if (key != but) text += fmt::format("  {}: {}\n", key, value);
}

std::string show_text(const Seen& seen, const std::vector<Volume>& volumes,
                      const std::vector<std::string>& warnings) {
    const Config& config = seen.guest.config;
    std::string text = headline(seen);
    if (seen.use)
        for (const auto& [label, words] : use_lines(*seen.use))
            text += fmt::format("{}: {}\n", label, words);
    if (const std::string memory = memory_words(seen); !memory.empty() && !seen.use)
        text += fmt::format("memory {}\n", memory);
    for (const std::string& note : notes_of(seen))
        text += fmt::format("note: {}\n", note);
    if (!seen.guest.unreadable.empty()) text += seen.guest.unreadable + "\n";
    text += fmt::format("\n{}\n", config.file());
    add_section(text, config.current);
    if (has_pending(config)) {
        text += "\nwaits for the next start\n";
        add_section(text, config.pending, "delete");
        for (const std::string& key : config.pending_deletes())
            text += fmt::format("  {}: (removed)\n", key);
    }
    if (!volumes.empty()) text += "\nvolumes\n";
    for (const Volume& volume : volumes)
        text += fmt::format("  {}: {}  {}\n", volume.key, volume.id, volume.words);
    if (!config.snapshots().empty()) text += "\nsnapshots\n";
    for (const auto& [name, section] : config.snapshots()) {
        const auto time = parse_integer(section.get("snaptime").value_or("0")).value_or(0);
        text += fmt::format("  {}  {}{}\n", name, time_words(time),
                            section.has("vmstate") ? "  with RAM" : "");
    }
    if (!config.problems().empty()) text += "\nproblems\n";
    for (const Problem& problem : config.problems())
        text += fmt::format("  {}\n", config.words_of(problem));
    if (!warnings.empty()) text += "\nwarnings\n";
    for (const std::string& words : warnings)
        text += fmt::format("  {}\n", words);
    return text;
}

json show_json(const Seen& seen, const std::vector<Volume>& volumes,
               const std::vector<std::string>& warnings) {
    const Config& config = seen.guest.config;
    json value = seen_json(seen);
    value["file"] = config.file();
    value["digest"] = config.digest();
    value["config"] = section_json(config.current);
    value["pending"] = section_json(config.pending);
    value["pending"].erase("delete");
    value["pending_delete"] = config.pending_deletes();
    value["snapshots"] = json::object();
    for (const auto& [name, section] : config.snapshots())
        value["snapshots"][name] = section_json(section);
    value["warnings"] = warnings;
    value["volumes"] = json::array();
    for (const Volume& volume : volumes) {
        json one = {{"key", volume.key}, {"volume", volume.id}};
        if (volume.info.path.empty()) {
            one["problem"] = volume.words;
        } else {
            one["path"] = volume.info.path;
            one["format"] = volume.info.format;
            one["size"] = volume.info.size;
            one["used"] = volume.info.used;
        }
        value["volumes"].push_back(std::move(one));
    }
    return value;
}

std::string tail(std::string_view text, size_t lines) {
    size_t from = text.size();
    if (from > 0 && text[from - 1] == '\n') --from;
    for (size_t i = 0; i < lines && from != std::string_view::npos && from > 0; ++i)
        from = text.rfind('\n', from - 1);
    if (from == std::string_view::npos || from == 0) return std::string(text);
    return std::string(text.substr(from + 1));
}

}  // namespace

Report list_report(Engine& engine, const Values& words) {
    std::vector<Seen> all = seen_guests(engine, words);
    std::vector<std::vector<std::string>> rows;
    for (const Seen& seen : all) {
        const Sighting& sighting = seen.sighting;
        rows.push_back({std::to_string(seen.guest.id), fit_text(printable(seen.guest.name), 24),
                        std::string(seen.guest.kind->name()),
                        std::string(guest_state_word(sighting.state)), memory_words(seen),
                        is_up(sighting) ? short_duration(sighting.uptime) : "",
                        fit_text(printable(join(notes_of(seen), ", ")), 24)});
    }
    if (rows.empty() && words.list("guests").empty() && !words.flag("running"))
        return {"no guests yet\n", "[]\n"};
    return {format_table({"-ID", "NAME", "KIND", "STATE", "-MEM", "-UP", "NOTE"}, rows),
            {},
            [all = std::move(all)] {
                json value = json::array();
                for (const Seen& seen : all)
                    value.push_back(seen_json(seen));
                return json_text(value);
            }};
}

Report show_report(Engine& engine, const Values& words) {
    Seen seen{guest_of(engine, words), {}};
    seen.sighting = seen.guest.kind->look(engine, seen.guest);
    seen.use = use_of(engine, seen.guest, seen.sighting);
    const auto volumes = volumes_of(engine, seen.guest);
    std::vector<std::string> warnings;
    if (seen.guest.unreadable.empty()) warnings = seen.guest.kind->warnings(engine, seen.guest);
    return {show_text(seen, volumes, warnings), json_text(show_json(seen, volumes, warnings))};
}

Report state_report(Engine& engine, const Values& words) {
    const Guest guest = guest_of(engine, words);
    const Sighting sighting = guest.kind->look(engine, guest);
    const std::string state(guest_state_word(sighting.state));
    return {state + "\n", json_text({{"id", guest.id}, {"state", state}})};
}

Report config_report(Engine& engine, const Values& words) {
    const Guest guest = guest_of(engine, words);
    std::string text = guest.config.text();
    if (!text.empty() && text.back() != '\n') text += '\n';
    json value = {{"file", guest.config.file()},
                  {"digest", guest.config.digest()},
                  {"config", section_json(guest.config.current)},
                  {"pending", section_json(guest.config.pending)},
                  {"problems", problems_json(guest.config)}};
    return {text, json_text(value)};
}

Report command_report(Engine& engine, const Values& words) {
    const Guest guest = guest_of(engine, words);
    std::string text = guest.kind->show_command(engine, guest);
    if (!text.empty() && text.back() != '\n') text += '\n';
    return {text, json_text({{"id", guest.id}, {"command", text}})};
}

Report log_report(Engine& engine, const Values& words) {
    const Guest guest = guest_of(engine, words);
    const bool console = words.flag("console");
    const char* own = guest.kind->name() == "ct" ? "/lxc.log" : "/qemu.log";
    const std::string file =
        guest_log_folder(engine.host, guest.id) + (console ? "/serial0.log" : own);
    const int64_t lines = words.integer("lines");
    if (lines < 1) fail(Exit::usage, "--lines {} is not allowed: 1 or more", lines);
    if (!engine.host.exists(file))
        return {fmt::format("no log of {} yet: {}\n", guest_words(guest), file), "[]\n"};
    std::string last;
    int64_t end = 0;
    if (console)
        last = scrollback_lines(file, static_cast<size_t>(lines), end);
    else
        last = tail(engine.host.read(file).value_or(""), static_cast<size_t>(lines));
    // A terminal's "back to the line's start" before a line feed says nothing in a log.
    last.erase(std::remove(last.begin(), last.end(), '\r'), last.end());
    if (!last.empty() && last.back() != '\n') last += '\n';
    auto all = split(last, '\n');
    if (!all.empty() && all.back().empty()) all.pop_back();
    return {last, json_text(json(all))};
}

}  // namespace lodge
