#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "engine/error.h"
#include "engine/host.h"
#include "engine/storage/folder.h"
#include "engine/storage/image.h"
#include "engine/units.h"

namespace lodge {
namespace {

constexpr int most_disks = 10000;

std::string file_of(std::string_view path) {
    return std::string(path.substr(path.rfind('/') + 1));
}

std::string require_format(std::string_view format) {
    if (format != "raw" && format != "qcow2")
        fail(Exit::usage, "disks of the format '{}' cannot be made: raw or qcow2",
             printable(format));
    return std::string(format);
}

void require_qcow2(const VolumeInfo& disk) {
    if (disk.format != "qcow2")
        fail(Exit::refused,
             "{} has no snapshots: its format is {}; qcow2 has them (lodge disk move)", disk.id,
             disk.format);
}

}  // namespace

std::string FolderStorage::free_file(const Plan& plan, int guest, std::string_view format,
                                     std::string_view name_hint) const {
    const std::string prefix = fmt::format("vm-{}-", guest);
    if (!name_hint.empty()) return fmt::format("{}{}.{}", prefix, name_hint, format);
    const std::string folder = fmt::format("{}/{}/{}", root(), subfolder("images"), guest);
    std::vector<std::string> files = host_.list(folder);
    for (const Step& step : plan.steps)
        if (step.action.verb == "volume-reserve" &&
            step.action.on.text("path").rfind(folder + "/", 0) == 0)
            files.push_back(file_of(step.action.on.text("path")));
    // One number, one disk: base-100-disk-0.qcow2 takes the 0 from vm-100-disk-0.raw.
    std::vector<bool> taken(most_disks, false);
    for (const std::string& file : files) {
        for (const std::string& lead : {prefix, fmt::format("base-{}-", guest)}) {
            if (file.rfind(lead + "disk-", 0) != 0) continue;
            const std::string rest = file.substr(lead.size() + 5);
            const auto number = parse_integer(rest.substr(0, rest.find('.')));
            if (number && *number >= 0 && *number < most_disks)
                taken[static_cast<size_t>(*number)] = true;
        }
    }
    const auto free = std::find(taken.begin(), taken.end(), false);
    if (free == taken.end()) fail(Exit::refused, "{} has too many disks for guest {}", id(), guest);
    return fmt::format("{}disk-{}.{}", prefix, free - taken.begin(), format);
}

std::string FolderStorage::plan_reserve(Plan& plan, int guest, const std::string& file,
                                        const std::string& base, Action& drop) const {
    const std::string name = fmt::format("{}/{}", guest, file);
    const std::string volume = id() + ":" + (base.empty() ? name : base + "/" + name);
    const std::string at = path(name);
    refuse_escape(at, name);
    if (host_.exists(at)) fail(Exit::refused, "there is a volume {}:{} already", id(), name);
    drop = {"volume-drop", {{"path", at}, {"volume", volume}, {"guest", guest}}};
    plan.step(fmt::format("keep the place of {}", volume), {"volume-reserve", {{"path", at}}},
              Action{"volume-release", {{"path", at}}});
    return volume;
}

std::string FolderStorage::plan_allocate(Plan& plan, int guest, int64_t bytes,
                                         std::string_view format,
                                         std::string_view name_hint) const {
    const std::string what = fmt::format("make a disk of {} on {}", print_size(bytes), id());
    require_usable(what);
    if (!holds("images")) fail(Exit::refused, "cannot {}: it holds no disks (content)", what);
    const std::string kind = require_format(format);
    if (bytes <= 0 || bytes % 512 != 0)
        fail(Exit::usage, "a disk cannot have {} bytes: it takes whole sectors of 512", bytes);
    // raw files know no metadata to make beforehand.
    std::string preallocation = options().text("preallocation", "metadata");
    if (kind == "raw" && preallocation == "metadata") preallocation = "off";
    if (preallocation == "falloc" || preallocation == "full") require_space(root(), bytes, what);
    if (const auto left = space_of(root()).available; bytes > left)
        plan.warn(fmt::format("{} has {} left, less than the {} that the new disk can grow to",
                              id(), short_size(left), short_size(bytes)));
    Action drop;
    const std::string volume =
        plan_reserve(plan, guest, free_file(plan, guest, kind, name_hint), "", drop);
    Values on = {{"path", drop.on.text("path")}, {"format", kind}, {"bytes", bytes}};
    if (preallocation != "off") on.set({"preallocation", preallocation});
    plan.step(fmt::format("make the disk {} of {}", volume, print_size(bytes)),
              {"image-create", std::move(on)}, drop);
    return volume;
}

std::string FolderStorage::plan_import(Plan& plan, int guest, const ImageSource& source,
                                       std::string_view format) const {
    const std::string what = fmt::format("import {} to {}", printable(source.path), id());
    require_usable(what);
    if (!holds("images")) fail(Exit::refused, "cannot {}: it holds no disks (content)", what);
    const std::string kind = require_format(format);
    const ImageInfo found = check_foreign_image(host_, source);
    ImageSource known = source;
    known.format = found.format;
    require_space(root(), copy_size(host_, known, ""), what);
    Action drop;
    const std::string volume =
        plan_reserve(plan, guest, free_file(plan, guest, kind, ""), "", drop);
    Values on = {{"source", source.path},
                 {"source-format", found.format},
                 {"path", drop.on.text("path")},
                 {"format", kind},
                 {"foreign", true}};
    if (source.is_part()) {
        on.set({"offset", source.offset});
        on.set({"length", source.length});
    }
    plan.step(fmt::format("copy {} ({}, {}) to {}", printable(source.path), found.format,
                          short_size(found.size), volume),
              {"image-convert", std::move(on)}, drop);
    return volume;
}

std::string FolderStorage::plan_copy(Plan& plan, int guest, const VolumeInfo& source,
                                     std::string_view snapshot, std::string_view format) const {
    const std::string what = fmt::format("copy {} to {}", source.id, id());
    require_usable(what);
    if (!holds("images")) fail(Exit::refused, "cannot {}: it holds no disks (content)", what);
    const std::string kind = require_format(format);
    require_space(root(), copy_size(host_, source, snapshot), what);
    Action drop;
    const std::string volume =
        plan_reserve(plan, guest, free_file(plan, guest, kind, ""), "", drop);
    if (source.format == "raw" && kind == "raw" && source.size % 512 != 0) {
        // No disk but the state of a TPM: qemu-img would pad it.
        plan.step(fmt::format("copy {} to {}", source.id, volume),
                  {"file-copy", {{"source", source.path}, {"path", drop.on.text("path")}}}, drop);
        return volume;
    }
    Values on = {{"source", source.path},
                 {"source-format", source.format},
                 {"path", drop.on.text("path")},
                 {"format", kind}};
    if (!snapshot.empty()) on.set({"snapshot", snapshot});
    plan.step(fmt::format("copy {}{} to {}", source.id,
                          snapshot.empty() ? "" : fmt::format(" as of {}", snapshot), volume),
              {"image-convert", std::move(on)}, drop);
    return volume;
}

std::string FolderStorage::plan_put_file(Plan& plan, const std::string& source,
                                         std::string_view content, std::string_view name) const {
    const std::string text = fmt::format("{}/{}", content, name);
    const std::string what =
        fmt::format("copy {} to {}:{}", printable(source), id(), printable(text));
    require_usable(what);
    if (content == "images" || !holds(content))
        fail(Exit::refused, "cannot {}: it does not hold {} (content)", what, printable(content));
    struct stat facts {};
    if (::stat(source.c_str(), &facts) != 0) fail_errno(errno, "cannot " + what);
    if (!S_ISREG(facts.st_mode)) fail(Exit::refused, "cannot {}: it is no file", what);
    const std::string at = path(text);
    refuse_escape(at, text);
    if (host_.exists(at))
        fail(Exit::refused, "there is a volume {}:{} already", id(), printable(text));
    require_space(root(), static_cast<int64_t>(facts.st_blocks) * 512, what);
    plan.step("keep the place of " + text, {"volume-reserve", {{"path", at}}},
              Action{"volume-release", {{"path", at}}});
    plan.step(what, {"file-copy", {{"source", source}, {"path", at}}},
              Action{"image-remove", {{"path", at}}});
    return id() + ":" + text;
}

std::string FolderStorage::plan_linked_clone(Plan& plan, int guest, const VolumeInfo& base) const {
    const auto from = VolumeId::parse(base.id);
    const std::string file = file_of(base.path);
    if (!from || from->storage != id() || file.rfind("base-", 0) != 0)
        fail(Exit::refused, "cannot make a linked clone of {}: it is no template's disk on {}",
             base.id, id());
    require_usable("clone " + base.id);
    const std::string base_name = fmt::format("{}/{}", base.owner, file);
    Action drop;
    const std::string volume =
        plan_reserve(plan, guest, free_file(plan, guest, "qcow2", ""), base_name, drop);
    plan.step(fmt::format("make {} as a difference to {}", volume, base.id),
              {"image-create",
               {{"path", drop.on.text("path")},
                {"format", "qcow2"},
                {"backing", "../" + base_name},
                {"backing-format", base.format}}},
              drop);
    return volume;
}

std::string FolderStorage::plan_make_base(Plan& plan, const VolumeInfo& disk) const {
    const Name name = parse(VolumeId::parse(disk.id).value_or(VolumeId{}).name);
    require_usable("make a base of " + disk.id);
    if (name.content != "images" || name.owner == 0)
        fail(Exit::refused, "{} is no disk of a guest", disk.id);
    if (name.file.rfind("base-", 0) == 0) return disk.id;
    const std::string lead = fmt::format("vm-{}-", name.owner);
    const std::string rest =
        name.file.rfind(lead, 0) == 0 ? name.file.substr(lead.size()) : name.file;
    const std::string file = fmt::format("base-{}-{}", name.owner, rest);
    const std::string base_id =
        fmt::format("{}:{}{}/{}", id(), name.base.empty() ? "" : name.base + "/", name.owner, file);
    const std::string to = path(fmt::format("{}/{}", name.owner, file));
    if (host_.exists(to)) fail(Exit::refused, "there is a volume {} already", base_id);
    plan.step(fmt::format("{} becomes the base {}", disk.id, base_id),
              {"volume-rename", {{"from", disk.path}, {"to", to}}},
              Action{"volume-rename", {{"from", to}, {"to", disk.path}}});
    plan.step("nobody writes to a base", {"volume-protect", {{"path", to}}},
              Action{"volume-unprotect", {{"path", to}}});
    return base_id;
}

void FolderStorage::plan_resize(Plan& plan, const VolumeInfo& disk, int64_t bytes) const {
    const std::string what = fmt::format("resize {} to {}", disk.id, print_size(bytes));
    require_usable(what);
    if (bytes <= 0 || bytes % 512 != 0)
        fail(Exit::usage, "cannot {}: a disk takes whole sectors of 512 bytes", what);
    if (file_of(disk.path).rfind("base-", 0) == 0)
        fail(Exit::refused, "cannot {}: it is the base of a template", what);
    if (bytes < disk.size) {
        // What was cut off cannot come back: no undo.
        plan.step(
            fmt::format("cut {} from {} to {}", disk.id, print_size(disk.size), print_size(bytes)),
            {"image-resize",
             {{"path", disk.path}, {"format", disk.format}, {"bytes", bytes}, {"shrink", true}}});
        return;
    }
    if (bytes == disk.size) return;
    if (const auto left = space_of(root()).available; bytes - disk.size > left)
        plan.warn(
            fmt::format("{} has {} left, less than the disk can grow to", id(), short_size(left)));
    plan.step(
        fmt::format("grow {} from {} to {}", disk.id, print_size(disk.size), print_size(bytes)),
        {"image-resize", {{"path", disk.path}, {"format", disk.format}, {"bytes", bytes}}},
        Action{"image-resize",
               {{"path", disk.path},
                {"format", disk.format},
                {"bytes", disk.size},
                {"shrink", true}}});
}

std::vector<std::string> FolderStorage::clones_of(const VolumeInfo& base) const {
    const std::string name = fmt::format("{}:{}/{}", id(), base.owner, file_of(base.path));
    std::vector<std::string> clones;
    for (const VolumeInfo& volume : list())
        if (volume.backing == name) clones.push_back(volume.id);
    return clones;
}

void FolderStorage::plan_delete(Plan& plan, const VolumeInfo& volume) const {
    require_usable("delete " + volume.id);
    if (volume.format == "subvol")
        fail(Exit::refused, "cannot delete {}: it is a folder, not a disk image", volume.id);
    if (volume.content == "images") {
        if (const auto clones = clones_of(volume); !clones.empty())
            fail(Exit::refused, "cannot delete {}: linked clones need it ({})", volume.id,
                 join(clones, ", "));
    }
    plan.step("delete " + volume.id, {"image-remove", {{"path", volume.path}}});
}

bool FolderStorage::can_snapshot(const VolumeInfo& volume) const {
    return volume.content == "images" && volume.format == "qcow2" &&
           file_of(volume.path).rfind("base-", 0) != 0;
}

void FolderStorage::plan_snapshot(Plan& plan, const VolumeInfo& disk, std::string_view name) const {
    require_usable("make a snapshot of " + disk.id);
    require_qcow2(disk);
    const Values on = {{"path", disk.path}, {"name", name}};
    plan.step(fmt::format("{} has no snapshot {} yet", disk.id, name), {"image-no-snapshot", on});
    plan.step(fmt::format("make the snapshot {} of {}", name, disk.id), {"image-snapshot", on},
              Action{"image-snapshot-delete", on});
}

void FolderStorage::plan_rollback(Plan& plan, const VolumeInfo& disk, std::string_view name) const {
    require_usable("roll back " + disk.id);
    require_qcow2(disk);
    plan.step(fmt::format("{} goes back to {}", disk.id, name),
              {"image-rollback", {{"path", disk.path}, {"name", name}}});
}

void FolderStorage::plan_delete_snapshot(Plan& plan, const VolumeInfo& disk,
                                         std::string_view name) const {
    require_usable("delete a snapshot of " + disk.id);
    require_qcow2(disk);
    plan.step(fmt::format("delete the snapshot {} of {}", name, disk.id),
              {"image-snapshot-delete", {{"path", disk.path}, {"name", name}}});
}

}  // namespace lodge
