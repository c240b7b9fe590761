#include "engine/container/container.h"
#include "engine/container/net.h"
#include "engine/container/rootfs.h"
#include "engine/engine.h"
#include "engine/modules.h"
#include "engine/network/nat.h"
#include "engine/template/catalogue.h"
#include "engine/trial.h"
#include "engine/vm/demo.h"
#include "engine/vm/vm.h"

namespace lodge {

std::vector<std::span<const ActionKind>> engine_actions() {
    return {
        file_actions(),      job_actions(),        storage_actions(),     vm_create_actions(),
        vm_change_actions(), vm_life_actions(),    vm_snapshot_actions(), cloudinit_actions(),
        demo_actions(),      ct_life_actions(),    ct_volume_actions(),   ct_image_actions(),
        ct_file_actions(),   ct_inspect_actions(), ct_inside_actions(),   ct_snapshot_actions(),
        rootfs_actions(),    nat_actions(),        ct_net_actions(),      template_actions(),
        trial_actions(),
    };
}

const Actions& all_actions() {
    static const Actions actions(engine_actions());
    return actions;
}

}  // namespace lodge
