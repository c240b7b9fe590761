#include "engine/cgroup.h"
#include "engine/container/container.h"
#include "engine/container/life.h"
#include "engine/container/net.h"
#include "engine/container/passage.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/storage/device_storage.h"
#include "engine/units.h"
#include "engine/vm/change.h"
#include "engine/vm/life.h"

// The plan of a container's start: what stands in the way is said here, before anything happens.

namespace lodge {
namespace {

Action prepare_action(const Host& host, int id, const LxcConfig& lxc) {
    Values on{{"guest", id},
              {"run", guest_run_folder(host, id)},
              {"log", guest_log_folder(host, id)},
              {"config", lxc.config}};
    if (!lxc.seccomp.empty()) on.set({"seccomp", lxc.seccomp});
    if (!lxc.devices.empty()) on.set({"devices", lxc.devices});
    if (!lxc.mounts.empty()) on.set({"mounts", lxc.mounts});
    if (!lxc.init.empty()) on.set({"init", lxc.init});
    return {"ct-prepare", std::move(on)};
}

}  // namespace

Plan ct_start_steps(Engine& engine, const Guest& guest) {
    Plan plan;
    plan.guests.push_back(guest.id);
    Guest next = guest;
    if (has_pending(next.config)) {
        apply_pending(next.config);
        plan.step("take over the changes that waited for this start",
                  apply_pending_action(guest.id, guest.kind->folder()));
    }
    const LxcFacts facts = ct_facts(engine, next);
    const LxcConfig lxc = lxc_config(next.config, guest.id, facts);
    for (const std::string& words : lxc.warnings)
        plan.warn(words);
    if (const std::string words = ends_at_logout(engine.host); !words.empty()) plan.warn(words);
    plan_passage(engine.host, facts, plan);
    for (const auto& [key, value] : next.config.current.entries())
        if (const std::string volume = volume_of(value);
            is_mount_key(key) && device_storage(engine.storages, volume))
            plan_activation(engine.storages, engine.storages.info(volume), plan);
    plan.step("write what liblxc is told", prepare_action(engine.host, guest.id, lxc),
              Action{"ct-clean", {{"guest", guest.id}}});
    plan_ct_net_start(engine, next, plan);
    if (next.config.string_of("ostype") != "unmanaged" || !next.config.indexed("net").empty())
        plan.step("tell its system inside of its name, cards and name servers",
                  {"ct-files", {{"guest", guest.id}}});
    plan_hook(engine, next, plan, "pre-start", true);
    plan.step("start the container and wait until its first program runs",
              {"ct-start",
               {{"guest", guest.id},
                {"name", guest_words(guest)},
                {"folder", engine.host.run_folder() + "/guest"},
                {"limit", 30}}},
              Action{"ct-kill", {{"guest", guest.id}}});
    plan_hook(engine, next, plan, "post-start", false);
    return plan;
}

Plan CtKind::start(Engine& engine, const Guest& guest, const Values&) const {
    const std::string words = guest_words(guest);
    const auto refused = [&](std::string_view why) {
        fail(Exit::refused, "cannot start {}: {}", words, why);
    };
    if (ct_process(engine.host, guest.id)) refused("it is running");
    if (guest.config.flag("template")) refused("it is a template; lodge clone makes a guest of it");
    refuse_if_held(guest, "start");
    Plan plan;
    plan.title = "start " + words;
    try {
        plan.append(ct_start_steps(engine, guest));
    } catch (const Error& error) {
        fail(error.exit(), "cannot start {}: {}", words, error.what());
    }
    plan.afterwards = words + " is running";
    return plan;
}

std::string CtKind::show_command(Engine& engine, const Guest& guest) const {
    Guest next = guest;
    apply_pending(next.config);
    const LxcConfig lxc = lxc_config(next.config, guest.id, ct_facts(engine, next));
    std::string text = lxc.config;
    for (const std::string& words : lxc.warnings)
        text += "# warning: " + printable(words) + "\n";
    return text;
}

std::vector<std::string> CtKind::warnings(Engine& engine, const Guest& guest) const {
    try {
        return lxc_config(guest.config, guest.id, ct_facts(engine, guest)).warnings;
    } catch (const Error& error) {
        // What would stop a start is the first thing to know before one.
        return {error.what()};
    }
}

}  // namespace lodge
