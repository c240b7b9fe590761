#include <csignal>
#include <functional>
#include <nlohmann/json.hpp>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/life/held.h"
#include "engine/units.h"
#include "engine/vm/agent.h"
#include "engine/vm/life.h"
#include "engine/vm/qmp.h"
#include "engine/vm/vm.h"

// How a guest is asked, told and made to end. Every signal goes through a pidfd whose process was
// compared with the pid file after it was opened: never to anyone else.

namespace lodge {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::optional<Held> hold_process(const Host& host, int id) {
    return hold(host, vm_process(host, id));
}

// A paused guest hears neither its power button nor its agent.
void let_go_on(Work& work, int id) {
    Qmp qmp = vm_monitor(work.engine().host, id, seconds(5));
    const auto status = qmp.call("query-status").value("status", "");
    if (status == "paused" || status == "prelaunch") {
        work.say("it is paused: it goes on, so that it can end");
        qmp.call("cont");
    } else if (status == "suspended") {
        work.say("it sleeps: it is woken, so that it can end");
        qmp.call("system_wakeup");
    }
}

bool ask_agent(Work& work, int id, std::string_view mode) {
    try {
        Agent agent = Agent::connect(work.engine().host, id, milliseconds(1500));
        agent.shutdown(mode, milliseconds(2000));
        work.say("asked through the guest agent");
        return true;
    } catch (const Error& error) {
        work.say(fmt::format("the guest agent cannot be asked: {}", error.what()));
        return false;
    }
}

// A system that is still starting loses what it is asked before its button's driver or its agent
// listens; one that is shutting down already does not mind to be asked again.
void press_power_button_again(Work& work, int id) {
    try {
        vm_monitor(work.engine().host, id, seconds(3)).call("system_powerdown", {}, seconds(3));
        work.say("asked again by its power button (ACPI)");
    } catch (const Error& error) {
        work.say(error.what());  // it may be about to end
    }
}

// Tells QEMU to quit; false when it does not take the command, and waiting for it would be in vain.
bool tell_to_quit(Work& work, const Held& held, int id) {
    try {
        Qmp qmp = vm_monitor(work.engine().host, id, seconds(3));
        try {
            qmp.call("quit", {}, seconds(3));
        } catch (const Error&) {
            // A QEMU that closes before it answers does what it was told.
            if (!qmp.closed()) throw;
        }
        return true;
    } catch (const Error& error) {
        if (wait_end(held.pidfd, milliseconds(100))) return true;
        work.say(fmt::format("QEMU takes no command: {}", error.what()));
        return false;
    }
}

// The last rungs: QMP quit, SIGTERM, SIGKILL, each with its time. Throws when even that is in vain.
void end_process(Work& work, const Held& held, int id, const std::string& name,
                 seconds quit_limit) {
    if (quit_limit.count() > 0 && tell_to_quit(work, held, id) &&
        wait_telling(work, held, quit_limit))
        return;
    work.say(fmt::format("QEMU (process {}) is told to end", held.process.pid));
    if (!signal_process(held.pidfd, SIGTERM)) return;
    if (wait_telling(work, held, seconds(quit_limit.count() > 0 ? 10 : 2))) return;
    work.say(fmt::format("QEMU (process {}) is killed", held.process.pid));
    if (!signal_process(held.pidfd, SIGKILL)) return;
    if (wait_telling(work, held, seconds(30))) return;
    fail_unkillable(held, name);
}

}  // namespace

void run_vm_shutdown(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const int id = guest_on(on);
    const std::string name = name_on(on);
    const auto held = hold_process(host, id);
    if (!held) {
        work.say(name + " does not run any more");
        return;
    }
    const seconds limit(on.integer("timeout", 60));
    try {
        let_go_on(work, id);
        if (!(on.flag("agent") && ask_agent(work, id, "powerdown"))) {
            vm_monitor(host, id, seconds(5)).call("system_powerdown");
            work.say("asked by its power button (ACPI)");
        }
        if (wait_telling(work, *held, limit, [&] { press_power_button_again(work, id); }))
            return forget(host, *held, id);
    } catch (const Error& error) {
        if (error.exit() == Exit::cancelled || !on.flag("force")) {
            // It ended while it was asked: that is all that was wanted.
            if (!wait_end(held->pidfd, milliseconds(100))) throw;
            return forget(host, *held, id);
        }
        work.say(error.what());
    }
    if (!on.flag("force"))
        fail(Exit::failed,
             "{} did not shut down within {} s: lodge stop {} ends it at once, and lodge shutdown "
             "--timeout waits longer",
             name, limit.count(), id);
    work.say(fmt::format("it did not end within {} s: it is stopped", limit.count()));
    end_process(work, *held, id, name, seconds(10));
    forget(host, *held, id);
}

void run_vm_stop(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const int id = guest_on(on);
    const auto held = hold_process(host, id);
    if (!held) return;
    end_process(work, *held, id, name_on(on),
                seconds(on.flag("force") ? 0 : on.integer("timeout", 60)));
    forget(host, *held, id);
}

// The undo of a start: what does not run is content with that.
void run_vm_kill(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const int id = guest_on(on);
    if (const auto held = hold_process(host, id)) {
        signal_process(held->pidfd, SIGTERM);
        if (!wait_end(held->pidfd, seconds(3))) {
            signal_process(held->pidfd, SIGKILL);
            if (!wait_end(held->pidfd, seconds(30)))
                fail(Exit::failed, "process {} does not end even when killed", held->process.pid);
        }
        reap(*held);
    }
    host.remove(guest_run_folder(host, id) + "/pid");
}

// Also the undo of what a start prepares: one that was refused because the guest runs has nothing
// to take away.
void run_vm_clean(Work& work, const Values& on) {
    if (const auto process = vm_process(work.engine().host, guest_on(on)))
        work.say(fmt::format("QEMU runs (process {}): nothing is taken away", process->pid));
    else
        vm_clean(work.engine().host, guest_on(on));
}

// A reboot inside: the machine stays, its system starts again.
void run_vm_reboot(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const int id = guest_on(on);
    const seconds limit(on.integer("timeout", 60));
    Qmp qmp = vm_monitor(host, id, seconds(5));
    Agent::connect(host, id, milliseconds(1500)).shutdown("reboot", milliseconds(2000));
    work.say("asked through the guest agent");
    const auto begin = Clock::now();
    for (;;) {
        const auto event = qmp.wait_event(
            [](const nlohmann::json& one) { return one.value("event", "") == "RESET"; },
            milliseconds(500));
        if (event) return;
        work.check();
        const auto passed = std::chrono::duration_cast<seconds>(Clock::now() - begin);
        work.progress(passed.count(), limit.count(), "s");
        if (passed >= limit)
            fail(Exit::failed,
                 "{} did not reboot within {} s: lodge reset {} does it as its reset button does",
                 name_on(on), limit.count(), id);
    }
}

// One QMP command without arguments: stop, cont, system_reset, system_wakeup.
void run_vm_tell(Work& work, const Values& on) {
    vm_monitor(work.engine().host, guest_on(on), seconds(5))
        .call(on.text("command"), {}, seconds(10));
}

}  // namespace lodge
