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

// HeatWatch warns of heat, and lowers guests' CPU weight while the rule says so.
class HeatWatch {
  public:
    explicit HeatWatch(Engine& engine)
        : engine_(engine),
          sensors_(engine.host, machine_sensors(engine.host)),
          weights_(engine.host) {
        on_ = weights_.lowered();  // whoever was here before us did not end in order
    }
    ~HeatWatch() {
        try {
            weights_.put_back();
        } catch (const Error& error) {
            say(error.what());
        }
    }

    void look() {
        const auto& hottest = sensors_.hottest(std::chrono::steady_clock::now());
        warn(hottest);
        const auto rule = read_power_config(engine_.host).heat;
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

  private:
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
        for (const std::string& trouble : weights_.lower(running_guests(engine_), rule.weight))
            if (told_.insert(trouble).second) say(trouble);
    }

    Engine& engine_;
    SensorLook sensors_;
    GuestWeights weights_;
    std::set<std::string> told_;
    bool on_ = false, warned_ = false;
};

int keep(Engine& engine, const Values&) {
    const FileLock alone(engine.host.run_folder() + "/keeper.lock", "the keeper runs already", 0ms);
    Loop loop;
    HeatWatch heat(engine);
    heat.look();
    const auto looks = loop.every(5s, 1s, [&] { heat.look(); });
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
             "the heat rule of power.cfg (lodge power config heat-above 85). Guests get their "
             "CPU weight back when it is cooler, when the keeper ends, and by the next one when "
             "it was killed. systemctl enable --now lodge-keeper starts it with the machine."},
    };
    return table;
}

}  // namespace lodge
