#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

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

// What a seed is made of besides the configuration.
struct CloudInitFacts {
    std::map<std::string, std::string> snippets;  // "user", "meta", "network", "vendor": content
    std::string password_hash;                    // of cipassword; "" when the config has none
    std::vector<std::string> nameservers;  // this machine's, for a guest with a fixed address
    std::string searchdomain;
};

// CloudInitSeed is what the seed ISO holds: its label and files by path ("user-data"). A pure
// function of configuration and facts: nocloud (label cidata), or configdrive2 (label config-2).
struct CloudInitSeed {
    std::string label;
    std::map<std::string, std::string> files;
};
CloudInitSeed cloudinit_seed(const Config& config, int id, const CloudInitFacts& facts);

// The password as cloud-init takes it: as it is when it begins with '$', else its SHA-512 crypt(5)
// hash. The salt comes from `salt_seed`, so that the same password stays the same hash: a changed
// seed makes the guest set itself up again.
std::string cloudinit_password_hash(const std::string& password, std::string_view salt_seed);

// The password as the configuration, and so a job's plan, keeps it: hashed as above, but for
// Windows, which sets the words themselves.
std::string cloudinit_kept_password(const Config& config, int id, const std::string& password);

// The bytes of an ISO 9660 image with Joliet and Rock Ridge names. Throws Error.
std::string iso_image(const CloudInitSeed& seed);

}  // namespace lodge
