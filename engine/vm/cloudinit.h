#pragma once

#include <map>
#include <string>
#include <string_view>

#include "engine/config.h"
#include "engine/plan.h"

namespace lodge {

class Host;

// Whether the volume of a drive key is a cloud-init drive: "local:cloudinit",
// "local:101/vm-101-cloudinit.qcow2", "lvm:vm-101-cloudinit".
bool is_cloudinit_volume(std::string_view volume);
// Whether a drive of the configuration is a cloud-init drive.
bool wants_cloudinit(const Config& config);
// Writes the guest's seed ISO afresh from its configuration: a step of every start that
// wants_cloudinit(). Its undo is nothing: the file is made again.
Action cloudinit_action(int id);
// Where the seed ISO lies: <run>/guest/<id>/cloudinit.iso.
std::string cloudinit_path(const Host& host, int id);

// What the seed holds, by path in the ISO ("user-data", "meta-data", "network-config"), and the
// label of the ISO. Pure: `snippets` has the content of the volumes that cicustom names,
// `password_hash` is what the password becomes ("" when the config has none).
struct CloudInitSeed {
    std::string label;
    std::map<std::string, std::string> files;
};
CloudInitSeed cloudinit_seed(const Config& config, int id,
                             const std::map<std::string, std::string>& snippets,
                             const std::string& password_hash);

}  // namespace lodge
