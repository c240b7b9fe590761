#include "power/profile.h"

#include <algorithm>

#include "engine/error.h"
#include "engine/units.h"

namespace lodge {
namespace {

struct BuiltIn {
    std::string_view name, text;
};

constexpr BuiltIn built_in[] = {
    {"performance",
     "description: As fast as it goes, whatever it draws.\n"
     "cpu.governor: performance\n"
     "cpu.epb: 0\n"
     "cpu.boost: 1\n"
     "cpu.no-turbo: 0\n"
     "platform.profile: performance balanced-performance\n"},
    {"balanced",
     "description: Fast when there is work, thrifty when there is none.\n"
     "cpu.governor: thrifty\n"
     "cpu.epp: balance_performance\n"
     "cpu.epb: 6\n"
     "cpu.min-freq: thrifty\n"
     "cpu.boost: 1\n"
     "cpu.no-turbo: 0\n"
     "cpu.idle-off: 0\n"
     "sata.link: med_power_with_dipm\n"
     "audio.power-save: 1\n"
     "platform.profile: balanced\n"},
    {"powersave",
     "description: Sips power; guests may be a little slower to answer.\n"
     "cpu.governor: thrifty\n"
     "cpu.epp: power balance_power\n"
     "cpu.epb: 8\n"
     "cpu.min-freq: thrifty\n"
     "cpu.idle-off: 0\n"
     "sata.link: med_power_with_dipm\n"
     "audio.power-save: 1\n"
     "audio.controller: Y\n"
     "kernel.nmi-watchdog: 0\n"
     "kernel.writeback: 1500\n"
     "pci.runtime-pm: auto\n"
     "usb.suspend: auto\n"
     "platform.profile: low-power quiet balanced\n"},
    {"silent",
     "description: Cool and quiet: no turbo, so that fans stay slow under load.\n"
     "cpu.governor: thrifty\n"
     "cpu.epp: power balance_power\n"
     "cpu.epb: 15\n"
     "cpu.min-freq: thrifty\n"
     "cpu.boost: 0\n"
     "cpu.no-turbo: 1\n"
     "cpu.idle-off: 0\n"
     "platform.profile: quiet low-power cool balanced\n"},
};

bool is_known_kind(std::string_view id) {
    const auto kinds = knob_kinds();
    return std::any_of(kinds.begin(), kinds.end(),
                       [&](const KnobKind& kind) { return kind.id == id; });
}

}  // namespace

bool is_profile_name(std::string_view name) {
    return !name.empty() && name.size() <= 40 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_';
    });
}

Profile parse_profile(std::string_view name, std::string_view text) {
    Profile profile;
    profile.name = name;
    size_t number = 0;
    for (const std::string& raw : split(text, '\n')) {
        ++number;
        const std::string_view line = trim(raw);
        if (line.empty() || line[0] == '#') continue;
        const auto colon = line.find(": ");
        const std::string key(trim(line.substr(0, colon)));
        if (colon == std::string_view::npos || trim(line.substr(colon + 2)).empty())
            fail(Exit::usage, "line {} is no setting: KNOB: VALUE, as cpu.governor: powersave",
                 number);
        const std::string value(trim(line.substr(colon + 2)));
        if (printable(value) != value)
            fail(Exit::usage, "line {}: this value has characters that no knob takes", number);
        if (key == "description") {
            profile.description = value;
            continue;
        }
        const std::string id = key.substr(0, key.find('@'));
        if (!is_known_kind(id))
            fail(Exit::usage, "line {}: there is no knob '{}'; lodge power list shows them", number,
                 printable(id));
        profile.settings.emplace_back(key, value);
    }
    return profile;
}

std::string print_profile(const Profile& profile) {
    std::string text;
    if (!profile.description.empty()) text += "description: " + profile.description + "\n";
    for (const auto& [knob, value] : profile.settings)
        text += knob + ": " + value + "\n";
    return text;
}

std::string profile_path(const Host& host, std::string_view name) {
    return host.config_folder() + "/power/profiles/" + std::string(name);
}

Profile load_profile(const Host& host, std::string_view name) {
    if (is_profile_name(name)) {
        const std::string path = profile_path(host, name);
        if (const auto text = host.read(path)) {
            try {
                Profile profile = parse_profile(name, *text);
                profile.own = true;
                return profile;
            } catch (const Error& trouble) {
                fail(trouble.exit(), "{}: {}", path, trouble.what());
            }
        }
        for (const BuiltIn& one : built_in)
            if (one.name == name) return parse_profile(name, one.text);
    }
    std::vector<std::string> names;
    for (const Profile& one : list_profiles(host))
        names.push_back(one.name);
    fail(Exit::not_found, "there is no profile '{}'; there are {}", printable(name),
         join(names, ", "));
}

std::vector<Profile> list_profiles(const Host& host) {
    std::vector<Profile> profiles;
    std::vector<std::string> names;
    for (const BuiltIn& one : built_in)
        names.emplace_back(one.name);
    for (const std::string& name : host.list(host.config_folder() + "/power/profiles"))
        if (is_profile_name(name) && std::find(names.begin(), names.end(), name) == names.end())
            names.push_back(name);
    for (const std::string& name : names) {
        try {
            profiles.push_back(load_profile(host, name));
        } catch (const Error&) {
            continue;  // said by whoever asks for this one
        }
    }
    return profiles;
}

namespace {

// The first of the profile's words that the knob takes; "" none.
std::string value_for(const Knob& knob, const std::string& words) {
    for (const std::string& word : split(words, ' ')) {
        if (word.empty()) continue;
        const std::string value = word == "thrifty" ? knob.thrifty : word;
        Knob free = knob;
        free.held.clear();
        if (!value.empty() && why_not_value(free, value).empty()) return value;
    }
    return "";
}

// The governor that will rule when the profile is applied: its preference depends on it.
std::string governor_of(const Resolved& resolved, const std::vector<Knob>& knobs) {
    for (const KnobWish& wish : resolved.wishes)
        if (wish.knob.kind->id == "cpu.governor") return wish.value;
    for (const Knob& knob : knobs)
        if (knob.kind->id == "cpu.governor") return knob.value;
    return "";
}

void take(Resolved& resolved, const Knob& knob, const std::string& key, const std::string& words,
          const std::vector<Knob>& knobs) {
    const std::string value = value_for(knob, words);
    if (value.empty()) {
        resolved.left.push_back(fmt::format("{}: it takes {}, not {}", knob.name(),
                                            allowed_words(knob), printable(words)));
        return;
    }
    if (knob.value == value) return;
    const bool by_place = key.find('@') != std::string::npos;
    if (!by_place && !knob.caution.empty() && value == knob.thrifty) {
        resolved.left.push_back(knob.name() + ": " + knob.caution);
        return;
    }
    const bool preference = knob.kind->id == "cpu.epp";
    const bool fast = preference && governor_of(resolved, knobs) == "performance";
    if (fast || (!knob.held.empty() && !preference)) {
        resolved.left.push_back(knob.name() + ": " + knob.held);
        return;
    }
    resolved.wishes.push_back({knob, value});
}

}  // namespace

Resolved resolve_profile(const Host& host, const Profile& profile) {
    Resolved resolved;
    const std::vector<Knob> knobs = find_knobs(host);
    for (const KnobKind& kind : knob_kinds())
        for (const auto& [key, words] : profile.settings) {
            if (key.substr(0, key.find('@')) != kind.id) continue;
            bool found = false;
            for (const Knob& knob : knobs) {
                if (knob.kind != &kind || (key != kind.id && key != knob.name())) continue;
                found = true;
                take(resolved, knob, key, words, knobs);
            }
            if (!found) resolved.absent.push_back(key);
        }
    return resolved;
}

}  // namespace lodge
