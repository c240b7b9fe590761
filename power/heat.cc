#include "power/heat.h"

#include <fmt/format.h>

#include <set>

#include "engine/state/figures.h"
#include "power/quiet.h"
#include "power/sensors.h"

namespace lodge {
namespace {

using namespace std::chrono_literals;

constexpr double near = 5;  // °C
constexpr double much = 0.3;

}  // namespace

// Intel's counts since the start (arch/x86/kernel/cpu/mce/therm_throt.c); those of a package are
// the same on each of its CPUs.
int64_t HeatLook::throttle_count() const {
    int64_t count = 0;
    std::set<std::string> packages;
    const std::string top = host_.system("/sys/devices/system/cpu");
    for (const std::string& name : host_.list(top)) {
        if (!name.starts_with("cpu") || !parse_integer(name.substr(3))) continue;
        const std::string cpu = top + "/" + name;
        const auto core = number_of_file(host_, cpu + "/thermal_throttle/core_throttle_count");
        if (!core) continue;
        count += *core;
        if (packages.insert(text_of(host_, cpu + "/topology/physical_package_id")).second)
            count +=
                number_of_file(host_, cpu + "/thermal_throttle/package_throttle_count").value_or(0);
    }
    return count;
}

// The kernel's ways to make less heat (Documentation/driver-api/thermal/): what holds back now.
std::string HeatLook::held_back() const {
    const std::string top = host_.system("/sys/class/thermal");
    for (const std::string& name : host_.list(top)) {
        if (!name.starts_with("cooling_device")) continue;
        const std::string type = text_of(host_, top + "/" + name + "/type");
        const bool processor = type == "Processor" || type == "intel_powerclamp" ||
                               type.starts_with("cpufreq") || type.starts_with("thermal-cpufreq");
        if (!processor) continue;
        const auto step = number_of_file(host_, top + "/" + name + "/cur_state");
        if (step && *step > 0) return type;
    }
    return "";
}

void HeatLook::look(PowerView& view, const Seen& seen, const PowerConfig& config, Time now) {
    if (pace_.due(now))
        pace_.run(now, [&] {
            throttled_ = throttle_count();
            if (before_ && throttled_ > *before_) grew_ = now;
            before_ = throttled_;
            held_ = held_back();
        });
    HeatView& heat = view.heat;
    if (const auto& hottest = seen.host.hottest) {
        heat.now = hottest->value;
        heat.limit = limit_of(*hottest);
    }
    heat.throttled = throttled_;
    heat.slowed_now = !held_.empty() || (grew_ && now - *grew_ < 10s);
    if (heat.slowed_now)
        heat.warning = held_.empty()
                           ? "the processor is slowed down by its heat"
                           : fmt::format("the kernel slows the processor down ({})", held_);
    else if (heat.now && heat.limit && *heat.now >= *heat.limit - near)
        heat.warning =
            fmt::format("{:.0f} C is near to the {:.0f} C from which on it is slowed down",
                        *heat.now, *heat.limit);
    for (const EnergyView& share : view.shares)
        if (share.guest != 0 && share.share >= much && heat.by.empty())
            heat.by = fmt::format("{} ({}) has {:.0f}% of the busy time", share.guest, share.name,
                                  share.share * 100);
    if (config.heat) heat.rule = heat_rule_words(*config.heat);
}

bool HeatSwitch::feel(std::optional<double> celsius) {
    if (celsius && *celsius >= above_) on_ = true;
    if (celsius && *celsius < below_) on_ = false;
    return on_;
}

std::string heat_rule_words(const HeatRule& rule) {
    return fmt::format(
        "from {:.0f} C on the guests' CPU weight is {}{}, until it is below {:.0f} C", rule.above,
        rule.weight, rule.profile.empty() ? "" : " and the profile " + rule.profile, rule.below);
}

}  // namespace lodge
