#include <csignal>

#include "engine/container/container.h"
#include "engine/container/life.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/life/held.h"
#include "engine/text.h"
#include "engine/vm/life.h"

// How a container is asked and made to end. Every signal goes through a pidfd whose process was
// compared after it was opened: never to anyone else.

namespace lodge {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// What is paused hears nothing, and does not die.
void let_go_on(Work& work, int id) {
    const Host& host = work.engine().host;
    if (!ct_is_frozen(host, id)) return;
    work.say("it is paused: it goes on, so that it can end");
    ct_freeze(host, id, false);
}

// Kills the first process, with which the kernel kills all others of its namespace; then the
// monitor, when that does not follow by itself. Throws when even that is in vain.
void end_container(Work& work, const Held& monitor, int id, const std::string& name,
                   seconds limit) {
    const Host& host = work.engine().host;
    try {
        let_go_on(work, id);
    } catch (const Error& error) {
        work.say(error.what());
    }
    if (const auto init = hold(host, ct_init(host, monitor.process)))
        signal_process(init->pidfd, SIGKILL);
    else
        signal_process(monitor.pidfd, SIGTERM);
    if (wait_telling(work, monitor, limit)) return;
    work.say(fmt::format("its monitor (process {}) is killed", monitor.process.pid));
    signal_process(monitor.pidfd, SIGKILL);
    if (wait_telling(work, monitor, seconds(30))) return;
    fail_unkillable(monitor, name);
}

std::string program_of(const Host& host, const ProcessId& process) {
    return printable(host.read_line(host.system(fmt::format("/proc/{}/comm", process.pid))));
}

// Asks the first process; false when there is none, or none that takes a request.
bool ask(Work& work, const Held& monitor, const Values& on, std::string& why_not) {
    const Host& host = work.engine().host;
    const auto init = hold(host, ct_init(host, monitor.process));
    if (!init) {
        why_not = "it has no first process";
        return false;
    }
    const std::string folder = host.system(fmt::format("/proc/{}", init->process.pid));
    FirstProcess first;
    first.status = host.read(folder + "/status").value_or("");
    first.waits = host.read_line(folder + "/wchan").find("sigtimedwait") != std::string::npos;
    first.system = !on.has("program");
    const auto signal = halt_signal(on.text("signal", ""), first);
    if (!signal) {
        why_not = fmt::format("its first process, {}, takes no request to end",
                              program_of(host, init->process));
        return false;
    }
    signal_process(init->pidfd, *signal);
    work.say(fmt::format("asked its first process, {}, by signal {}",
                         program_of(host, init->process), *signal));
    return true;
}

}  // namespace

void run_ct_shutdown(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const int id = guest_on(on);
    const std::string name = name_on(on);
    const auto monitor = hold(host, ct_process(host, id));
    if (!monitor) {
        work.say(name + " does not run any more");
        return;
    }
    const seconds limit(on.integer("timeout", 60));
    let_go_on(work, id);
    std::string why_not;
    const bool asked = ask(work, *monitor, on, why_not);
    if (asked && wait_telling(work, *monitor, limit)) return forget(host, *monitor, id);
    if (!asked && wait_end(monitor->pidfd, milliseconds(100))) return forget(host, *monitor, id);
    if (!on.flag("force")) {
        if (!asked)
            fail(Exit::failed, "cannot shut down {}: {}; lodge stop {} ends it at once", name,
                 why_not, id);
        fail(Exit::failed,
             "{} did not shut down within {} s: lodge stop {} ends it at once, and lodge shutdown "
             "--timeout waits longer",
             name, limit.count(), id);
    }
    work.say(asked ? fmt::format("it did not end within {} s: it is stopped", limit.count())
                   : why_not + ": it is stopped");
    end_container(work, *monitor, id, name, seconds(10));
    forget(host, *monitor, id);
}

void run_ct_stop(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const int id = guest_on(on);
    const auto monitor = hold(host, ct_process(host, id));
    if (!monitor) return;
    end_container(work, *monitor, id, name_on(on), seconds(on.integer("timeout", 60)));
    forget(host, *monitor, id);
}

// The undo of a start: what does not run is content with that.
void run_ct_kill(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const int id = guest_on(on);
    if (const auto monitor = hold(host, ct_process(host, id))) {
        end_container(work, *monitor, id, name_on(on), seconds(3));
        forget(host, *monitor, id);
    }
    host.remove(guest_run_folder(host, id) + "/pid");
}

// Also the undo of what a start prepares: one that was refused because the guest runs has nothing
// to take away.
void run_ct_clean(Work& work, const Values& on) {
    if (const auto process = ct_process(work.engine().host, guest_on(on)))
        work.say(fmt::format("it runs (process {}): nothing is taken away", process->pid));
    else
        ct_clean(work.engine().host, guest_on(on));
}

void run_ct_freeze(Work& work, const Values& on) {
    // For the time of a copy: one that has ended meanwhile needs nothing.
    if (on.flag("lenient") && !ct_process(work.engine().host, guest_on(on))) return;
    ct_freeze(work.engine().host, guest_on(on), on.flag("frozen"));
}

}  // namespace lodge
