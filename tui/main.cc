#include <string>
#include <vector>

#include "engine/modules.h"
#include "passthrough/passthrough.h"
#include "power/power.h"
#include "power/sight.h"
#include "tui/words_run.h"

int main(int argc, char** argv) {
    using namespace lodge;
    const std::span<const Command> tables[] = {
        guest_commands(),   snapshot_commands(), disk_commands(),  storage_commands(),
        network_commands(), image_commands(),    job_commands(),   tui_commands(),
        demo_commands(),    trial_commands(),    power_commands(), power_sight_commands(),
        keeper_commands(),  device_commands(),   boot_commands(),
    };
    std::vector<std::span<const ActionKind>> verbs = engine_actions();
    verbs.push_back(power_actions());
    for (const auto& table : passthrough_action_tables())
        verbs.push_back(table);
    return run_words(tables, Actions(std::move(verbs)), passthrough_devices(),
                     std::vector<std::string>(argv + 1, argv + argc));
}
