#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <set>

#include "engine/commands/common.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/loop.h"
#include "power/guest_weights.h"
#include "power/heat.h"
#include "power/power_config.h"
#include "power/profile_switch.h"
#include "power/sensors.h"
#include "power/sight.h"

namespace lodge {
namespace {

using namespace std::chrono_literals;

std::vector<std::pair<int, pid_t>> running_guests(Engine& engine) {
    std::vector<std::pair<int, pid_t>> running;
    for (const Guest& guest : list_guests(engine)) {
        const Sighting seen = guest.kind->look(engine, guest);
        if (seen.pid > 0) running.emplace_back(guest.id, seen.pid);
    }
    return running;
}

// Watch warns of heat, lowers guests' CPU weight while the rule says so, and lets profiles stand
// in.
class Watch {
  public:
    explicit Watch(Engine& engine)
        : engine_(engine),
          sensors_(engine.host, machine_sensors(engine.host)),
          weights_(engine.host),
          profile_(engine) {
        on_ = weights_.lowered();  // whoever was here before us did not end in order
    }
    ~Watch() {
        try {
            tell(profile_.turn(""));
            weights_.put_back();
        } catch (const Error& error) {
            say(error.what());
        }
    }

    void look() {
        const PowerConfig config = read_power_config(engine_.host);
        look_at_heat(config);
        look_at_conditions(config);
    }

  private:
    void look_at_heat(const PowerConfig& config) {
        const auto& hottest = sensors_.hottest(std::chrono::steady_clock::now());
        warn(hottest);
        const auto& rule = config.heat;
        HeatSwitch heat(rule ? rule->above : 1000, rule ? rule->below : 1000);
        heat.set(on_ && rule.has_value());
        const bool on = heat.feel(hottest ? std::optional(hottest->value) : std::nullopt);
        if (on) lower(*rule, hottest, !on_);
        if (!on && on_) {
            weights_.put_back();
            say(fmt::format("{}: guests have their CPU weight back", celsius(hottest)));
        }
        on_ = on;
    }
    void look_at_conditions(const PowerConfig& config) {
        const bool any =
            !config.idle_profile.empty() || (config.heat && !config.heat->profile.empty());
        const size_t guests = config.idle_profile.empty() ? 1 : running_guests(engine_).size();
        const std::string wanted =
            any ? conditions_.wanted(config, on_, guests, std::chrono::steady_clock::now()) : "";
        const std::string before = profile_.now();
        tell(profile_.turn(wanted));
        if (profile_.now() == before) return;
        if (profile_.now().empty())
            say(fmt::format("the profile {} is over", before));
        else
            say(fmt::format("the profile {} stands in: {}", profile_.now(),
                            on_ ? "it is hot" : "no guest runs"));
    }
    void tell(const std::vector<std::string>& troubles) {
        for (const std::string& trouble : troubles)
            if (told_.insert(trouble).second) say(trouble);
    }
    static void say(const std::string& line) {
        fmt::print("{}\n", line);
        std::fflush(stdout);
    }
    static std::string celsius(const std::optional<SensorView>& hottest) {
        return hottest ? fmt::format("{:.0f} C", hottest->value) : "no sensor";
    }
    void warn(const std::optional<SensorView>& hottest) {
        const bool near = hottest && is_near_limit(*hottest);
        if (near && !warned_)
            say(
                fmt::format("warning: {} is near to the {:.0f} C from which on the processor is "
                            "slowed down",
                            celsius(hottest), limit_of(*hottest).value_or(hottest->value)));
        warned_ = near;
    }
    // New guests are lowered as well; what cannot be done is said once.
    void lower(const HeatRule& rule, const std::optional<SensorView>& hottest, bool first) {
        if (first)
            say(fmt::format("{}: guests' CPU weight is {} until it is below {:.0f} C",
                            celsius(hottest), rule.weight, rule.below));
        tell(weights_.lower(running_guests(engine_), rule.weight));
    }

    Engine& engine_;
    SensorLook sensors_;
    GuestWeights weights_;
    ProfileSwitch profile_;
    Conditions conditions_;
    std::set<std::string> told_;
    bool on_ = false, warned_ = false;
};

int keep(Engine& engine, const Values&) {
    const FileLock alone(engine.host.run_folder() + "/keeper.lock", "the keeper runs already", 0ms);
    Loop loop;
    Watch watch(engine);
    watch.look();
    const auto looks = loop.every(5s, 1s, [&] { watch.look(); });
    const auto term = loop.on_signal(SIGTERM, [&] { loop.stop(0); });
    const auto interrupt = loop.on_signal(SIGINT, [&] { loop.stop(0); });
    return loop.run();
}

}  // namespace

std::span<const Command> keeper_commands() {
    static const std::vector<Command> table = {
        {.subject = "keeper",
         .verb = "run",
         .label = "Keeper",
         .help =
             "Watches what has to be watched while nobody looks: heat, and what to do about it.",
         .run = keep,
         .more =
             "It warns when the processor is near to being slowed down by its heat, and follows "
             "the heat rule of power.cfg (lodge power config heat-above 85): guests have less CPU "
             "weight meanwhile, and the profile heat-profile stands in. While no guest runs, "
             "idle-profile does. What was before is put back when the condition is over, when the "
             "keeper ends, and by the next one when it was killed; of a profile only what has no "
             "risk is set. systemctl enable --now lodge-keeper starts it with the machine."},
    };
    return table;
}

}  // namespace lodge
