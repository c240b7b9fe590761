#include "engine/vm/snapshot.h"

#include <algorithm>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/schema.h"
#include "engine/storage/device_storage.h"
#include "engine/units.h"
#include "engine/vm/agent.h"
#include "engine/vm/change.h"
#include "engine/vm/identity.h"
#include "engine/vm/life.h"
#include "engine/vm/snapshot_parts.h"
#include "engine/vm/vm.h"

namespace lodge {

std::vector<SnapshotDisk> snapshot_disks(const Section& section) {
    std::vector<SnapshotDisk> disks;
    for (const auto& [key, value] : section.entries()) {
        if (!is_disk_key(key) || is_cdrom_value(key, value)) continue;
        std::string volume = volume_of(value);
        if (!volume.empty()) disks.push_back({key, std::move(volume)});
    }
    std::sort(disks.begin(), disks.end(),
              [](const auto& a, const auto& b) { return a.key < b.key; });
    return disks;
}

bool disk_has_snapshot(Engine& engine, const std::string& volume, const std::string& name) {
    const VolumeInfo info = engine.storages.info(volume);
    if (const DeviceStorage* storage = device_storage(engine.storages, volume))
        return storage->has_snapshot(info, name);
    if (info.format != "qcow2") return false;
    const auto names = image_info(engine.host, info.path, info.format).snapshots;
    return std::find(names.begin(), names.end(), name) != names.end();
}

// The stream holds each page once, and those again that changed while it was written.
int64_t state_bytes(const Config& config) {
    return (config.integer("memory") * 2 + 500) * (int64_t{1} << 20);
}

const Storage& state_storage(Engine& engine, const Guest& guest, const Values& words) {
    if (const auto wanted = words.get("storage")) return engine.storages.get(*wanted);
    if (const auto wanted = guest.config.current.get("vmstatestorage"))
        return engine.storages.get(*wanted);
    const auto disks = snapshot_disks(guest.config.current);
    for (const SnapshotDisk& disk : disks)
        if (!disk.volume.starts_with('/')) {
            const Storage& storage = engine.storages.of(disk.volume);
            if (storage.holds("images")) return storage;
        }
    return engine.storages.default_for("images");
}

std::string volume_path(Engine& engine, const std::string& volume) {
    const size_t colon = volume.find(':');
    if (volume.starts_with('/') || colon == std::string::npos) return volume;
    return engine.storages.of(volume).path(volume.substr(colon + 1));
}

void carry_steps(Work& work, const Plan& plan) {
    for (const Step& step : plan.steps)
        work.engine().actions.find(step.action.verb).run(work, step.action.on);
}

namespace {

// A small disk of the firmware or the TPM that has no snapshots is left out, and that is said; a
// disk of the guest is not.
bool is_small_part(std::string_view key) {
    return key == "efidisk0" || key == "tpmstate0";
}

// The disks that a snapshot of the guest as it is now is made of.
std::vector<SnapshotDisk> disks_to_snapshot(Engine& engine, const Guest& guest, bool running,
                                            const std::string& name, Plan& plan) {
    std::vector<SnapshotDisk> taken;
    for (SnapshotDisk& disk : snapshot_disks(guest.config.current)) {
        const auto refuse = [&](std::string_view why) {
            fail(Exit::refused, "cannot make a snapshot of {}: its disk {} ({}) {}",
                 guest_words(guest), disk.key, disk.volume, why);
        };
        if (disk.volume.starts_with('/'))
            refuse("belongs to this machine, not to a storage; lodge guest set takes it out");
        const auto drive = guest.config.properties(disk.key);
        if (running && drive && drive->flag("snapshot"))
            refuse("forgets what is written (snapshot=1); stop the guest first");
        const VolumeInfo info = engine.storages.info(disk.volume);
        // swtpm has the TPM's state open while the guest runs.
        const bool can = engine.storages.of(disk.volume).can_snapshot(info) &&
                         !(running && disk.key == "tpmstate0");
        if (can) {
            if (disk_has_snapshot(engine, disk.volume, name))
                refuse(
                    fmt::format("has a snapshot {} inside that the configuration does not know; "
                                "take another name",
                                name));
            taken.push_back(std::move(disk));
        } else if (is_small_part(disk.key)) {
            plan.warn(fmt::format(
                "{} is not part of the snapshot (its format {} has none): {} stay as they are when "
                "you go back",
                disk.key, info.format,
                disk.key == "efidisk0" ? "the firmware's variables" : "the TPM's keys"));
        } else {
            refuse(
                fmt::format("is {}, which has no snapshots; lodge disk move {} {} --format qcow2 "
                            "makes it one that has",
                            info.format, guest.id, disk.key));
        }
    }
    return taken;
}

void put_disks(const std::vector<SnapshotDisk>& disks, Values& on) {
    std::vector<std::string> keys, volumes;
    for (const SnapshotDisk& disk : disks) {
        keys.push_back(disk.key);
        volumes.push_back(disk.volume);
    }
    if (keys.empty()) return;
    on.set({"keys", keys});
    on.set({"volumes", volumes});
}

// Those whose snapshots QEMU makes in them: not what lies on devices of a storage.
std::vector<SnapshotDisk> inside_of(Engine& engine, std::vector<SnapshotDisk> disks) {
    std::erase_if(disks, [&](const SnapshotDisk& disk) {
        return device_storage(engine.storages, disk.volume) != nullptr;
    });
    return disks;
}

void refuse_in_the_middle(const Guest& guest, const Section& section, const std::string& name,
                          std::string_view verb) {
    const auto state = section.get("snapstate");
    if (!state) return;
    fail(Exit::refused,
         "cannot {} {} to {}: that snapshot is {}; lodge snapshot delete {} {} --force removes "
         "what is there",
         verb, guest_words(guest), name, *state == "prepare" ? "half made" : "half deleted",
         guest.id, name);
}

const Section& section_of(const Guest& guest, const std::string& name) {
    const Section* section = guest.config.snapshot(name);
    if (section != nullptr) return *section;
    std::vector<std::string> names;
    for (const auto& [one, unused] : guest.config.snapshots())
        names.push_back(one);
    fail(Exit::not_found, "{} has no snapshot {}; {}", guest_words(guest), in_quotes(name),
         names.empty() ? "it has none at all" : "it has " + join(names, ", "));
}

}  // namespace

Plan VmKind::snapshot(Engine& engine, const Guest& guest, const Values& words) const {
    const std::string& name = words.text("name");
    refuse_if_held(guest, "make a snapshot of");
    if (guest.config.flag("template"))
        fail(Exit::refused, "cannot make a snapshot of {}: it is a template", guest_words(guest));
    Config probe = guest.config;
    probe.add_snapshot(name);  // throws for a bad name or one that is taken
    const bool running = vm_process(engine.host, guest.id).has_value();
    const bool with_memory = words.flag("ram");
    if (with_memory && !running)
        fail(Exit::refused, "cannot save the memory of {}: it is not running", guest_words(guest));

    Plan plan;
    plan.title = fmt::format("snapshot {} of {}", name, guest_words(guest));
    plan.guests = {guest.id};
    const auto disks = disks_to_snapshot(engine, guest, running, name, plan);
    const std::string time = std::to_string(engine.host.now_seconds());
    Values prepare = {{"guest", guest.id}, {"name", name}, {"time", time}};
    if (const auto text = words.get("description"); text && !text->empty())
        prepare.set({"description", *text});
    std::string state;
    if (with_memory) {
        state =
            state_storage(engine, guest, words)
                .plan_allocate(plan, guest.id, state_bytes(guest.config), "raw", "state-" + name);
        prepare.set({"vmstate", state});
    }
    plan.step("write down that the snapshot is being made",
              {"snapshot-prepare", std::move(prepare)},
              Action{"snapshot-forget", {{"guest", guest.id}, {"name", name}, {"time", time}}});
    if (running) {
        Values on = {{"guest", guest.id}, {"name", name}};
        put_disks(inside_of(engine, disks), on);
        Plan beneath;
        for (const SnapshotDisk& disk : disks)
            if (const DeviceStorage* storage = device_storage(engine.storages, disk.volume))
                storage->plan_snapshot(beneath, engine.storages.info(disk.volume), name);
        if (!beneath.steps.empty()) on.set({"beneath", plan_to_json(beneath)});
        if (with_memory) {
            on.set({"path", volume_path(engine, state)});
            plan.step("write the memory to " + state + ", and hold still for the disks",
                      {"vm-snapshot-ram", on}, Action{"vm-snapshot-undo", on});
        } else {
            const bool freeze = agent_freezes(guest.config) && !disks.empty();
            if (freeze)
                on.set({"freeze", true});
            else if (!disks.empty())
                plan.warn(
                    "without the guest's agent (agent: 1) the disks are as after a power cut");
            plan.step("take the disks at one instant", {"vm-snapshot-disks", on},
                      Action{"vm-snapshot-undo", on});
        }
    } else {
        for (const SnapshotDisk& disk : disks)
            engine.storages.of(disk.volume)
                .plan_snapshot(plan, engine.storages.info(disk.volume), name);
    }
    plan.step("write down that the snapshot is whole",
              {"snapshot-commit", {{"guest", guest.id}, {"name", name}}});
    plan.afterwards = fmt::format("{} has the snapshot {}; lodge snapshot rollback {} {} goes back",
                                  guest_words(guest), name, guest.id, name);
    return plan;
}

namespace {

// All that must be there for a way back is looked at before the guest is touched.
std::vector<SnapshotDisk> disks_to_roll_back(Engine& engine, const Guest& guest,
                                             const Section& section, const std::string& name,
                                             Plan& plan) {
    std::vector<SnapshotDisk> disks;
    for (SnapshotDisk& disk : snapshot_disks(section)) {
        const auto refuse = [&](const std::string& why) {
            fail(Exit::refused, "cannot bring {} back to {}: {} ({}) {}", guest_words(guest), name,
                 disk.key, disk.volume, why);
        };
        if (disk.volume.starts_with('/')) refuse("belongs to this machine and has no snapshots");
        VolumeInfo info;
        try {
            info = engine.storages.info(disk.volume);
        } catch (const Error& error) {
            refuse(std::string("is not there: ") + error.what());
        }
        if (!engine.storages.of(disk.volume).can_snapshot(info)) {
            if (!is_small_part(disk.key)) refuse("is " + info.format + ", which has no snapshots");
            plan.warn(disk.key + " is not part of the snapshot and stays as it is");
            continue;
        }
        if (!disk_has_snapshot(engine, disk.volume, name)) {
            if (!is_small_part(disk.key)) refuse("does not have it");
            plan.warn(disk.key + " is not part of the snapshot and stays as it is");
            continue;
        }
        disks.push_back(std::move(disk));
    }
    return disks;
}

}  // namespace

Plan VmKind::rollback(Engine& engine, const Guest& guest, const Values& words) const {
    const std::string& name = words.text("name");
    const Section& section = section_of(guest, name);
    // One that broke off in the middle is completed by doing it again.
    const bool again = guest.config.current.get("lock") == "rollback";
    const bool suspended = guest.config.current.get("lock") == "suspended";
    if (!again && !suspended) refuse_if_held(guest, "roll back");
    refuse_in_the_middle(guest, section, name, "bring back");
    const bool with_memory = section.has("vmstate");
    Plan plan;
    plan.title = fmt::format("bring {} back to {}", guest_words(guest), name);
    plan.guests = {guest.id};
    const auto disks = disks_to_roll_back(engine, guest, section, name, plan);
    if (with_memory) engine.storages.info(*section.get("vmstate"));
    if (vm_process(engine.host, guest.id)) {
        Plan ending = stop(engine, guest, {});
        plan.append(std::move(ending));
        if (!with_memory && !words.flag("start"))
            plan.warn(
                fmt::format("{} holds no memory: the guest is stopped, and starts afresh", name));
    }
    Edit lock;
    if (!again) {
        lock.set = {"lock=rollback"};
        Edit unlock;
        unlock.erase = {"lock"};
        // With several disks some may be back and some not when it fails: then the lock stays, and
        // the same command once more completes it.
        std::optional<Action> undo;
        if (disks.size() < 2) undo = config_unset_action(guest.id, folder(), lock, guest.config);
        plan.step("hold the guest", config_set_action(guest.id, folder(), lock), std::move(undo));
    }
    const size_t steps = plan.steps.size();
    for (const SnapshotDisk& disk : disks)
        engine.storages.of(disk.volume)
            .plan_rollback(plan, engine.storages.info(disk.volume), name);
    Values apply = {{"guest", guest.id}, {"name", name}};
    if (with_memory)
        apply.set({"ram", true});
    else
        apply.set({"generation", random_uuid()});
    plan.step("take over the configuration as it was", {"snapshot-apply", std::move(apply)});
    plan.no_way_back_from(steps);
    if (suspended)
        if (const auto state = guest.config.current.get("vmstate");
            state && !is_snapshot_state(guest.config, *state))
            engine.storages.of(*state).plan_delete(plan, engine.storages.info(*state));
    if (with_memory || words.flag("start"))
        plan.step(with_memory ? "go on from the saved memory" : "start it",
                  {"guest-start", {{"guest", guest.id}}});
    const bool stopped = !with_memory && !words.flag("start");
    plan.afterwards = fmt::format("{} is as it was at {}{}", guest_words(guest), name,
                                  stopped ? ", and stopped" : "");
    return plan;
}

Plan VmKind::delete_snapshot(Engine& engine, const Guest& guest, const Values& words) const {
    const std::string& name = words.text("name");
    const Section& section = section_of(guest, name);
    const bool force = words.flag("force");
    const std::string lock = guest.config.current.get("lock").value_or("");
    const bool ours = lock == "snapshot" || lock == "snapshot-delete";
    if (lock == "suspended" && section.has("vmstate") &&
        section.get("vmstate") == guest.config.current.get("vmstate"))
        fail(Exit::refused,
             "cannot delete the snapshot {} of {}: the guest goes on from its memory at the next "
             "start",
             name, guest_words(guest));
    if (lock != "suspended" && !(ours && (force || section.has("snapstate"))))
        refuse_if_held(guest, "delete a snapshot of");
    Plan plan;
    plan.title = fmt::format("delete the snapshot {} of {}", name, guest_words(guest));
    plan.guests = {guest.id};
    const bool running = vm_process(engine.host, guest.id).has_value();
    if (lock != "suspended")
        plan.step("write down that the snapshot is being deleted",
                  {"snapshot-mark-delete", {{"guest", guest.id}, {"name", name}}},
                  Action{"snapshot-unmark", {{"guest", guest.id}, {"name", name}}});
    std::vector<SnapshotDisk> attached;
    const auto now = snapshot_disks(guest.config.current);
    for (const SnapshotDisk& disk : snapshot_disks(section)) {
        const auto place = std::find_if(now.begin(), now.end(), [&](const SnapshotDisk& one) {
            return one.volume == disk.volume;
        });
        const bool beneath = device_storage(engine.storages, disk.volume) != nullptr;
        if (running && !beneath && place != now.end() && disk.key != "tpmstate0") {
            attached.push_back(*place);
            continue;
        }
        try {
            const VolumeInfo info = engine.storages.info(disk.volume);
            const Storage& storage = engine.storages.of(disk.volume);
            if (storage.can_snapshot(info)) storage.plan_delete_snapshot(plan, info, name);
        } catch (const Error& error) {
            // A volume that is gone took its snapshots along.
            if (error.exit() != Exit::not_found && !force) throw;
            plan.warn(fmt::format("{} is left out: {}", disk.key, error.what()));
        }
    }
    if (!attached.empty()) {
        Values on = {{"guest", guest.id}, {"name", name}};
        put_disks(attached, on);
        if (force) on.set({"force", true});
        plan.step("let the running guest's disks forget it", {"vm-snapshot-delete", on});
    }
    if (const auto state = section.get("vmstate")) {
        try {
            engine.storages.of(*state).plan_delete(plan, engine.storages.info(*state));
            plan.no_way_back();
        } catch (const Error& error) {
            if (error.exit() != Exit::not_found && !force) throw;
        }
    }
    plan.step("forget the snapshot", {"snapshot-drop", {{"guest", guest.id}, {"name", name}}});
    plan.no_way_back();
    plan.afterwards = fmt::format("{} no longer has the snapshot {}", guest_words(guest), name);
    return plan;
}

}  // namespace lodge
