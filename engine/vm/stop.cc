#include <algorithm>

#include "engine/device.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/life/ending.h"
#include "engine/network/nat.h"
#include "engine/vm/agent.h"
#include "engine/vm/change.h"
#include "engine/vm/life.h"
#include "engine/vm/qmp.h"
#include "engine/vm/snapshot.h"
#include "engine/vm/vm.h"

// The plans that end, restart and pause a guest.

namespace lodge {
namespace {

using std::chrono::milliseconds;

std::string need_status(Engine& engine, const Guest& guest, std::string_view verb) {
    need_running(engine, guest, verb);
    try {
        return vm_status(engine.host, guest.id, milliseconds(3000));
    } catch (const Error& error) {
        fail(error.exit(), "cannot {} {}: {}", verb, guest_words(guest), error.what());
    }
}

Action shutdown_action(const Guest& guest, const Values& words) {
    Values on{{"guest", guest.id},
              {"name", guest_words(guest)},
              {"timeout", shutdown_limit(guest, words)},
              {"agent", agent_expected(guest.config)}};
    if (words.flag("force")) on.set({"force", true});
    return {"vm-shutdown", std::move(on)};
}

// What follows the end of a guest, however it came.
void plan_after_end(Engine& engine, const Guest& guest, Plan& plan) {
    const size_t steps = plan.steps.size();
    plan.step("take away its sockets and its control group", {"vm-clean", {{"guest", guest.id}}});
    for (const DeviceKind* kind : engine.devices)
        kind->plan_end(engine, guest, plan);
    plan_nat_leave(engine, guest.id, plan);
    plan_hook(engine, guest, plan, "post-stop", false);
    plan.no_way_back_from(steps);
}

Action tell_action(int id, std::string_view command) {
    return {"vm-tell", {{"guest", id}, {"command", command}}};
}

bool agent_answers(Engine& engine, const Guest& guest) {
    if (!agent_expected(guest.config)) return false;
    try {
        Agent::connect(engine.host, guest.id, milliseconds(1000)).ping(milliseconds(1000));
        return true;
    } catch (const Error&) {
        return false;  // the plan then goes the other way, and shows it
    }
}

}  // namespace

Plan VmKind::shutdown(Engine& engine, const Guest& guest, const Values& words) const {
    need_running(engine, guest, "shut down");
    if (!words.flag("force")) refuse_if_held(guest, "shut down");
    Plan plan = plan_for_guest(guest, "shut down");
    plan_hook(engine, guest, plan, "pre-stop", false);
    plan.step("ask its system to shut down, and wait", shutdown_action(guest, words));
    plan_after_end(engine, guest, plan);
    plan.afterwards = guest_words(guest) + " is shut down";
    return plan;
}

Plan VmKind::stop(Engine& engine, const Guest& guest, const Values& words) const {
    need_running(engine, guest, "stop");
    Plan plan = plan_for_guest(guest, "stop");
    Values on{{"guest", guest.id}, {"name", guest_words(guest)}, {"timeout", limit_of(words, 60)}};
    if (words.flag("force")) on.set({"force", true});
    if (!words.flag("force")) plan_hook(engine, guest, plan, "pre-stop", false);
    plan.step("end QEMU at once, as pulling its plug would", {"vm-stop", std::move(on)});
    plan_after_end(engine, guest, plan);
    plan.afterwards = guest_words(guest) + " is stopped";
    return plan;
}

Plan VmKind::reboot(Engine& engine, const Guest& guest, const Values& words) const {
    need_running(engine, guest, "reboot");
    refuse_if_held(guest, "reboot");
    Plan plan = plan_for_guest(guest, "reboot");
    plan.afterwards = guest_words(guest) + " was rebooted";
    // Only a new QEMU takes over what waits for the next start.
    if (!has_pending(guest.config) && agent_answers(engine, guest)) {
        plan.step("ask its system to reboot, and wait",
                  {"vm-reboot",
                   {{"guest", guest.id},
                    {"name", guest_words(guest)},
                    {"timeout", shutdown_limit(guest, words)}}});
        return plan;
    }
    plan_hook(engine, guest, plan, "pre-stop", false);
    plan.step("ask its system to shut down, and wait", shutdown_action(guest, words));
    plan_after_end(engine, guest, plan);
    plan.append(vm_start_steps(engine, guest));
    return plan;
}

Plan VmKind::reset(Engine& engine, const Guest& guest, const Values&) const {
    need_running(engine, guest, "reset");
    Plan plan = plan_for_guest(guest, "reset");
    plan.step("press its reset button", tell_action(guest.id, "system_reset"));
    plan.afterwards = guest_words(guest) + " was reset";
    return plan;
}

Plan VmKind::suspend(Engine& engine, const Guest& guest, const Values& words) const {
    const std::string status = need_status(engine, guest, "suspend");
    refuse_if_held(guest, "suspend");
    if (words.flag("to-disk")) return vm_hibernate_plan(engine, guest, words);
    if (status != "running")
        fail(Exit::refused, "cannot suspend {}: QEMU says it is {}", guest_words(guest),
             status == "paused" ? "paused already" : "'" + status + "'");
    Plan plan = plan_for_guest(guest, "suspend");
    plan.step("pause its processors", tell_action(guest.id, "stop"), tell_action(guest.id, "cont"));
    plan.afterwards = guest_words(guest) + " is paused; lodge resume lets it go on";
    return plan;
}

Plan VmKind::resume(Engine& engine, const Guest& guest, const Values& words) const {
    if (!vm_process(engine.host, guest.id)) {
        if (saved_state(engine, guest.config)) return start(engine, guest, words);
        fail(Exit::refused, "cannot resume {}: it is not running; lodge start starts it",
             guest_words(guest));
    }
    const std::string status = need_status(engine, guest, "resume");
    if (status == "running")
        fail(Exit::refused, "cannot resume {}: it is not paused", guest_words(guest));
    Plan plan = plan_for_guest(guest, "resume");
    if (status == "suspended")
        plan.step("wake it from its sleep", tell_action(guest.id, "system_wakeup"));
    else
        plan.step("let its processors go on", tell_action(guest.id, "cont"),
                  tell_action(guest.id, "stop"));
    plan.afterwards = guest_words(guest) + " goes on";
    return plan;
}

}  // namespace lodge
