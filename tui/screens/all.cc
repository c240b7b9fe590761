#include "tui/screens/all.h"

#include <algorithm>
#include <iterator>

#include "tui/create/wizard.h"
#include "tui/standing.h"

namespace lodge {

std::span<const ScreenKind> screen_kinds() {
    static const ScreenKind kinds[] = {
        {"Guests", '1',
         "The machine's guests: what they do now, and all that can be done with them.",
         make_guests_screen},
        {"Devices", '2',
         "What of this machine could be handed to a guest, by IOMMU group, and what would come of "
         "it.",
         make_devices_screen},
        {"Power", '3', "Watts, heat, how deep the machine idles, and what is in the way of that.",
         make_power_screen},
        {"Storage", '4', "Where volumes are kept, how much is free, and what lies there.",
         make_storage_screen},
        {"Network", '5', "Links and bridges with their ports, addresses, and what they carry.",
         make_network_screen},
        {"Jobs", '7', "All that was done and is being done: how far it is, its log, its plan.",
         make_jobs_screen},
        {"Host", '8', "The machine: CPUs, memory, disks, sensors, and how they did lately.",
         make_host_screen},
    };
    return kinds;
}

std::span<const OwnDialog> own_dialogs() {
    static constexpr OwnDialog dialogs[] = {
        {"guest", "create", make_create_wizard},
    };
    return dialogs;
}

bool shows_secrets(const Command& command) {
    static constexpr std::string_view verbs[] = {"show", "config", "show-command"};
    return command.subject == "guest" &&
           std::find(std::begin(verbs), std::end(verbs), command.verb) != std::end(verbs);
}

std::span<const StandingSource> standing_sources() {
    static const std::vector<StandingSource> sources = {trials_standing, boot_standing};
    return sources;
}

}  // namespace lodge
