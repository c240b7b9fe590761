#include <algorithm>
#include <set>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/life/ending.h"
#include "engine/units.h"
#include "engine/vm/change.h"
#include "engine/vm/vm.h"

namespace lodge {
namespace {

void collect(const Section& section, std::set<std::string>& volumes) {
    for (const auto& [key, value] : section.entries()) {
        std::string volume;
        if (key == "vmstate")
            volume = value;
        else if (is_disk_key(key))
            volume = volume_of(value);
        else if (key.rfind("unused", 0) == 0)
            volume = volume_of(value);
        if (!volume.empty()) volumes.insert(volume);
    }
}

// Every volume that the configuration names, in whatever section.
std::set<std::string> volumes_of(const Config& config) {
    std::set<std::string> volumes;
    collect(config.current, volumes);
    collect(config.pending, volumes);
    for (const auto& [name, section] : config.snapshots())
        collect(section, volumes);
    return volumes;
}

void delete_volumes(Engine& engine, const Guest& guest, Plan& plan) {
    for (const std::string& name : volumes_of(guest.config)) {
        const auto id = VolumeId::parse(name);
        if (!id) {
            if (name.front() == '/') plan.warn(name + " is kept: it is no volume of a storage");
            continue;
        }
        try {
            const VolumeInfo volume = engine.storages.info(name);
            if (volume.content != "images" && volume.content != "rootdir") continue;
            if (volume.owner != guest.id) {
                plan.warn(fmt::format("{} is kept: it belongs to guest {}", name, volume.owner));
                continue;
            }
            engine.storages.get(id->storage).plan_delete(plan, volume);
        } catch (const Error& trouble) {
            // A linked clone's base must stop everything; a storage that is gone must not.
            if (trouble.exit() == Exit::not_found || trouble.exit() == Exit::usage) continue;
            const auto& all = engine.storages.all();
            const bool usable = std::any_of(all.begin(), all.end(), [&](const auto& storage) {
                return storage->id() == id->storage && storage->why_unusable().empty();
            });
            if (usable) throw;
            plan.warn(fmt::format("{} is left behind: {}", name, trouble.what()));
        }
    }
}

// What lies on the storages under the guest's number and no key names is not ours to delete.
void warn_of_others(Engine& engine, const Guest& guest, Plan& plan) {
    const auto named = volumes_of(guest.config);
    for (const auto& storage : engine.storages.all()) {
        if (!storage->why_unusable().empty()) continue;
        for (const VolumeInfo& volume : storage->list())
            if (volume.owner == guest.id && !named.contains(volume.id))
                plan.warn(
                    fmt::format("{} stays: no key of the guest names it; lodge disk delete {}",
                                volume.id, volume.id));
    }
}

}  // namespace

// words: keep-disks 1: the volumes stay; force 1: stops it first when it runs.
Plan VmKind::destroy(Engine& engine, const Guest& guest, const Values& words) const {
    Plan plan = plan_destroy(engine, guest, words);
    // Half a guest is no use to anyone: what was begun is done to its end.
    const size_t steps = plan.steps.size();
    if (words.flag("keep-disks"))
        plan.warn(fmt::format("its disks stay on the storages under the number {}", guest.id));
    else
        delete_volumes(engine, guest, plan);
    warn_of_others(engine, guest, plan);
    const std::string run = guest_run_folder(engine.host, guest.id);
    if (engine.host.exists(run)) plan.step("remove its sockets", {"remove-tree", {{"path", run}}});
    plan_destroyed(engine, guest, plan);
    plan.no_way_back_from(steps);
    return plan;
}

}  // namespace lodge
