#include "engine/container/container.h"
#include "engine/container/image.h"
#include "engine/container/volume.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/storage/device_storage.h"
#include "engine/units.h"
#include "engine/vm/change.h"
#include "engine/vm/creation.h"
#include "engine/vm/disks.h"

// The size of a container's volumes, and what becomes of those that it does not use any more.

namespace lodge {
namespace {

Plan plan_for(const Guest& guest, std::string title) {
    Plan plan;
    plan.title = std::move(title);
    plan.guests = {guest.id};
    return plan;
}

// A folder's size is a limit of btrfs, or a number that nothing enforces.
void plan_folder(const VolumeInfo& volume, int64_t before, int64_t bytes, Plan& plan) {
    plan.step(fmt::format("limit {} to {}", volume.path, print_size(bytes)),
              {"ct-volume-limit", {{"path", volume.path}, {"bytes", bytes}}},
              Action{"ct-volume-limit", {{"path", volume.path}, {"bytes", before}}});
    if (!is_on_btrfs(volume.path))
        plan.warn(
            fmt::format("size {} is not enforced: {} is a folder, on a file system without "
                        "quotas that Lodge sets",
                        print_size(bytes), volume.id));
}

}  // namespace

Plan ct_resize_plan(Engine& engine, const Guest& guest, const Values& words) {
    refuse_if_held(guest, "resize a volume of");
    const std::string& key = words.text("key");
    if (!is_mount_key(key))
        fail(Exit::usage, "'{}' is no volume of a container: rootfs, mp0, …", printable(key));
    const auto value = guest.config.current.get(key);
    if (!value) fail(Exit::not_found, "{} has no {}", guest_words(guest), key);
    std::vector<std::string> problems;
    Properties parts =
        Properties::parse_lenient(*guest.config.schema().find(key), *value, problems);
    const std::string name = parts.text("volume");
    if (!VolumeId::parse(name) || name.starts_with('/'))
        fail(Exit::refused, "{} of {} is {}, no volume of a storage", key, guest_words(guest),
             printable(name));
    const VolumeInfo volume = engine.storages.info(name);
    const bool image = volume.format == "raw";
    const int64_t before =
        image ? volume.size : (parts.has("size") ? parse_size(parts.text("size")).value_or(0) : 0);
    const std::string& size = words.text("size");
    const int64_t bytes =
        size.starts_with("+") ? before + disk_size(size.substr(1)) : disk_size(size);
    Plan plan = plan_for(
        guest, fmt::format("resize {} of {} to {}", key, guest_words(guest), print_size(bytes)));
    if (bytes == before) fail(Exit::refused, "{} has {} already", volume.id, print_size(bytes));
    if (image && bytes < before)
        fail(Exit::refused,
             "cannot {}: it has {}, and a container's image only grows; a smaller one is made by "
             "lodge create --template with the mounted root (lodge mount {})",
             plan.title, print_size(before), guest.id);
    const bool runs = ct_process(engine.host, guest.id).has_value();
    if (const DeviceStorage* storage = device_storage(engine.storages, name)) {
        storage->plan_activation(plan, volume);
        storage->plan_resize(plan, volume, bytes);
        // Not below a file system that has grown meanwhile.
        if (plan.steps.back().undo) plan.steps.back().undo->on.set({"file-system", true});
    }
    if (image)
        plan_grow_image(volume.path, before, bytes, runs ? guest.id : 0, plan);
    else
        plan_folder(volume, before, bytes, plan);
    parts.set("size", print_size(bytes));
    Edit edit;
    edit.set = {key + "=" + parts.print()};
    edit.digest = guest.config.digest();
    add_config_step(plan, "the configuration names the size", guest.id, "lxc", edit, guest.config);
    plan.afterwards = fmt::format("{} of {} has {}", key, guest_words(guest), print_size(bytes));
    return plan;
}

Plan ct_volume_delete_plan(Engine& engine, const Guest& guest, const Values& words) {
    refuse_if_held(guest, "delete a volume of", true);
    const std::string& key = words.text("key");
    const auto value = guest.config.current.get(key);
    if (!value) fail(Exit::not_found, "{} has no {}", guest_words(guest), printable(key));
    Plan plan = plan_for(guest, fmt::format("delete {} of {}", key, guest_words(guest)));
    if (!key.starts_with("unused"))
        fail(Exit::refused, "cannot {}: the container uses it; lodge set {} --delete {} first",
             plan.title, guest.id, key);
    const std::string name = volume_of(*value);
    for (const std::string& user : users_of(engine, name))
        if (user != fmt::format("{}: {}", guest_words(guest), key))
            fail(Exit::refused, "cannot {}: {} is also named by {}", plan.title, name, user);
    Edit edit;
    edit.erase = {key};
    edit.digest = guest.config.digest();
    add_config_step(plan, "take it out of the configuration", guest.id, "lxc", edit, guest.config);
    try {
        const VolumeInfo volume = engine.storages.info(name);
        if (volume.owner != guest.id)
            fail(Exit::refused, "cannot {}: {} belongs to guest {}", plan.title, name,
                 volume.owner);
        Plan removal;
        const IdMap map = engine.host.is_root() ? IdMap{} : id_map_of(engine.host, guest.config);
        if (const DeviceStorage* storage = device_storage(engine.storages, name))
            storage->plan_delete(removal, volume);
        else
            plan_remove_ct_volume(engine, volume.path, map, removal);
        plan.append(std::move(removal.no_way_back_from(0)));
    } catch (const Error& trouble) {
        if (trouble.exit() != Exit::not_found) throw;
        plan.warn(name + " is not there any more: only the key goes");
    }
    return plan;
}

}  // namespace lodge
