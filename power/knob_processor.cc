#include <algorithm>

#include "engine/units.h"
#include "power/kernel.h"
#include "power/knob_find.h"

// K: Documentation/admin-guide/pm/cpufreq.rst, intel_pstate.rst, intel_epb.rst, cpuidle.rst.
//
// Read and written here and not by libcpupower: of a refusal it says only that there was one, where
// a person has to be told whether firmware holds it (EPERM), the governor does (EBUSY) or the value
// is none (EINVAL); it knows neither EPP nor boost; and it reads no other machine than the real
// one.

namespace lodge::find {
namespace {

const std::string cpus = "/sys/devices/system/cpu";

std::vector<std::string> policies(const Host& host) {
    return numbered(host, cpus + "/cpufreq", "policy");
}

std::vector<std::string> in_each(const std::vector<std::string>& folders, const std::string& file) {
    std::vector<std::string> files;
    for (const std::string& folder : folders)
        files.push_back(folder + "/" + file);
    return files;
}

// The words that every policy allows, in the order of the first.
std::vector<std::string> allowed_by_all(const Host& host, const std::vector<std::string>& folders,
                                        const std::string& file) {
    std::vector<std::string> allowed;
    bool first = true;
    for (const std::string& folder : folders) {
        const auto content = kernel::read(host, folder + "/" + file);
        if (!content) continue;
        const auto words = kernel::choices(*content);
        if (first)
            allowed = words;
        else
            std::erase_if(allowed, [&](const std::string& word) {
                return std::find(words.begin(), words.end(), word) == words.end();
            });
        first = false;
    }
    return allowed;
}

void by_policies(const Host& host, Knobs& into, const std::string& file, Knob knob) {
    knob.files = in_each(policies(host), file);
    knob.value = common_value(host, knob.files);
    if (!knob.files.empty()) into.push_back(std::move(knob));
}

void frequency(const Host& host, Knobs& into, const std::string& file, bool upper) {
    Knob knob;
    long long least = 0, most = 0;
    for (const std::string& policy : policies(host)) {
        const auto low = kernel::number(host, policy + "/cpuinfo_min_freq");
        const auto high = kernel::number(host, policy + "/cpuinfo_max_freq");
        if (!low || !high) continue;
        least = least == 0 ? *low : std::min(least, *low);
        most = std::max(most, *high);
    }
    if (most == 0) return;
    knob.range = {least, most};
    // A minimum above the lowest keeps every core fast for nothing; a lower maximum saves heat,
    // rarely energy, so that Lodge has no opinion of it.
    if (!upper) knob.thrifty = std::to_string(least);
    by_policies(host, into, file, std::move(knob));
    if (into.empty() || upper) return;
    Knob& found = into.back();
    const auto value = parse_integer(found.value);
    if (value && *value == least) found.state = KnobState::good;
}

void switch_in(const Host& host, Knobs& into, const std::string& file) {
    words_in(host, into, file, {"0", "1"}, "");
}

}  // namespace

void governor(const Host& host, Knobs& into) {
    const auto folders = policies(host);
    if (folders.empty()) return;
    Knob knob;
    knob.allowed = allowed_by_all(host, folders, "scaling_available_governors");
    // With the processor's own frequency control, powersave is the one that scales; with the
    // others it stays at the lowest frequency (K: intel_pstate.rst, cpufreq.rst).
    const bool scales_itself =
        kernel::exists(host, folders[0] + "/energy_performance_preference") ||
        kernel::text(host, folders[0] + "/scaling_driver") == "intel_pstate";
    knob.thrifty = first_allowed(
        scales_itself ? std::vector<std::string>{"powersave"}
                      : std::vector<std::string>{"schedutil", "ondemand", "conservative"},
        knob.allowed);
    by_policies(host, into, "scaling_governor", std::move(knob));
}

void epp(const Host& host, Knobs& into) {
    const auto folders = policies(host);
    Knob knob;
    knob.allowed = allowed_by_all(host, folders, "energy_performance_available_preferences");
    if (knob.allowed.empty()) return;
    knob.thrifty = first_allowed({"balance_power", "power"}, knob.allowed);
    for (const std::string& folder : folders)
        if (kernel::text(host, folder + "/scaling_governor") == "performance") {
            // K: intel_pstate.c store_energy_performance_preference: -EBUSY
            knob.held =
                "the governor performance allows no other preference; change cpu.governor "
                "first";
            break;
        }
    by_policies(host, into, "energy_performance_preference", std::move(knob));
    if (!into.empty() && into.back().value == "power") into.back().state = KnobState::good;
}

void epb(const Host& host, Knobs& into) {
    Knob knob;
    knob.files = in_each(numbered(host, cpus, "cpu"), "power/energy_perf_bias");
    knob.value = common_value(host, knob.files);
    if (knob.files.empty()) return;
    knob.range = {0, 15};
    knob.thrifty = "8";
    const auto value = parse_integer(knob.value);
    if (value && *value >= 6) knob.state = KnobState::good;
    into.push_back(std::move(knob));
}

void min_freq(const Host& host, Knobs& into) {
    frequency(host, into, "scaling_min_freq", false);
}

void max_freq(const Host& host, Knobs& into) {
    frequency(host, into, "scaling_max_freq", true);
}

void boost(const Host& host, Knobs& into) {
    switch_in(host, into, cpus + "/cpufreq/boost");
}

void no_turbo(const Host& host, Knobs& into) {
    switch_in(host, into, cpus + "/intel_pstate/no_turbo");
}

void intel_pstate(const Host& host, Knobs& into) {
    words_in(host, into, cpus + "/intel_pstate/status", {"active", "passive", "off"}, "");
}

void amd_pstate(const Host& host, Knobs& into) {
    words_in(host, into, cpus + "/amd_pstate/status", {"active", "passive", "guided", "disable"},
             "");
}

void idle_states(const Host& host, Knobs& into) {
    const size_t before = into.size();
    for (const std::string& cpu : numbered(host, cpus, "cpu"))
        for (const std::string& state : numbered(host, cpu + "/cpuidle", "state")) {
            const std::string name = kernel::text(host, state + "/name");
            if (name.empty() || name == "POLL") continue;  // polling is no sleep
            const auto same =
                std::find_if(into.begin() + static_cast<ptrdiff_t>(before), into.end(),
                             [&](const Knob& knob) { return knob.place == name; });
            if (same != into.end()) {
                same->files.push_back(state + "/disable");
                continue;
            }
            Knob& knob = into.emplace_back();
            knob.place = name;
            knob.device = kernel::text(host, state + "/desc");
            knob.allowed = {"0", "1"};
            knob.thrifty = "0";
            knob.files = {state + "/disable"};
        }
    for (size_t i = before; i < into.size(); ++i)
        into[i].value = common_value(host, into[i].files);
    std::erase_if(into, [](const Knob& knob) { return knob.files.empty(); });
}

void online(const Host& host, Knobs& into) {
    for (const std::string& cpu : numbered(host, cpus, "cpu")) {
        const auto value = kernel::read(host, cpu + "/online");
        if (!value) continue;  // the first is fixed on most machines
        Knob& knob = into.emplace_back();
        knob.place = cpu.substr(cpus.size() + 1);
        knob.value = *value;
        knob.allowed = {"0", "1"};
        knob.files = {cpu + "/online"};
    }
}

}  // namespace lodge::find
