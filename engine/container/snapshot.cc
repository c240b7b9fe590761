#include <sys/stat.h>

#include <algorithm>

#include "engine/container/container.h"
#include "engine/container/life.h"
#include "engine/container/volume.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/storage/device_storage.h"
#include "engine/units.h"
#include "engine/vm/change.h"
#include "engine/vm/creation.h"
#include "engine/vm/identity.h"

// Snapshots, clones and templates of containers. On btrfs they share what is the same; elsewhere
// they are copies, of folders and of images, which share blocks where the file system can (XFS).

namespace lodge {
namespace {

// Disk is one volume of a container that a snapshot or a clone takes along.
struct Disk {
    std::string key, path;
    VolumeId id;
    int64_t size = 0;
    CtFormat format = CtFormat::folder;
    VolumeInfo info;
};

int64_t size_of(const Properties& parts) {
    return parts.has("size") ? parse_size(parts.text("size")).value_or(0) : 0;
}

// The volumes of a section: folders that belong to the guest. Folders of this machine stay out.
std::vector<Disk> disks_of(Engine& engine, const Guest& guest, const Section& section,
                           std::string_view verb) {
    std::vector<Disk> disks;
    for (const auto& [key, value] : section.entries()) {
        if (!is_mount_key(key)) continue;
        const std::string volume = volume_of(value);
        const auto id = VolumeId::parse(volume);
        if (!id || volume.starts_with('/')) {
            if (key == "rootfs")
                fail(Exit::refused, "cannot {} {}: its root is a folder of this machine, no volume",
                     verb, guest_words(guest));
            continue;
        }
        const VolumeInfo info = engine.storages.info(volume);
        if (info.format != "subvol" && info.format != "raw")
            fail(Exit::refused, "cannot {} {}: {} is neither a folder nor a raw image", verb,
                 guest_words(guest), volume);
        std::vector<std::string> problems;
        const Properties parts =
            Properties::parse_lenient(*guest.config.schema().find(key), value, problems);
        const CtFormat format = device_storage(engine.storages, volume) ? CtFormat::device
                                : info.format == "raw"                  ? CtFormat::image
                                                                        : CtFormat::folder;
        disks.push_back({key, info.path, *id, size_of(parts), format, info});
    }
    return disks;
}

std::string snapshot_path(const Disk& disk, std::string_view name) {
    return fmt::format("{}@{}", disk.path, name);
}

CtVolume snapshot_volume(const Disk& disk, std::string_view name) {
    return {fmt::format("{}:{}@{}", disk.id.storage, disk.id.name, name), snapshot_path(disk, name),
            disk.format};
}

// Of files that change while they are copied nobody knows what they are.
class Hold {
  public:
    Hold(Engine& engine, const Guest& guest, bool needed, Plan& plan) : id_(guest.id), plan_(plan) {
        holds_ =
            needed && ct_process(engine.host, guest.id) && !ct_is_frozen(engine.host, guest.id);
        if (holds_) plan_.step("pause its processes for the copy", action(true), action(false));
    }
    void end() {
        if (holds_) plan_.step("let them go on", action(false));
    }

  private:
    Action action(bool frozen) const {
        return {"ct-freeze", {{"guest", id_}, {"frozen", frozen}, {"lenient", true}}};
    }
    int id_;
    Plan& plan_;
    bool holds_ = false;
};

Plan plan_for(const Guest& guest, const std::string& title) {
    Plan plan;
    plan.title = title;
    plan.guests = {guest.id};
    return plan;
}

Action section_action(std::string_view verb, int id, const std::string& name,
                      const std::string& description, int64_t time) {
    return {std::string(verb),
            {{"guest", id}, {"name", name}, {"description", description}, {"time", time}}};
}

}  // namespace

Plan CtKind::snapshot(Engine& engine, const Guest& guest, const Values& words) const {
    refuse_if_held(guest, "make a snapshot of");
    const std::string& name = words.text("name");
    if (guest.config.snapshot(name))
        fail(Exit::refused, "{} has a snapshot '{}' already", guest_words(guest), printable(name));
    Config probe = guest.config;
    (void)probe.add_snapshot(name);  // throws for a bad name
    if (words.flag("ram"))
        fail(Exit::refused, "a container's memory cannot be saved: leave --ram out");
    Plan plan = plan_for(guest, fmt::format("snapshot {} of {}", name, guest_words(guest)));
    const IdMap map = id_map_of(engine.host, guest.config);
    const auto disks = disks_of(engine, guest, guest.config.current, "make a snapshot of");
    const bool copies = std::any_of(disks.begin(), disks.end(), [&](const Disk& disk) {
        // LVM lets the file system come to rest by itself, of one volume.
        if (disk.format == CtFormat::device) return disks.size() > 1;
        return !engine.host.is_root() || disk.format == CtFormat::image || !is_on_btrfs(disk.path);
    });
    Hold hold(engine, guest, copies, plan);
    const int running = ct_process(engine.host, guest.id) ? guest.id : 0;
    for (const Disk& disk : disks)
        if (disk.format == CtFormat::device)
            engine.storages.get(disk.id.storage).plan_snapshot(plan, disk.info, name);
        else
            plan_copy_ct_volume(engine, disk.path, snapshot_volume(disk, name), 0, map, true, plan,
                                running);
    hold.end();
    plan.step("note it in the configuration",
              section_action("ct-snapshot-note", guest.id, name, words.text("description", ""),
                             engine.host.now_seconds()),
              section_action("ct-snapshot-forget", guest.id, name, "", 0));
    plan.afterwards = fmt::format("{} has the snapshot {}; lodge rollback {} {} goes back to it",
                                  guest_words(guest), name, guest.id, name);
    return plan;
}

Plan CtKind::delete_snapshot(Engine& engine, const Guest& guest, const Values& words) const {
    refuse_if_held(guest, "delete a snapshot of");
    const std::string& name = words.text("name");
    const Section* section = guest.config.snapshot(name);
    if (!section)
        fail(Exit::not_found, "{} has no snapshot '{}'", guest_words(guest), printable(name));
    Plan plan = plan_for(guest, fmt::format("delete snapshot {} of {}", name, guest_words(guest)));
    const IdMap map = id_map_of(engine.host, guest.config);
    for (const Disk& disk : disks_of(engine, guest, *section, "delete a snapshot of"))
        if (disk.format == CtFormat::device)
            engine.storages.get(disk.id.storage).plan_delete_snapshot(plan, disk.info, name);
        else if (engine.host.exists(snapshot_path(disk, name)))
            plan_remove_ct_volume(engine, snapshot_path(disk, name), map, plan);
    plan.step("take it out of the configuration",
              section_action("ct-snapshot-forget", guest.id, name, "", 0));
    plan.no_way_back_from(0);
    return plan;
}

Plan CtKind::rollback(Engine& engine, const Guest& guest, const Values& words) const {
    refuse_if_held(guest, "roll back");
    const std::string& name = words.text("name");
    const Section* section = guest.config.snapshot(name);
    if (!section)
        fail(Exit::not_found, "{} has no snapshot '{}'", guest_words(guest), printable(name));
    Plan plan = plan_for(guest, fmt::format("roll {} back to {}", guest_words(guest), name));
    const IdMap map = id_map_of(engine.host, guest.config);
    auto disks = disks_of(engine, guest, *section, "roll back");
    for (const Disk& disk : disks)
        if (disk.format == CtFormat::device
                ? !device_storage(engine.storages, disk.info.id)->has_snapshot(disk.info, name)
                : !engine.host.exists(snapshot_path(disk, name)))
            fail(Exit::not_found, "cannot roll {} back to {}: {} is not there", guest_words(guest),
                 name, snapshot_path(disk, name));
    if (ct_process(engine.host, guest.id)) plan.append(stop(engine, guest, {}));
    for (Step& step : plan.steps)
        step.no_way_back = false;
    // First all that can fail, beside what there is; then names change places.
    const auto devices = std::stable_partition(disks.begin(), disks.end(), [](const Disk& disk) {
        return disk.format != CtFormat::device;
    });
    const std::vector<Disk> beneath(devices, disks.end());
    disks.erase(devices, disks.end());
    for (const Disk& disk : disks)
        plan_copy_ct_volume(
            engine, snapshot_path(disk, name),
            {disk.id.storage + ":" + disk.id.name + ".new", disk.path + ".new", disk.format},
            disk.size, map, false, plan);
    for (const Disk& disk : disks) {
        plan.step("put " + disk.id.name + " aside",
                  {"rename", {{"from", disk.path}, {"to", disk.path + ".old"}}},
                  Action{"rename", {{"from", disk.path + ".old"}, {"to", disk.path}}});
        plan.step("put the state of " + name + " in its place",
                  {"rename", {{"from", disk.path + ".new"}, {"to", disk.path}}},
                  Action{"rename", {{"from", disk.path}, {"to", disk.path + ".new"}}});
    }
    const size_t last = plan.steps.size();
    for (const Disk& disk : beneath)
        engine.storages.get(disk.id.storage).plan_rollback(plan, disk.info, name);
    plan.step("take over its configuration",
              section_action("ct-snapshot-take", guest.id, name, "", 0));
    plan.no_way_back_from(last);
    for (const Disk& disk : disks)
        plan_remove_ct_volume(engine, disk.path + ".old", map, plan, disk.path);
    if (words.flag("start")) plan.step("start it", {"guest-start", {{"guest", guest.id}}});
    plan.afterwards = fmt::format("{} is as it was at {}", guest_words(guest), name);
    return plan;
}

namespace {

bool is_personal(std::string_view key) {
    static constexpr std::string_view keys[] = {"lock",       "parent",   "snaptime",
                                                "snapstate",  "template", "hostname",
                                                "protection", "onboot",   "digest"};
    return std::find(std::begin(keys), std::end(keys), key) != std::end(keys) ||
           key.starts_with("unused");
}

}  // namespace

namespace {

// Adds the steps that copy one volume for the guest `id`; returns the new one's id.
std::string clone_disk(Engine& engine, const Disk& disk, const std::string& snapshot,
                       const Storage& target, int id, const IdMap& map, int running, Plan& copies) {
    const DeviceStorage* here = device_storage(engine.storages, disk.info.id);
    const bool devices = device_storage(target) != nullptr;
    if (here || (devices && disk.format == CtFormat::image)) {
        VolumeInfo source = disk.info;
        if (here && !snapshot.empty())
            source = here->snapshot_volume(disk.info, snapshot);
        else if (!snapshot.empty())
            source.path = snapshot_path(disk, snapshot);
        if (here && target.id() == here->id()) return here->plan_thin_copy(copies, id, source);
        if (running > 0)
            fail(Exit::refused,
                 "cannot copy {} to {}: the container runs, and it would change meanwhile; shut "
                 "it down, or clone one of its snapshots (--snapshot)",
                 disk.info.id, target.id());
        plan_activation(engine.storages, source, copies);
        return target.plan_copy(copies, id, source, "", "raw");
    }
    const CtFormat format = devices ? ct_format_for(engine, target, disk.size, "") : disk.format;
    const CtVolume volume = next_ct_volume(engine, target, id, copies, format);
    plan_copy_ct_volume(engine, snapshot.empty() ? disk.path : snapshot_path(disk, snapshot),
                        volume, disk.size, map, false, copies, running);
    return volume.id;
}

}  // namespace

// A clone of anything else than a template's is a whole copy in any case; on btrfs and on one thin
// pool all are differences.
Plan CtKind::clone(Engine& engine, const Guest& guest, const Values& words) const {
    const std::string snapshot = words.text("snapshot", "");
    const Section* section =
        snapshot.empty() ? &guest.config.current : guest.config.snapshot(snapshot);
    if (!section)
        fail(Exit::not_found, "{} has no snapshot '{}'", guest_words(guest), printable(snapshot));
    refuse_if_held(guest, "clone");
    const auto id =
        static_cast<int>(words.has("id") ? words.integer("id") : engine.store.free_id());
    const std::string token = random_uuid();
    Config config = Config::parse("", guest.config.schema(), engine.store.path("lxc", id));
    const std::string own = guest.config.string_of("hostname");
    const std::string name = words.text("name", own.empty() ? "" : own + "-clone");
    if (!name.empty()) {
        require_allowed(guest.config.schema(), "hostname", name);
        config.current.set("hostname", name);
    }
    const IdMap map = id_map_of(engine.host, guest.config);
    Plan copies;
    const int running = snapshot.empty() && ct_process(engine.host, guest.id) ? guest.id : 0;
    const auto disks = disks_of(engine, guest, *section, "clone");
    for (const auto& [key, value] : section->entries()) {
        if (is_personal(key)) continue;
        const auto disk = std::find_if(disks.begin(), disks.end(),
                                       [&, k = key](const Disk& one) { return one.key == k; });
        std::vector<std::string> problems;
        const Field* field = guest.config.schema().find(key);
        if (disk != disks.end()) {
            const Storage& storage = engine.storages.get(words.text("storage", disk->id.storage));
            Properties parts = Properties::parse_lenient(*field, value, problems);
            parts.set("volume",
                      clone_disk(engine, *disk, snapshot, storage, id, map, running, copies));
            config.current.set(key, parts.print());
        } else if (field && key.starts_with("net") && field->type == ValueType::property) {
            Properties parts = Properties::parse_lenient(*field, value, problems);
            parts.set("hwaddr", random_mac());
            config.current.set(key, parts.print());
        } else if (key.starts_with("lxc.")) {
            config.current.add(key, value);
        } else {
            config.current.set(key, value);
        }
    }
    config.current.set("lock", "create");
    config.current.set_description(token);
    const Values who{{"folder", "lxc"}, {"guest", id}, {"token", token}};
    Values made = who;
    made.set({"text", config.text()});
    Plan plan = plan_for(guest, fmt::format("clone {} to {}{}", guest_words(guest), id,
                                            name.empty() ? "" : " (" + name + ")"));
    plan.guests.push_back(id);
    plan.step("write the configuration, locked until all is made", {"config-create", made},
              Action{"config-remove", who});
    Hold hold(engine, guest, snapshot.empty(), plan);
    plan.append(std::move(copies));
    hold.end();
    plan.step("all is made: unlock it", {"config-finish", who});
    plan.no_way_back();
    return plan;
}

Plan CtKind::make_template(Engine& engine, const Guest& guest, const Values&) const {
    refuse_if_held(guest, "make a template of");
    if (ct_process(engine.host, guest.id))
        fail(Exit::refused, "cannot make a template of {}: it is running", guest_words(guest));
    if (guest.config.flag("template"))
        fail(Exit::refused, "{} is a template already", guest_words(guest));
    if (!guest.config.snapshots().empty())
        fail(Exit::refused, "cannot make a template of {}: it has snapshots", guest_words(guest));
    Plan plan = plan_for(guest, "make a template of " + guest_words(guest));
    Edit edit;
    for (const Disk& disk : disks_of(engine, guest, guest.config.current, "make a template of")) {
        if (disk.format != CtFormat::device) continue;
        std::vector<std::string> problems;
        Properties parts = Properties::parse_lenient(*guest.config.schema().find(disk.key),
                                                     *guest.config.current.get(disk.key), problems);
        parts.set("volume", engine.storages.get(disk.id.storage).plan_make_base(plan, disk.info));
        edit.set.push_back(disk.key + "=" + parts.print());
    }
    edit.set.push_back("template=1");
    edit.digest = guest.config.digest();
    add_config_step(plan, "it never starts from now on", guest.id, folder(), edit, guest.config);
    plan.afterwards = guest_words(guest) + " is a template; lodge clone makes containers of it";
    return plan;
}

}  // namespace lodge
