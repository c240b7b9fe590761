#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/units.h"
#include "engine/vm/change.h"
#include "engine/vm/change_actions.h"
#include "engine/vm/qmp.h"
#include "engine/vm/snapshot.h"
#include "engine/vm/snapshot_parts.h"
#include "engine/vm/state_stream.h"
#include "engine/vm/vm.h"

// Suspend to disk: the guest's memory goes to a volume, QEMU ends, the next start goes on from
// there.

namespace lodge {
namespace {

std::string date_words(int64_t time) {
    const time_t seconds = time;
    tm parts{};
    ::localtime_r(&seconds, &parts);
    return fmt::format("{:04}-{:02}-{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

}  // namespace

Plan vm_hibernate_plan(Engine& engine, const Guest& guest, const Values& words) {
    refuse_if_held(guest, "suspend to disk");
    if (!vm_process(engine.host, guest.id))
        fail(Exit::refused, "cannot suspend {} to disk: it is not running", guest_words(guest));
    Plan plan;
    plan.title = fmt::format("suspend {} to disk", guest_words(guest));
    plan.guests = {guest.id};
    const Storage& storage = state_storage(engine, guest, words);
    const std::string volume =
        storage.plan_allocate(plan, guest.id, state_bytes(guest.config), "raw",
                              "state-suspend-" + date_words(engine.host.now_seconds()));
    Edit begin;
    begin.set = {"lock=suspending", "vmstate=" + volume};
    // What runs is written down with the memory; taken back as well when that fails.
    Edit back = begin;
    back.erase = {"runningmachine", "runningcpu"};
    plan.step("hold the guest", config_set_action(guest.id, "qemu-server", begin),
              config_unset_action(guest.id, "qemu-server", back, guest.config));
    const Values on = {{"guest", guest.id}, {"path", volume_path(engine, volume)}};
    plan.step("stop the guest's processors and write its memory to " + volume,
              {"vm-save-state", on}, Action{"vm-save-undo", {{"guest", guest.id}}});
    Edit saved;
    saved.set = {"lock=suspended"};
    Edit unsaved;
    unsaved.set = {"lock=suspending"};
    plan.step("write down that it is suspended", config_set_action(guest.id, "qemu-server", saved),
              config_set_action(guest.id, "qemu-server", unsaved));
    // A QEMU that has ended cannot go on: from here the saved memory is the only one there is.
    Plan end = guest.kind->stop(engine, guest, {});
    const auto stop = std::find_if(end.steps.begin(), end.steps.end(),
                                   [](const Step& step) { return step.action.verb == "vm-stop"; });
    end.no_way_back_from(static_cast<size_t>(stop - end.steps.begin()));
    plan.append(std::move(end));
    plan.afterwards = fmt::format("{} is suspended to disk; lodge start {} goes on from there",
                                  guest_words(guest), guest.id);
    return plan;
}

std::optional<SavedState> saved_state(Engine& engine, const Config& config) {
    if (config.current.get("lock") != "suspended") return std::nullopt;
    const auto volume = config.current.get("vmstate");
    if (!volume) return std::nullopt;
    return SavedState{*volume, volume_path(engine, *volume),
                      config.current.get("runningmachine").value_or(""),
                      config.current.get("runningcpu").value_or("")};
}

std::vector<std::string> resume_arguments() {
    return {"-incoming", "defer"};
}

bool is_snapshot_state(const Config& config, const std::string& volume) {
    return std::any_of(config.snapshots().begin(), config.snapshots().end(),
                       [&](const auto& one) { return one.second.get("vmstate") == volume; });
}

void add_resume_steps(Engine&, const Guest& guest, const SavedState& state, Plan& plan) {
    plan.step("bring back the memory from " + state.volume,
              {"vm-load-state", {{"guest", guest.id}, {"path", state.path}}});
    plan.step("let the guest go on, and forget the saved memory",
              {"vm-go-on", {{"guest", guest.id}, {"volume", state.volume}}})
        .no_way_back();
}

bool plan_forget_memory(Engine& engine, const Guest& guest, Plan& plan) {
    const std::string lock = guest.config.current.get("lock").value_or("");
    const auto volume = guest.config.current.get("vmstate");
    if ((lock != "suspended" && lock != "suspending") || !volume ||
        vm_process(engine.host, guest.id))
        return false;
    plan.warn(
        fmt::format("the memory of {} in {} is thrown away: its next start is as after a "
                    "power cut; lodge start {} goes on from it",
                    guest_words(guest), *volume, guest.id));
    Edit forget;
    forget.erase = {"lock", "vmstate", "runningmachine", "runningcpu"};
    add_config_step(plan, "forget the saved memory", guest.id, "qemu-server", forget, guest.config);
    if (is_snapshot_state(guest.config, *volume)) return true;
    try {
        engine.storages.of(*volume).plan_delete(plan, engine.storages.info(*volume));
    } catch (const Error& error) {
        if (error.exit() != Exit::not_found) throw;
    }
    return true;
}

namespace {

// Removes the volume that the guest went on from. A snapshot keeps its own.
void forget_memory(Work& work, const Config& config, const std::string& volume) {
    if (is_snapshot_state(config, volume)) return;
    try {
        Storages& storages = work.engine().storages;
        Plan plan;
        storages.of(volume).plan_delete(plan, storages.info(volume));
        carry_steps(work, plan);
    } catch (const Error& error) {
        if (error.exit() == Exit::not_found) return;
        work.say(fmt::format("{} is left over: {}", volume, error.what()));
    }
}

}  // namespace

// One step, so that nobody can take it apart: once the guest has moved on its disks leave the saved
// memory behind, and to go on from that a second time would ruin them.
void run_vm_go_on(Work& work, const Values& on) {
    Engine& engine = work.engine();
    const int id = static_cast<int>(on.integer("guest"));
    const std::string& volume = on.text("volume");
    // A crash in the middle may have taken QEMU along. Memory that the configuration still has was
    // never gone on from; what it has forgotten may have been.
    const bool gone = on.flag("again") && !vm_process(engine.host, id);
    if (gone && saved_state(engine, engine.store.load("qemu-server", id, vm_schema()))) {
        work.say("its QEMU has ended before it went on: the saved memory stays for the next start");
        return;
    }
    const std::vector<std::string> keys = {"lock", "vmstate", "runningmachine", "runningcpu"};
    Edit back;
    const Config after = engine.store.change("qemu-server", id, vm_schema(), [&](Config& config) {
        for (const std::string& key : keys) {
            if (const auto value = config.current.get(key)) back.set.push_back(key + "=" + *value);
            config.current.erase(key);
        }
    });
    try {
        if (!gone) vm_monitor(engine.host, id).call("cont", {}, std::chrono::seconds(60));
    } catch (const Error&) {
        engine.store.change("qemu-server", id, vm_schema(),
                            [&](Config& config) { apply_edit(config, back); });
        throw;
    }
    forget_memory(work, after, volume);
}

std::string shell_vm_go_on(const Values& on) {
    Edit forget;
    forget.erase = {"lock", "vmstate", "runningmachine", "runningcpu"};
    const int id = static_cast<int>(on.integer("guest"));
    return shell_config_set(config_set_action(id, "qemu-server", forget).on) + "\n" +
           qmp_as_shell(on.text("guest"), "cont", nullptr) + "\n# then remove " +
           on.text("volume") + " unless a snapshot has it";
}

}  // namespace lodge
