#include "power/power.h"

namespace lodge {

std::span<const Command> power_commands() {
    return {};
}

std::span<const ActionKind> power_actions() {
    return {};
}

}  // namespace lodge
