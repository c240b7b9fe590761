#include "engine/vm/change.h"

#include "engine/vm/change_actions.h"
#include "engine/vm/vm.h"

namespace lodge {
namespace {

constexpr ActionKind actions[] = {
    {"config-set", run_config_set, shell_config_set},
    {"config-apply-pending", run_apply_pending, shell_apply_pending},
};

}  // namespace

std::span<const ActionKind> vm_change_actions() {
    return actions;
}

}  // namespace lodge
