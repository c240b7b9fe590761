#include <algorithm>
#include <set>

#include "engine/container/container.h"
#include "engine/container/volume.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/life/ending.h"
#include "engine/storage/device_storage.h"
#include "engine/units.h"
#include "engine/vm/change.h"

namespace lodge {
namespace {

void collect(const Section& section, std::set<std::string>& volumes) {
    for (const auto& [key, value] : section.entries())
        if (is_mount_key(key) || key.starts_with("unused"))
            if (const std::string volume = volume_of(value); !volume.empty())
                volumes.insert(volume);
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

IdMap map_of(Engine& engine, const Guest& guest) {
    if (engine.host.is_root()) return {};
    return id_map_of(engine.host, guest.config);
}

void delete_volumes(Engine& engine, const Guest& guest, Plan& plan) {
    const IdMap map = map_of(engine, guest);
    for (const std::string& name : volumes_of(guest.config)) {
        if (!VolumeId::parse(name) || name.starts_with('/')) {
            plan.warn(name + " is kept: it is no volume of a storage");
            continue;
        }
        try {
            const VolumeInfo volume = engine.storages.info(name);
            if (volume.owner != guest.id) {
                plan.warn(fmt::format("{} is kept: it belongs to guest {}", name, volume.owner));
                continue;
            }
            if ((volume.format != "subvol" && volume.format != "raw") ||
                device_storage(engine.storages, name)) {
                engine.storages.of(name).plan_delete(plan, volume);
                continue;
            }
            // Its snapshots lie beside it.
            const size_t slash = volume.path.rfind('/');
            const std::string begin = volume.path.substr(slash + 1) + "@";
            for (const std::string& one : engine.host.list(volume.path.substr(0, slash)))
                if (one.starts_with(begin))
                    plan_remove_ct_volume(engine, volume.path.substr(0, slash + 1) + one, map,
                                          plan);
            plan_remove_ct_volume(engine, volume.path, map, plan);
        } catch (const Error& trouble) {
            if (trouble.exit() == Exit::not_found || trouble.exit() == Exit::usage) continue;
            plan.warn(fmt::format("{} is left behind: {}", name, trouble.what()));
        }
    }
}

}  // namespace

// words: keep-disks 1: the volumes stay; force 1: stops it first when it runs.
Plan CtKind::destroy(Engine& engine, const Guest& guest, const Values& words) const {
    Plan plan = plan_destroy(engine, guest, words);
    // Half a guest is no use to anyone: what was begun is done to its end.
    const size_t steps = plan.steps.size();
    if (words.flag("keep-disks"))
        plan.warn(fmt::format("its volumes stay on the storages under the number {}", guest.id));
    else
        delete_volumes(engine, guest, plan);
    plan.step("remove what its runs left", {"ct-clean", {{"guest", guest.id}}});
    plan_destroyed(engine, guest, plan);
    plan.no_way_back_from(steps);
    return plan;
}

}  // namespace lodge
