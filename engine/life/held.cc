#include "engine/life/held.h"

#include <sys/wait.h>

#include <algorithm>

#include "engine/error.h"
#include "engine/guest.h"
#include "engine/host.h"

namespace lodge {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::optional<Held> hold(const Host& host, const std::optional<ProcessId>& process) {
    if (!process) return std::nullopt;
    Fd pidfd = open_process(host, *process);
    if (!pidfd) return std::nullopt;
    return Held{*process, std::move(pidfd)};
}

bool wait_telling(Work& work, const Held& held, seconds limit, const std::function<void()>& again) {
    const auto between = std::clamp<milliseconds>(limit / 6, milliseconds(500), seconds(10));
    const auto begin = Clock::now();
    milliseconds next = between;
    for (;;) {
        const auto passed = std::chrono::duration_cast<milliseconds>(Clock::now() - begin);
        if (passed >= limit) return wait_end(held.pidfd, milliseconds(0));
        const auto slice = std::min<milliseconds>(milliseconds(500), limit - passed);
        if (wait_end(held.pidfd, slice)) return true;
        work.check();
        work.progress(passed.count() / 1000, limit.count(), "s");
        if (again && passed >= next) {
            again();
            next += between;
        }
    }
}

void reap(const Held& held) {
    ::waitpid(held.process.pid, nullptr, WNOHANG);
}

void forget(const Host& host, const Held& held, int id) {
    reap(held);
    host.remove(guest_run_folder(host, id) + "/pid");
}

void fail_unkillable(const Held& held, const std::string& name) {
    fail(Exit::failed,
         "cannot stop {}: process {} does not end even when killed; the kernel waits for a device "
         "it uses, such as a disk or a network storage",
         name, held.process.pid);
}

int guest_on(const Values& on) {
    return static_cast<int>(on.integer("guest"));
}

std::string name_on(const Values& on) {
    return on.text("name", on.text("guest"));
}

}  // namespace lodge
