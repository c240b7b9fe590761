#include "engine/container/container.h"
#include "engine/container/life.h"
#include "engine/container/net.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/life/ending.h"
#include "engine/units.h"
#include "engine/vm/life.h"

// The plans that end, restart and pause a container.

namespace lodge {
namespace {

Action shutdown_action(const Guest& guest, const Values& words) {
    Values on{{"guest", guest.id},
              {"name", guest_words(guest)},
              {"timeout", shutdown_limit(guest, words)}};
    if (const auto raw = guest.config.current.get("lxc.signal.halt")) on.set({"signal", *raw});
    if (guest.config.current.has("entrypoint")) on.set({"program", true});
    if (words.flag("force")) on.set({"force", true});
    return {"ct-shutdown", std::move(on)};
}

// What follows the end of a container, however it came.
void plan_after_end(Engine& engine, const Guest& guest, Plan& plan) {
    const size_t steps = plan.steps.size();
    plan_ct_net_stop(engine, guest, plan);  // what it began is known from the run folder
    plan.step("take away its control groups and its run folder",
              {"ct-clean", {{"guest", guest.id}}});
    plan_hook(engine, guest, plan, "post-stop", false);
    plan.no_way_back_from(steps);
}

Action freeze_action(int id, bool frozen) {
    return {"ct-freeze", {{"guest", id}, {"frozen", frozen}}};
}

}  // namespace

Plan CtKind::shutdown(Engine& engine, const Guest& guest, const Values& words) const {
    need_running(engine, guest, "shut down");
    if (!words.flag("force")) refuse_if_held(guest, "shut down");
    Plan plan = plan_for_guest(guest, "shut down");
    plan_hook(engine, guest, plan, "pre-stop", false);
    plan.step("ask its first process to end, and wait", shutdown_action(guest, words));
    plan_after_end(engine, guest, plan);
    plan.afterwards = guest_words(guest) + " is shut down";
    return plan;
}

Plan CtKind::stop(Engine& engine, const Guest& guest, const Values& words) const {
    need_running(engine, guest, "stop");
    Plan plan = plan_for_guest(guest, "stop");
    if (!words.flag("force")) plan_hook(engine, guest, plan, "pre-stop", false);
    plan.step(
        "kill all of its processes",
        {"ct-stop",
         {{"guest", guest.id}, {"name", guest_words(guest)}, {"timeout", limit_of(words, 60)}}});
    plan_after_end(engine, guest, plan);
    plan.afterwards = guest_words(guest) + " is stopped";
    return plan;
}

Plan CtKind::reboot(Engine& engine, const Guest& guest, const Values& words) const {
    need_running(engine, guest, "reboot");
    refuse_if_held(guest, "reboot");
    Plan plan = plan_for_guest(guest, "reboot");
    plan_hook(engine, guest, plan, "pre-stop", false);
    plan.step("ask its first process to end, and wait", shutdown_action(guest, words));
    plan_after_end(engine, guest, plan);
    plan.append(ct_start_steps(engine, guest));
    plan.afterwards = guest_words(guest) + " was rebooted";
    return plan;
}

Plan CtKind::reset(Engine& engine, const Guest& guest, const Values&) const {
    need_running(engine, guest, "reset");
    refuse_if_held(guest, "reset");
    Plan plan = plan_for_guest(guest, "reset");
    plan.append(stop(engine, guest, {{"force", true}}));
    plan.append(ct_start_steps(engine, guest));
    plan.afterwards = guest_words(guest) + " was reset";
    return plan;
}

Plan CtKind::suspend(Engine& engine, const Guest& guest, const Values& words) const {
    need_running(engine, guest, "suspend");
    refuse_if_held(guest, "suspend");
    if (words.flag("to-disk"))
        fail(Exit::refused,
             "cannot save the memory of {} to disk: a container has none of its own; lodge suspend "
             "{} pauses it",
             guest_words(guest), guest.id);
    if (ct_is_frozen(engine.host, guest.id))
        fail(Exit::refused, "cannot suspend {}: it is paused already", guest_words(guest));
    Plan plan = plan_for_guest(guest, "suspend");
    plan.step("pause its processes", freeze_action(guest.id, true), freeze_action(guest.id, false));
    plan.afterwards = guest_words(guest) + " is paused; lodge resume lets it go on";
    return plan;
}

Plan CtKind::resume(Engine& engine, const Guest& guest, const Values&) const {
    if (!ct_process(engine.host, guest.id))
        fail(Exit::refused, "cannot resume {}: it is not running; lodge start starts it",
             guest_words(guest));
    if (!ct_is_frozen(engine.host, guest.id))
        fail(Exit::refused, "cannot resume {}: it is not paused", guest_words(guest));
    Plan plan = plan_for_guest(guest, "resume");
    plan.step("let its processes go on", freeze_action(guest.id, false),
              freeze_action(guest.id, true));
    plan.afterwards = guest_words(guest) + " goes on";
    return plan;
}

}  // namespace lodge
