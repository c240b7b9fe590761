#include "tui/screens/hardware_add.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/units.h"
#include "engine/vm/change.h"
#include "tui/app.h"

namespace lodge {
namespace {

constexpr HardwareAddition additions[] = {
    {"New disk", "scsi", "", "disk create", "An empty disk, on a storage of this machine."},
    {"Disk that is there", "scsi", "", "disk attach", "A volume, or one that was detached."},
    {"Disk image", "scsi", "", "disk import", "A copy of an image: qcow2, raw, vmdk, vhdx, vdi."},
    {"Cloud-init drive", "ide sata", "@:cloudinit,media=cdrom", "",
     "Tells a cloud image its name, who can log in and its addresses."},
    {"CD drive", "ide sata", "none,media=cdrom", "", "Empty, or with an ISO."},
    {"Network card", "net", "", "", "On a bridge, or with a network of its own."},
    {"Port to the guest", "hostfwd", "", "", "A port of this machine that leads to the guest."},
    {"Mount", "mp", "", "", "A volume or a folder of this machine, inside the container."},
    {"USB device", "usb", "", "", "A device of this machine, by its number or its port."},
    {"PCI device", "hostpci", "", "", "A device of this machine, by its address."},
    {"Device", "dev", "", "", "A device file of this machine, such as /dev/dri/renderD128."},
    {"UEFI variables", "efidisk0", "@:1,efitype=4m", "",
     "Where UEFI keeps its boot order and keys; it boots by UEFI with bios: ovmf."},
    {"TPM", "tpmstate0", "@:1,version=v2.0", "", "A TPM's memory; Windows 11 wants one."},
    {"Sound card", "audio0", "device=ich9-intel-hda,driver=none", "", "A sound card."},
    {"Random numbers", "rng0", "source=/dev/urandom", "", "A source of random numbers."},
    {"Watchdog", "watchdog", "model=i6300esb,action=reset", "", "Restarts a guest that hangs."},
};

std::vector<std::string> bridges(App& app) {
    app.state().look_at_links();
    std::vector<std::string> names;
    for (const LinkView& link : app.state().seen().links)
        if (link.kind == "bridge") names.push_back(link.name);
    return names;
}

// The first storage that takes disks.
std::string disk_storage(App& app) {
    app.state().look_at_storages();
    for (const StorageView& storage : app.state().seen().storages)
        if (storage.active() && std::find(storage.contents.begin(), storage.contents.end(),
                                          "images") != storage.contents.end())
            return storage.id;
    return "local";
}

// What people give to containers, of that which this machine has.
std::vector<std::string> device_nodes(const Host& host) {
    std::vector<std::string> nodes;
    const auto add = [&](const std::string& folder, std::string_view begin) {
        for (const std::string& name : host.list(host.system(folder)))
            if (name.starts_with(begin)) nodes.push_back(folder + "/" + name);
    };
    add("/dev/dri", "renderD");
    add("/dev/net", "tun");
    for (const std::string_view one : {"ttyUSB", "ttyACM", "kvm", "fuse", "video", "apex_"})
        add("/dev", one);
    return nodes;
}

std::vector<std::string> isos(App& app) {
    app.state().look_at_storages();
    std::vector<std::string> names;
    for (const StorageView& storage : app.state().seen().storages)
        for (const VolumeView& volume : storage.volumes)
            if (volume.info.content == "iso") names.push_back(volume.info.id);
    names.emplace_back("none");
    return names;
}

}  // namespace

std::vector<std::reference_wrapper<const HardwareAddition>> hardware_additions(
    const Schema& schema) {
    std::vector<std::reference_wrapper<const HardwareAddition>> known;
    for (const HardwareAddition& one : additions) {
        const std::string stem = split(one.stems, ' ').front();
        if (schema.find(stem) != nullptr || schema.find(stem + "0") != nullptr)
            known.emplace_back(one);
    }
    return known;
}

std::string key_for_addition(const HardwareAddition& addition, const Config& config,
                             const HardwareEdits& edits) {
    for (const std::string& stem : split(addition.stems, ' ')) {
        const Field* plain = config.schema().find(stem);
        if (plain != nullptr) {
            const auto wish = edits.wishes.find(stem);
            const bool wished = wish != edits.wishes.end() && wish->second;
            return wished || config.current.has(stem) ? "" : stem;
        }
        std::string key = free_key(config, edits, stem);
        if (!key.empty()) return key;
    }
    return "";
}

std::string value_for_addition(const HardwareAddition& addition, std::string_view key,
                               const Schema& schema, App& app) {
    if (addition.value.starts_with('@'))
        return disk_storage(app) + std::string(addition.value.substr(1));
    if (addition.stems != "net") return std::string(addition.value);
    const auto known = bridges(app);
    const std::string bridge = known.empty() ? "" : ",bridge=" + known.front();
    if (schema.kind != "lxc") return "virtio" + bridge;
    return fmt::format("name=eth{}{},ip=dhcp", key.substr(3), bridge);
}

Suggestions hardware_suggestions(App& app) {
    return [&app](std::string_view key, std::string_view part) -> std::vector<std::string> {
        if (part == "path" && key.starts_with("dev")) return device_nodes(app.engine().host);
        if (part == "bridge") return bridges(app);
        if (part == "file" && is_disk_key(key)) return isos(app);
        return {};
    };
}

}  // namespace lodge
