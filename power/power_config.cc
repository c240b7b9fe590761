#include "power/power_config.h"

#include <algorithm>

#include "engine/error.h"
#include "engine/host.h"
#include "engine/state/figures.h"
#include "engine/units.h"
#include "power/profile.h"

namespace lodge {
namespace {

std::optional<double> number_within(std::string_view value, double least, double most) {
    const auto number = parse_number(value);
    return number && *number >= least && *number <= most ? number : std::nullopt;
}

// "" when the file may hold it.
std::string take(PowerConfig& config, HeatRule& heat, std::string_view key,
                 std::string_view value) {
    if (key == "tariff") {
        config.tariff = number_within(value, 0, 1000);
        return config.tariff ? "" : "money a kWh, such as 0.32";
    }
    if (key == "currency") {
        config.currency = std::string(value);
        return value.size() <= 8 && printable(value) == value ? "" : "a short word, such as EUR";
    }
    if (key == "watts") {
        config.watts = parse_watts(value);
        return config.watts ? "" : "what the meter at the wall said, such as 12.5";
    }
    if (key == "watts-command") {
        config.watts_command = std::string(value);
        return "";
    }
    if (key == "heat-above" || key == "heat-below") {
        const auto celsius = number_within(value, 20, 120);
        if (!celsius) return "a temperature from 20 to 120";
        (key == "heat-above" ? heat.above : heat.below) = *celsius;
        return "";
    }
    if (key == "heat-weight") {
        const auto weight = parse_integer(value);
        if (!weight || *weight < 1 || *weight > 10000) return "a whole number from 1 to 10000";
        heat.weight = *weight;
        return "";
    }
    if (key == "heat-profile" || key == "idle-profile") {
        (key == "heat-profile" ? heat.profile : config.idle_profile) = std::string(value);
        return is_profile_name(value) ? "" : "a name, as lodge power profiles shows them";
    }
    return "no key of this file";
}

struct Pair {
    std::string_view key, value;
};
std::optional<Pair> pair_of(std::string_view line) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    return Pair{trim(line.substr(0, colon)), trim(line.substr(colon + 1))};
}

}  // namespace

const std::vector<PowerKey>& power_keys() {
    static const std::vector<PowerKey> keys = {
        {"tariff", "MONEY", "What a kWh costs, such as 0.32."},
        {"currency", "WORD", "The money's name; EUR when not said."},
        {"watts", "WATTS", "What a meter at the wall said; used where nothing measures."},
        {"watts-command", "COMMAND",
         "A line of shell that prints the watts of a meter outside, such as a socket's."},
        {"heat-above", "CELSIUS", "From this temperature on the heat rule works."},
        {"heat-below", "CELSIUS", "Below this one it ends; 10 below heat-above when not said."},
        {"heat-weight", "WEIGHT",
         "The CPU weight that running guests get meanwhile; usual is 100."},
        {"heat-profile", "PROFILE", "The profile that stands in meanwhile."},
        {"idle-profile", "PROFILE", "The profile that stands in while no guest runs."},
    };
    return keys;
}

PowerConfig parse_power_config(std::string_view text) {
    PowerConfig config;
    HeatRule heat;
    for (int number = 1; !text.empty(); ++number) {
        const std::string_view line = trim(next_line(text));
        if (line.empty() || line.starts_with('#')) continue;
        const auto pair = pair_of(line);
        const std::string wrong =
            pair ? take(config, heat, pair->key, pair->value) : "a line is 'key: value'";
        if (!wrong.empty())
            config.problems.push_back(
                fmt::format("power.cfg:{}: {}: {}", number, printable(line), wrong));
    }
    if (heat.above <= 0) return config;
    if (heat.below <= 0) heat.below = heat.above - 10;
    if (heat.below >= heat.above) {
        config.problems.push_back("power.cfg: heat-below has to be lower than heat-above");
        heat.below = heat.above - 10;
    }
    config.heat = heat;
    return config;
}

std::string power_config_path(const Host& host) {
    return host.config_folder() + "/power.cfg";
}

PowerConfig read_power_config(const Host& host) {
    try {
        return parse_power_config(host.read(power_config_path(host)).value_or(""));
    } catch (const Error& error) {
        PowerConfig config;
        config.problems.emplace_back(error.what());
        return config;
    }
}

std::string with_power_key(std::string_view text, std::string_view key, std::string_view value) {
    const auto& keys = power_keys();
    if (std::none_of(keys.begin(), keys.end(),
                     [&](const PowerKey& one) { return one.key == key; })) {
        std::vector<std::string> names;
        for (const PowerKey& one : keys)
            names.emplace_back(one.key);
        fail(Exit::usage, "there is no '{}' to set; there are: {}", printable(key),
             join(names, ", "));
    }
    if (value.find_first_of("\r\n") != std::string_view::npos)
        fail(Exit::usage, "{}: a value is one line", key);
    PowerConfig tried;
    HeatRule heat;
    const std::string wrong = value.empty() ? "" : take(tried, heat, key, value);
    if (!wrong.empty())
        fail(Exit::usage, "{}: '{}' is not allowed: {}", key, printable(value), wrong);
    std::string changed;
    bool done = value.empty();
    while (!text.empty()) {
        const std::string_view line = next_line(text);
        const auto pair = pair_of(line);
        if (!pair || pair->key != key || trim(line).starts_with('#')) {
            changed += std::string(line) + "\n";
        } else if (!done) {
            changed += fmt::format("{}: {}\n", key, value);
            done = true;
        }
    }
    if (!done) changed += fmt::format("{}: {}\n", key, value);
    return changed;
}

std::optional<double> parse_watts(std::string_view text) {
    text = trim(text);
    const size_t end = std::min(text.find_first_not_of("0123456789.+-eE"), text.size());
    const auto number = parse_number(text.substr(0, end));
    const std::string_view unit = trim(text.substr(end));
    if (!number) return std::nullopt;
    double watts = *number;
    if (unit == "mW")
        watts /= 1000;
    else if (unit == "kW")
        watts *= 1000;
    else if (!unit.empty() && unit != "W" && unit != "watts")
        return std::nullopt;
    return watts >= 0 && watts <= 100000 ? std::optional(watts) : std::nullopt;
}

}  // namespace lodge
