#include <algorithm>
#include <array>

#include "engine/vm/argv.h"

namespace lodge {
namespace {

struct Elsewhere {
    std::string_view key;  // "onboot", or a part: "scsi.backup"
    std::string_view who;
};
constexpr std::array kElsewhere = {
    Elsewhere{"agent.freeze-fs", "the snapshot and the backup ask for it"},
    Elsewhere{"autostart", "the format itself no longer uses it"},
    Elsewhere{"cicustom", "the cloud-init seed holds it"},
    Elsewhere{"cipassword", "the cloud-init seed holds it"},
    Elsewhere{"citype", "the cloud-init seed follows it"},
    Elsewhere{"ciupgrade", "the cloud-init seed holds it"},
    Elsewhere{"ciuser", "the cloud-init seed holds it"},
    Elsewhere{"cpulimit", "the guest's cgroup enforces it"},
    Elsewhere{"cpuunits", "the guest's cgroup enforces it"},
    Elsewhere{"description", "it is for people"},
    Elsewhere{"efidisk0.format", "the storage knows the format of the volume"},
    Elsewhere{"efidisk0.size", "the volume has its size"},
    Elsewhere{"hookscript", "the start and the stop run it"},
    Elsewhere{"hostpci.driver", "the start looks at it before it binds the device"},
    Elsewhere{"hostpci.mapping", "the start chooses a device by it"},
    Elsewhere{"hostpci.mdev", "the start makes the mediated device"},
    Elsewhere{"hostpci.romfile", "the start finds the file"},
    Elsewhere{"hotplug", "a change of the running guest follows it"},
    Elsewhere{"ipconfig", "the cloud-init seed holds it"},
    Elsewhere{"lock", "commands look at it"},
    Elsewhere{"meta", "it tells how the file came to be"},
    Elsewhere{"migrate_downtime", "there is no other machine to move to"},
    Elsewhere{"migrate_speed", "there is no other machine to move to"},
    Elsewhere{"nameserver", "the cloud-init seed holds it"},
    Elsewhere{"onboot", "the keeper follows it at boot"},
    Elsewhere{"parent", "the tree of snapshots is made of it"},
    Elsewhere{"protection", "commands look at it"},
    Elsewhere{"running-nets-host-mtu", "the resume from saved memory looks at it"},
    Elsewhere{"runningcpu", "the resume from saved memory takes it"},
    Elsewhere{"runningmachine", "the resume from saved memory takes it"},
    Elsewhere{"searchdomain", "the cloud-init seed holds it"},
    Elsewhere{"shares", "ballooning between guests looks at it"},
    Elsewhere{"snapstate", "the snapshot's own mark"},
    Elsewhere{"snaptime", "the snapshot's own mark"},
    Elsewhere{"sshkeys", "the cloud-init seed holds it"},
    Elsewhere{"startup", "the keeper follows it at boot"},
    Elsewhere{"tags", "they are for people"},
    Elsewhere{"tdf", "the format itself no longer uses it"},
    Elsewhere{"template", "commands look at it"},
    Elsewhere{"tpmstate0.format", "the storage knows the format of the volume"},
    Elsewhere{"tpmstate0.size", "the volume has its size"},
    Elsewhere{"unused", "it is a volume that the guest does not use"},
    Elsewhere{"vmstate", "the resume from saved memory takes it"},
    Elsewhere{"vmstatestorage", "saving memory looks at it"},
};
// The parts of a disk of any bus.
constexpr std::array kDiskElsewhere = {
    Elsewhere{"backup", "the backup looks at it"},
    Elsewhere{"format", "the storage knows the format of the volume"},
    Elsewhere{"replicate", "there is no other machine to copy to"},
    Elsewhere{"size", "the volume has its size"},
};

}  // namespace

std::string_view vm_key_elsewhere(std::string_view key) {
    const auto* found = std::find_if(kElsewhere.begin(), kElsewhere.end(),
                                     [&](const Elsewhere& one) { return one.key == key; });
    if (found != kElsewhere.end()) return found->who;
    const size_t dot = key.find('.');
    if (dot == std::string_view::npos) return {};
    const std::string_view stem = key.substr(0, dot);
    if (const std::string_view whole = vm_key_elsewhere(stem); !whole.empty()) return whole;
    if (stem != "ide" && stem != "sata" && stem != "scsi" && stem != "virtio") return {};
    for (const Elsewhere& one : kDiskElsewhere)
        if (one.key == key.substr(dot + 1)) return one.who;
    return {};
}

}  // namespace lodge
