#include <algorithm>

#include "engine/error.h"
#include "engine/host.h"
#include "engine/storage/image.h"
#include "engine/storage/lvm_thin.h"
#include "engine/units.h"

namespace lodge {
namespace {

constexpr int most_disks = 10000;

// LVM has no formats: a wish for qcow2 is one for snapshots and growing, which it has too.
void require_known(std::string_view format) {
    if (format != "raw" && format != "qcow2")
        fail(Exit::usage, "disks of the format '{}' cannot be made on LVM: they are raw",
             printable(format));
}

int64_t whole_sectors(int64_t bytes) {
    return (bytes + 511) / 512 * 512;
}

}  // namespace

std::string LvmThinStorage::free_name(const Plan& plan, const Volumes& volumes, int guest,
                                      std::string_view name_hint) const {
    std::vector<std::string> names;
    for (const LogicalVolume& one : volumes)
        names.push_back(one.name);
    for (const Step& step : plan.steps)
        if (step.action.verb == "lvm-absent" && step.action.on.text("group") == group())
            names.push_back(step.action.on.text("name"));
    const auto is_taken = [&](const std::string& name) {
        return std::find(names.begin(), names.end(), name) != names.end();
    };
    if (!name_hint.empty()) {
        std::string name = fmt::format("vm-{}-{}", guest, name_hint);
        if (!lvm_owner(name))
            fail(Exit::usage, "'{}' is not the name of a volume on {}", printable(name), id());
        if (is_taken(name)) fail(Exit::refused, "there is a volume {}:{} already", id(), name);
        return name;
    }
    // One number, one disk: base-100-disk-0 takes the 0 from vm-100-disk-0.
    for (int number = 0; number < most_disks; ++number) {
        std::string name = fmt::format("vm-{}-disk-{}", guest, number);
        if (!is_taken(name) && !is_taken(fmt::format("base-{}-disk-{}", guest, number)))
            return name;
    }
    fail(Exit::refused, "{} has too many disks for guest {}", id(), guest);
}

std::string LvmThinStorage::plan_new(Plan& plan, const Volumes& volumes, int guest, int64_t bytes,
                                     std::string_view name_hint) const {
    const std::string name = free_name(plan, volumes, guest, name_hint);
    const std::string volume = id() + ":" + name;
    warn_of_space(plan, volumes, bytes);
    // A step of its own, without an undo: that of the next must not remove what was there.
    plan.step(fmt::format("there is no {} yet", volume),
              {"lvm-absent", {{"group", group()}, {"name", name}}});
    plan.step(fmt::format("make the volume {} of {}", volume, print_size(bytes)),
              {"lvm-create",
               {{"group", group()}, {"pool", pool_name()}, {"name", name}, {"bytes", bytes}}},
              Action{"lvm-drop",
                     {{"group", group()}, {"name", name}, {"volume", volume}, {"guest", guest}}});
    return name;
}

std::string LvmThinStorage::plan_allocate(Plan& plan, int guest, int64_t bytes,
                                          std::string_view format,
                                          std::string_view name_hint) const {
    const std::string what = fmt::format("make a disk of {} on {}", print_size(bytes), id());
    const Volumes volumes = look(what);
    if (!holds("images") && !holds("rootdir"))
        fail(Exit::refused, "cannot {}: it holds no disks (content)", what);
    require_known(format);
    if (bytes <= 0 || bytes % 512 != 0)
        fail(Exit::usage, "a disk cannot have {} bytes: it takes whole sectors of 512", bytes);
    return id() + ":" + plan_new(plan, volumes, guest, bytes, name_hint);
}

void LvmThinStorage::plan_fill(Plan& plan, const std::string& why, const Volumes& volumes,
                               const std::string& name, Values on) const {
    on.set({"path", path(name)});
    on.set({"format", "raw"});
    // A pool without zeroing (lvconvert -Zn) gives blocks with what was in them before.
    on.set({"target", pool(volumes).zeroes ? "blank" : "device"});
    plan.step(why, {"image-convert", std::move(on)});
}

std::string LvmThinStorage::plan_import(Plan& plan, int guest, const ImageSource& source,
                                        std::string_view format) const {
    const std::string what = fmt::format("import {} to {}", printable(source.path), id());
    const Volumes volumes = look(what);
    if (!holds("images")) fail(Exit::refused, "cannot {}: it holds no disks (content)", what);
    require_known(format);
    const ImageInfo found = check_foreign_image(host_, source);
    ImageSource known = source;
    known.format = found.format;
    require_room(volumes, copy_size(host_, known, ""), what);
    const std::string name = plan_new(plan, volumes, guest, whole_sectors(found.size), "");
    Values on = {{"source", source.path}, {"source-format", found.format}, {"foreign", true}};
    if (source.is_part()) {
        on.set({"offset", source.offset});
        on.set({"length", source.length});
    }
    plan_fill(plan,
              fmt::format("copy {} ({}, {}) to {}:{}", printable(source.path), found.format,
                          short_size(found.size), id(), name),
              volumes, name, std::move(on));
    return id() + ":" + name;
}

std::string LvmThinStorage::plan_copy(Plan& plan, int guest, const VolumeInfo& source,
                                      std::string_view snapshot, std::string_view format) const {
    const std::string what = fmt::format("copy {} to {}", source.id, id());
    const Volumes volumes = look(what);
    if (!holds("images") && !holds("rootdir"))
        fail(Exit::refused, "cannot {}: it holds no disks (content)", what);
    require_known(format);
    require_room(volumes, copy_size(host_, source, snapshot), what);
    const std::string name = plan_new(plan, volumes, guest, whole_sectors(source.size), "");
    Values on = {{"source", source.path}, {"source-format", source.format}};
    if (!snapshot.empty()) on.set({"snapshot", snapshot});
    plan_fill(plan,
              fmt::format("copy {}{} to {}:{}", source.id,
                          snapshot.empty() ? "" : fmt::format(" as of {}", snapshot), id(), name),
              volumes, name, std::move(on));
    return id() + ":" + name;
}

std::string LvmThinStorage::plan_put_file(Plan&, const std::string& source,
                                          std::string_view content, std::string_view name) const {
    fail(Exit::refused,
         "cannot copy {} to {}: a thin pool holds disks only, no files ({}/{}); a storage of kind "
         "dir does",
         printable(source), id(), printable(content), printable(name));
}

std::string LvmThinStorage::plan_thin_copy(Plan& plan, int guest, const VolumeInfo& source) const {
    const std::string what = fmt::format("make a difference to {}", source.id);
    const Volumes volumes = look(what);
    const auto named = VolumeId::parse(source.id);
    const LogicalVolume* from =
        named && named->storage == id() ? find_volume(volumes, named->name) : nullptr;
    if (!from || from->kind != 'V' || from->pool != pool_name())
        fail(Exit::refused, "cannot {}: it is no thin volume of {}/{}", what, group(), pool_name());
    const std::string name = free_name(plan, volumes, guest, "");
    const std::string volume = id() + ":" + name;
    warn_of_space(plan, volumes, from->size);
    plan.step(fmt::format("there is no {} yet", volume),
              {"lvm-absent", {{"group", group()}, {"name", name}}});
    plan.step(fmt::format("make {} as a difference to {}", volume, source.id),
              {"lvm-clone", {{"group", group()}, {"source", from->name}, {"name", name}}},
              Action{"lvm-drop",
                     {{"group", group()}, {"name", name}, {"volume", volume}, {"guest", guest}}});
    return volume;
}

std::string LvmThinStorage::plan_linked_clone(Plan& plan, int guest, const VolumeInfo& base) const {
    const auto from = VolumeId::parse(base.id);
    if (!from || from->storage != id() || !from->name.starts_with("base-"))
        fail(Exit::refused, "cannot make a linked clone of {}: it is no template's disk on {}",
             base.id, id());
    return plan_thin_copy(plan, guest, base);
}

std::string LvmThinStorage::plan_make_base(Plan& plan, const VolumeInfo& disk) const {
    const std::string name = name_of(disk);
    if (name.starts_with("base-")) return disk.id;
    const Volumes volumes = look("make a base of " + disk.id);
    const std::string snapshots = lvm_snapshot_name(name, "");
    for (const LogicalVolume& one : volumes)
        if (one.name.starts_with(snapshots))
            fail(Exit::refused, "cannot make a base of {}: it has the snapshot {}", disk.id,
                 one.name.substr(snapshots.size()));
    const std::string base = "base-" + name.substr(3);
    const std::string base_id = id() + ":" + base;
    if (find_volume(volumes, base)) fail(Exit::refused, "there is a volume {} already", base_id);
    plan.step(fmt::format("{} becomes the base {}", disk.id, base_id),
              {"lvm-rename", {{"group", group()}, {"from", name}, {"to", base}}},
              Action{"lvm-rename", {{"group", group()}, {"from", base}, {"to", name}}});
    plan.step("nobody writes to a base", {"lvm-protect", {{"group", group()}, {"name", base}}},
              Action{"lvm-unprotect", {{"group", group()}, {"name", base}}});
    return base_id;
}

void LvmThinStorage::plan_resize(Plan& plan, const VolumeInfo& disk, int64_t bytes) const {
    const std::string what = fmt::format("resize {} to {}", disk.id, print_size(bytes));
    const std::string name = name_of(disk);
    const Volumes volumes = look(what);
    if (bytes <= 0 || bytes % 512 != 0)
        fail(Exit::usage, "cannot {}: a disk takes whole sectors of 512 bytes", what);
    if (name.starts_with("base-"))
        fail(Exit::refused, "cannot {}: it is the base of a template", what);
    if (bytes == disk.size) return;
    Values on = {{"group", group()}, {"name", name}, {"bytes", bytes}};
    Values back = {{"group", group()}, {"name", name}, {"bytes", disk.size}, {"shrink", true}};
    if (bytes < disk.size) {
        // What was cut off cannot come back: no undo.
        on.set({"shrink", true});
        plan.step(
            fmt::format("cut {} from {} to {}", disk.id, print_size(disk.size), print_size(bytes)),
            {"lvm-resize", std::move(on)});
        return;
    }
    warn_of_space(plan, volumes, bytes - disk.size);
    plan.step(
        fmt::format("grow {} from {} to {}", disk.id, print_size(disk.size), print_size(bytes)),
        {"lvm-resize", std::move(on)}, Action{"lvm-resize", std::move(back)});
}

void LvmThinStorage::plan_activation(Plan& plan, const VolumeInfo& volume) const {
    const auto named = VolumeId::parse(volume.id);
    const Volumes volumes = look("look at " + volume.id);
    const LogicalVolume* found = named ? find_volume(volumes, named->name) : nullptr;
    if (found && !found->active)
        plan.step("activate " + volume.id,
                  {"lvm-activate", {{"group", group()}, {"name", named->name}}});
}

void LvmThinStorage::plan_delete(Plan& plan, const VolumeInfo& volume) const {
    const std::string name = name_of(volume);
    require_usable("delete " + volume.id);
    // Clones of a base need nothing of it: their blocks are theirs as well.
    plan.step("delete " + volume.id + " with its snapshots",
              {"lvm-remove", {{"group", group()}, {"name", name}, {"snapshots", true}}});
}

void LvmThinStorage::plan_snapshot(Plan& plan, const VolumeInfo& disk,
                                   std::string_view name) const {
    const std::string volume = name_of(disk);
    require_usable("make a snapshot of " + disk.id);
    const std::string snapshot = lvm_snapshot_name(volume, name);
    if (!is_lvm_name(snapshot))
        fail(Exit::usage, "'{}' is too long, or no name that LVM allows", printable(snapshot));
    const Values on = {{"group", group()}, {"name", snapshot}};
    plan.step(fmt::format("{} has no snapshot {} yet", disk.id, name), {"lvm-absent", on});
    plan.step(fmt::format("make the snapshot {} of {}", name, disk.id),
              {"lvm-snapshot", {{"group", group()}, {"source", volume}, {"name", snapshot}}},
              Action{"lvm-remove", on});
}

void LvmThinStorage::plan_rollback(Plan& plan, const VolumeInfo& disk,
                                   std::string_view name) const {
    const std::string volume = name_of(disk);
    require_usable("roll back " + disk.id);
    plan.step(
        fmt::format("{} goes back to {}", disk.id, name),
        {"lvm-rollback",
         {{"group", group()}, {"name", volume}, {"snapshot", lvm_snapshot_name(volume, name)}}});
}

void LvmThinStorage::plan_delete_snapshot(Plan& plan, const VolumeInfo& disk,
                                          std::string_view name) const {
    const std::string snapshot = lvm_snapshot_name(name_of(disk), name);
    require_usable("delete a snapshot of " + disk.id);
    plan.step(fmt::format("delete the snapshot {} of {}", name, disk.id),
              {"lvm-remove", {{"group", group()}, {"name", snapshot}}});
}

}  // namespace lodge
