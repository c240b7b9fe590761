#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lodge {

class Host;

// HeatRule is what is done by itself when the machine gets hot.
struct HeatRule {
    double above = 0;     // °C: from here on
    double below = 0;     // and until it is colder than this again
    int64_t weight = 20;  // guests' CPU weight meanwhile, 1…10000; usual is 100
    std::string profile;  // that stands in meanwhile, "" none
};

// PowerConfig is power.cfg in Lodge's folder of configuration: lines "key: value".
struct PowerConfig {
    std::optional<double> tariff;  // money a kWh
    std::string currency = "EUR";
    std::optional<double> watts;  // typed in: what a meter at the wall said
    std::string watts_command;    // a line of shell that prints the watts
    std::optional<HeatRule> heat;
    std::string idle_profile;           // that stands in while no guest runs, "" none
    std::vector<std::string> problems;  // lines that could not be taken, in words
};

// Never throws for content.
PowerConfig parse_power_config(std::string_view text);
PowerConfig read_power_config(const Host& host);
std::string power_config_path(const Host& host);

// PowerKey is a key of that file.
struct PowerKey {
    std::string_view key, value, help;
};
const std::vector<PowerKey>& power_keys();
// The text with the key set, or without it when the value is empty; the rest stays as it is. Throws
// Error(Exit::usage) for a key or a value that is not allowed.
std::string with_power_key(std::string_view text, std::string_view key, std::string_view value);

// Watts as a program or a person writes them: "12.3", "12.3 W", "9500 mW", 0 to 100000.
std::optional<double> parse_watts(std::string_view text);

}  // namespace lodge
