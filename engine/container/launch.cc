#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "engine/container/container.h"
#include "engine/container/life.h"
#include "engine/container/use.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/units.h"
#include "engine/vm/life.h"
#include "engine/vm/scrollback.h"

// How a container comes to life: files in its run folder, then liblxc's monitor, until the
// container's own first program runs.

namespace lodge {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

int id_of(const Values& on) {
    return static_cast<int>(on.integer("guest"));
}

// The monitor ended before the container ran: liblxc's own words say why.
[[noreturn]] void fail_dead(const Host& host, int id, pid_t pid, const std::string& name) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    std::string words = ct_last_words(host, id);
    if (words.empty())
        words = fmt::format("its monitor ended and said nothing; its log is {}/lxc.log",
                            guest_log_folder(host, id));
    fail(Exit::failed, "cannot start {}: {}", name, words);
}

// Until the first process has become the container's program. liblxc tells it only to those who
// have liblxc; /proc says the same.
void await_begin(Work& work, const ProcessId& monitor, const Fd& pidfd, const std::string& name,
                 int id, Clock::time_point end) {
    const Host& host = work.engine().host;
    for (;;) {
        if (const auto init = ct_init(host, monitor); init && ct_has_begun(host, monitor, *init))
            return;
        if (wait_end(pidfd, milliseconds(1))) fail_dead(host, id, monitor.pid, name);
        work.check();
        if (Clock::now() >= end) {
            const std::string words = ct_last_words(host, id);
            fail(Exit::failed, "cannot start {}: its first program does not run{}{}", name,
                 words.empty() ? "" : "; liblxc said: ", words);
        }
    }
}

}  // namespace

void run_ct_prepare(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const int id = id_of(on);
    if (const auto process = ct_process(host, id))
        fail(Exit::refused, "cannot start guest {}: it is running (process {})", id, process->pid);
    ct_clean(host, id);
    const std::string& run = on.text("run");
    host.make_folder(run);
    host.make_folder(fmt::format("{}/rootfs", run));
    host.make_folder(on.text("log"));
    // Who may read them may not read what a container is told in its environment.
    for (const char* file : {"config", "seccomp", "devices", "mounts", "init"})
        if (const auto text = on.get(file))
            host.write_volatile(fmt::format("{}/{}", run, file), *text, 0600);
    // Where its groups will be is not known of a process that is gone.
    if (!host.is_root() && user_systemd_group(host).empty())
        if (const std::string own = delegated_group(host); !own.empty())
            host.write_volatile(run + "/group", own + "\n");
    const std::string console = fmt::format("{}/serial0.log", on.text("log"));
    if (!host.exists(console)) host.write_volatile(console, "", 0640);
    begin_scrollback(console, host.now_seconds());
}

void run_ct_start(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const int id = id_of(on);
    const std::string name = on.text("name", std::to_string(id));
    const auto end = Clock::now() + std::chrono::seconds(on.integer("limit", 30));
    // Whoever made the plan looked before the guest's lock was ours.
    if (const auto other = ct_process(host, id))
        fail(Exit::refused, "cannot start {}: it is running (process {})", name, other->pid);
    Program program;
    program.argv = {host.need_program("lodge-lxc"), "run",
                    fmt::format("{}/guest", host.run_folder()), std::to_string(id)};
    program.folder = std::string("/");  // so that no file system stays in use because of us
    if (!host.is_root()) program.environment = {{"XDG_RUNTIME_DIR", guest_run_folder(host, id)}};
    forget_last_end(host, id);
    const Fd log = open_vm_log(host, id, shell_line(program.argv), "lxc.log");
    AboutRun about;
    write_vm_about(host, id, about);
    std::optional<ProcessId> monitor;
    Fd pidfd;
    // The pid file is there before the monitor is: whenever we are killed, nothing runs that nobody
    // knows.
    program.before_run = [&](pid_t pid) {
        monitor = identify(host, pid);
        if (monitor) pidfd = open_process(host, *monitor);
        if (!pidfd) fail(Exit::failed, "cannot start {}: it vanished", name);
        host.write_volatile(fmt::format("{}/pid", guest_run_folder(host, id)), monitor->print());
        if (user_systemd_group(host).empty()) return;
        const std::string own =
            make_own_scope(host, fmt::format("{}-{}.scope", guests_group(host), id), pid);
        host.write_volatile(guest_run_folder(host, id) + "/group", own + "\n");
    };
    start_detached(program, log.get());
    await_begin(work, *monitor, pidfd, name, id, end);
    host.write_volatile(fmt::format("{}/serial0", guest_run_folder(host, id)), program.argv[0]);
    about.started = true;
    write_vm_about(host, id, about);
    work.say(fmt::format("its monitor is process {}", monitor->pid));
}

}  // namespace lodge
