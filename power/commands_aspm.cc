#include <nlohmann/json.hpp>

#include "engine/commands/common.h"
#include "engine/units.h"
#include "power/aspm.h"
#include "power/aspm_links.h"
#include "power/command_tables.h"
#include "power/kernel.h"

namespace lodge {

using nlohmann::json;

namespace {

std::string states_words(unsigned states, unsigned substates) {
    std::string words;
    const auto add = [&](bool has, const char* word) {
        if (has) words += (words.empty() ? "" : "+") + std::string(word);
    };
    add(states & 1u, "L0s");
    add(states & 2u, "L1");
    add(substates & 8u, "L1.1");
    add(substates & 4u, "L1.2");
    return words.empty() ? "-" : words;
}

json end_json(const std::optional<LinkEnd>& end) {
    if (!end) return nullptr;
    return {{"supports", states_words(end->supported, end->substates)},
            {"on", states_words(end->enabled, end->substates_on)},
            {"l0s_exit_ns", end->l0s_exit_ns},
            {"l1_exit_ns", end->l1_exit_ns},
            {"l0s_acceptable_ns", end->l0s_takes_ns},
            {"l1_acceptable_ns", end->l1_takes_ns},
            {"clock_pm", end->clock_pm},
            {"width", end->width},
            {"speed", end->speed}};
}

std::string end_words(const std::optional<LinkEnd>& end, bool on) {
    if (!end) return "?";
    return on ? states_words(end->enabled, end->substates_on)
              : states_words(end->supported, end->substates);
}

Report links_words(Engine& engine, const Values&) {
    const Host& host = engine.host;
    json all = json::array();
    std::vector<std::vector<std::string>> rows;
    std::string notes;
    for (const aspm::LinkFacts& link : aspm::read_links(host)) {
        json attributes = json::object();
        for (const auto& [name, value] : link.attributes)
            attributes[name] = value;
        const std::string differs = aspm::disagreement(link);
        json one = {{"device", link.lower.address},    {"port", link.upper.address},
                    {"words", link.lower.words()},     {"device_end", end_json(link.low)},
                    {"port_end", end_json(link.high)}, {"attributes", attributes},
                    {"against", link.against}};
        if (!differs.empty()) one["disagreement"] = differs;
        all.push_back(std::move(one));
        rows.push_back({link.lower.address, end_words(link.low, false), end_words(link.high, false),
                        end_words(link.low, true), end_words(link.high, true),
                        printable(link.lower.words())});
        for (const std::string& words : link.against)
            notes += "  " + link.lower.address + ": " + words + "\n";
        if (!differs.empty()) notes += "  " + link.lower.address + ": " + differs + "\n";
    }
    const std::string policy = kernel::chosen(kernel::text(host, std::string(aspm::policy_file)));
    const std::string held = aspm::held_by(host);
    std::string text = policy.empty() ? "this kernel has no ASPM\n" : "policy " + policy + "\n";
    if (!held.empty()) text += held + "\n";
    if (!rows.empty())
        text += format_table({"DEVICE", "CAN", "PORT CAN", "ON", "PORT ON", "WHAT"}, rows);
    if (!notes.empty()) text += "against L1\n" + notes;
    return {text, json_text({{"policy", policy}, {"held", held}, {"links", all}})};
}

}  // namespace

std::vector<Command> aspm_command_table() {
    return {{.subject = "power",
             .verb = "links",
             .label = "PCIe links",
             .help = "Shows both ends of each PCIe link: what they can, what is on, and what "
                     "speaks against their sleep.",
             .show = links_words,
             .more = "This reads the configuration space of devices that are awake; those that "
                     "sleep are left alone."}};
}

}  // namespace lodge
