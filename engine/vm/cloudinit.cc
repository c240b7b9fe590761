#include "engine/vm/cloudinit.h"

#include "engine/guest.h"
#include "engine/host.h"
#include "engine/units.h"

namespace lodge {

bool is_cloudinit_volume(std::string_view volume) {
    const size_t cut = volume.find_last_of("/:");
    std::string_view name = cut == std::string_view::npos ? volume : volume.substr(cut + 1);
    name = name.substr(0, name.find('.'));
    if (name == "cloudinit") return cut != std::string_view::npos && volume[cut] == ':';
    if (!name.starts_with("vm-") || !name.ends_with("-cloudinit")) return false;
    return parse_integer(name.substr(3, name.size() - 13)).has_value();
}

bool wants_cloudinit(const Config& config) {
    for (const std::string_view stem : {"ide", "sata", "scsi", "virtio"})
        for (const std::string& key : config.indexed(stem))
            if (const auto drive = config.properties(key))
                if (is_cloudinit_volume(drive->text("file"))) return true;
    return false;
}

Action cloudinit_action(int id) {
    return {"cloudinit-write", {{"guest", id}}};
}

std::string cloudinit_path(const Host& host, int id) {
    return guest_run_folder(host, id) + "/cloudinit.iso";
}

}  // namespace lodge
