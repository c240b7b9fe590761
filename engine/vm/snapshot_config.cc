#include <algorithm>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/schema.h"
#include "engine/units.h"
#include "engine/vm/change.h"
#include "engine/vm/change_actions.h"
#include "engine/vm/snapshot_parts.h"

// What snapshots do to a guest's file. The keys that a snapshot's section has not are those of the
// format: snapshots, snapstate, snaptime, vmstate, lock, digest, description, unused<N>.

namespace lodge {
namespace {

bool stays_behind(std::string_view key) {
    return key == "snapstate" || key == "snaptime" || key == "vmstate" || key == "lock" ||
           key == "digest" || key.starts_with("unused");
}

void change(Work& work, const Values& on, const std::function<void(Config&)>& edit) {
    work.engine().store.change("qemu-server", static_cast<int>(on.integer("guest")), vm_schema(),
                               edit);
}

void release(Config& config, std::string_view lock) {
    if (config.current.get("lock") == lock) config.current.erase("lock");
}

void erase_all(Section& section) {
    const auto entries = section.entries();
    for (const auto& [key, value] : entries)
        section.erase(key);
}

// A section moves as a whole: shown in words, as no line of shell does it.
std::string shell(const Values& on, std::string_view what) {
    return fmt::format("# in qemu-server/{}.conf: {}", on.text("guest"),
                       fmt::format(fmt::runtime(what), on.text("name")));
}

}  // namespace

void copy_into_section(const Section& from, Section& to) {
    for (const auto& [key, value] : from.entries())
        if (!stays_behind(key)) to.add(key, value);
}

void apply_section(Config& config, const std::string& name, bool with_memory,
                   const std::string& generation) {
    const Section* section = config.snapshot(name);
    if (section == nullptr)
        fail(Exit::not_found, "{}: there is no snapshot {}", config.file(), in_quotes(name));
    std::vector<std::string> left_over;
    std::vector<std::pair<std::string, std::string>> unused;
    for (const auto& [key, value] : config.current.entries()) {
        if (key.starts_with("unused"))
            unused.emplace_back(key, value);
        else if (is_disk_key(key) && !is_cdrom_value(key, value))
            left_over.push_back(volume_of(value));
    }
    erase_all(config.current);
    erase_all(config.pending);
    config.pending.erase("description");
    for (const auto& [key, value] : section->entries())
        if (!stays_behind(key) && key != "runningmachine" && key != "runningcpu" &&
            key != "running-nets-host-mtu")
            config.current.set(key, value);
    for (const auto& [key, value] : unused)
        config.current.set(key, value);
    for (const std::string& volume : left_over)
        keep_as_unused(config, volume);
    config.current.set("parent", name);
    if (!with_memory) {
        // The guest must see that its time jumped back; saved memory goes on as if it had not.
        if (!generation.empty() && config.current.has("vmgenid"))
            config.current.set("vmgenid", generation);
        return;
    }
    config.current.set("lock", "suspended");
    for (const char* key : {"vmstate", "runningmachine", "runningcpu"})
        if (const auto value = section->get(key)) config.current.set(key, *value);
}

void drop_section(Config& config, const std::string& name) {
    if (config.snapshot(name) == nullptr) return;
    const std::string parent = config.snapshot(name)->get("parent").value_or("");
    const auto link = [&](Section& section) {
        if (section.get("parent") != name) return;
        if (parent.empty() || parent == name)
            section.erase("parent");
        else
            section.set("parent", parent);
    };
    link(config.current);
    std::vector<std::string> names;
    for (const auto& [other, section] : config.snapshots())
        if (other != name) names.push_back(other);
    for (const std::string& other : names)
        link(*config.snapshot(other));
    config.remove_snapshot(name);
}

namespace {

bool has_all_parts(Engine& engine, const Section& section, const std::string& name) {
    try {
        for (const SnapshotDisk& disk : snapshot_disks(section))
            if (!disk_has_snapshot(engine, disk.volume, name)) return false;
        if (const auto state = section.get("vmstate")) engine.storages.info(*state);
        return true;
    } catch (const Error&) {
        return false;  // what cannot be looked at is not known to be whole
    }
}

}  // namespace

// The verbs.

void run_snapshot_prepare(Work& work, const Values& on) {
    const std::string& name = on.text("name");
    change(work, on, [&](Config& config) {
        if (const auto lock = config.current.get("lock"))
            fail(Exit::busy, "guest {} is locked ({})", on.text("guest"), *lock);
        Section& section = config.add_snapshot(name);
        copy_into_section(config.current, section);
        if (const auto words = on.get("description"); words && !words->empty())
            section.set_description(*words);
        section.set("snaptime", on.text("time"));
        section.set("snapstate", "prepare");
        if (on.has("vmstate")) section.set("vmstate", on.text("vmstate"));
        config.current.set("lock", "snapshot");
    });
}

std::string shell_snapshot_prepare(const Values& on) {
    return shell(
        on, "lock: snapshot; a copy of the lines above as the section [{}], snapstate: prepare");
}

void run_snapshot_forget(Work& work, const Values& on) {
    const std::string& name = on.text("name");
    change(work, on, [&](Config& config) {
        // One that was finished before, by whoever it was, is none of this plan.
        const Section* section = config.snapshot(name);
        if (section == nullptr || section->get("snaptime") != on.text("time")) return;
        drop_section(config, name);
        release(config, "snapshot");
    });
}

std::string shell_snapshot_forget(const Values& on) {
    return shell(on, "without the section [{}] and the lock");
}

void run_snapshot_commit(Work& work, const Values& on) {
    const std::string& name = on.text("name");
    change(work, on, [&](Config& config) {
        Section* section = config.snapshot(name);
        if (section == nullptr)
            fail(Exit::failed, "guest {}: the snapshot {} vanished while it was made",
                 on.text("guest"), name);
        section->erase("snapstate");
        config.current.set("parent", name);
        release(config, "snapshot");
    });
}

std::string shell_snapshot_commit(const Values& on) {
    return shell(on, "[{0}] without snapstate; parent: {0}; without the lock");
}

void run_snapshot_apply(Work& work, const Values& on) {
    change(work, on, [&](Config& config) {
        apply_section(config, on.text("name"), on.flag("ram"), on.text("generation", ""));
    });
}

std::string shell_snapshot_apply(const Values& on) {
    return shell(on, "the lines of [{0}] take the place of those above; parent: {0}");
}

void run_snapshot_mark_delete(Work& work, const Values& on) {
    change(work, on, [&](Config& config) {
        Section* section = config.snapshot(on.text("name"));
        if (section == nullptr)
            fail(Exit::not_found, "guest {} has no snapshot {}", on.text("guest"), on.text("name"));
        section->set("snapstate", "delete");
        config.current.set("lock", "snapshot-delete");
    });
}

std::string shell_snapshot_mark_delete(const Values& on) {
    return shell(on, "lock: snapshot-delete; [{}] with snapstate: delete");
}

// A snapshot that still has all its parts is whole again; else it stays marked.
void run_snapshot_unmark(Work& work, const Values& on) {
    const std::string& name = on.text("name");
    Engine& engine = work.engine();
    change(work, on, [&](Config& config) {
        release(config, "snapshot-delete");
        Section* section = config.snapshot(name);
        if (section != nullptr && has_all_parts(engine, *section, name))
            section->erase("snapstate");
    });
}

std::string shell_snapshot_unmark(const Values& on) {
    return shell(on, "without the lock; [{}] without snapstate when its disks still have it");
}

void run_snapshot_drop(Work& work, const Values& on) {
    change(work, on, [&](Config& config) {
        drop_section(config, on.text("name"));
        release(config, "snapshot-delete");
        release(config, "snapshot");
    });
}

std::string shell_snapshot_drop(const Values& on) {
    return shell(
        on, "without the section [{0}]; what had parent: {0} gets its parent; without the lock");
}

}  // namespace lodge
