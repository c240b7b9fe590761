#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/guest_user.h"
#include "engine/units.h"
#include "engine/vm/handover.h"
#include "engine/vm/life.h"
#include "engine/vm/qmp.h"
#include "engine/vm/vm.h"

// How a QEMU process comes to life: descriptors, user, group, then QMP until it says running.

namespace lodge {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

std::string limit_words(const Values& on) {
    return on.text("limit", "30") + " s";
}

std::optional<Program::User> user_of(const Host& host, const Values& on) {
    if (!on.has("user")) return std::nullopt;
    return guest_user(host, on.list("devices"));
}

CpuShare share_of(const Values& on) {
    CpuShare share;
    share.cpus = parse_number(on.text("cpulimit", "0")).value_or(0);
    share.units = on.integer("cpuunits", 0);
    return share;
}

std::vector<pid_t> helpers_of(const Host& host, int id) {
    std::vector<pid_t> pids;
    const std::string folder = guest_run_folder(host, id);
    for (const std::string& name : host.list(folder))
        if (name.ends_with(".helper"))
            if (const auto helper = ProcessId::parse(host.read_line(folder + "/" + name));
                helper && open_process(host, *helper))
                pids.push_back(helper->pid);
    return pids;
}

// Devices that a guest gets whole have all of its memory pinned, which counts against this limit
// of an ordinary user. Only while QEMU is started; only root can raise it.
class UnlimitedLock {
  public:
    explicit UnlimitedLock(bool wanted)
        : wanted_(wanted && ::getrlimit(RLIMIT_MEMLOCK, &was_) == 0) {
        if (!wanted_) return;
        const rlimit all{RLIM_INFINITY, RLIM_INFINITY};
        ::setrlimit(RLIMIT_MEMLOCK, &all);
    }
    ~UnlimitedLock() {
        if (wanted_) ::setrlimit(RLIMIT_MEMLOCK, &was_);
    }
    UnlimitedLock(const UnlimitedLock&) = delete;
    UnlimitedLock& operator=(const UnlimitedLock&) = delete;

  private:
    rlimit was_{};
    bool wanted_;
};

// Running is a QEMU that was just started by us.
struct Running {
    int id = 0;
    std::string name;
    pid_t pid = 0;
    Fd pidfd;
    Clock::time_point end;

    milliseconds left() const {
        const auto time = std::chrono::duration_cast<milliseconds>(end - Clock::now());
        return std::max(time, milliseconds(1));
    }
};

// QEMU ended before it ran: its status, and its own words.
[[noreturn]] void fail_dead(const Host& host, const Running& running) {
    int status = 0;
    std::string how = "ended";
    if (::waitpid(running.pid, &status, 0) == running.pid)
        how = WIFSIGNALED(status) ? fmt::format("was ended by signal {}", WTERMSIG(status))
                                  : fmt::format("ended with status {}", WEXITSTATUS(status));
    const std::string words = vm_last_words(host, running.id);
    fail(Exit::failed, "cannot start {}: QEMU {}{}{}", running.name, how,
         words.empty() ? " and said nothing; its log is " : ": ",
         words.empty() ? guest_log_folder(host, running.id) + "/qemu.log" : words);
}

// Waits for the monitor's first word; a QEMU that dies instead is told in its own.
Qmp greet(Work& work, const Running& running) {
    const Host& host = work.engine().host;
    Fd socket = connect_unix(guest_run_folder(host, running.id) + "/qmp", running.left());
    for (;;) {
        pollfd both[2] = {{socket.get(), POLLIN, 0}, {running.pidfd.get(), POLLIN, 0}};
        const auto slice = std::min(running.left(), milliseconds(200));
        const int ready = ::poll(both, 2, static_cast<int>(slice.count()));
        if (both[1].revents != 0 && ready > 0)
            fail(Exit::failed, "QEMU (process {}) has ended", running.pid);
        if (both[0].revents != 0 && ready > 0) break;
        work.check();
        if (Clock::now() >= running.end) {
            const std::string words = vm_last_words(host, running.id);
            fail(Exit::failed, "cannot start {}: QEMU (process {}) did not answer in time{}{}",
                 running.name, running.pid, words.empty() ? "" : "; it said: ", words);
        }
    }
    return Qmp::over(std::move(socket), running.left());
}

std::string status_of(Qmp& qmp, const Running& running) {
    return qmp.call("query-status", {}, running.left()).value("status", "");
}

void send_before_run(Qmp& qmp, const Running& running, const Values& on) {
    if (!on.has("before-run")) return;
    for (const std::string& text : on.list("before-run")) {
        const auto command = nlohmann::json::parse(text, nullptr, false);
        if (!command.is_object() || !command.contains("execute") || !command["execute"].is_string())
            fail(Exit::failed, "a step has no QMP command: {}", printable(text));
        qmp.call(command["execute"].get<std::string>(),
                 command.value("arguments", nlohmann::json()), running.left());
    }
    if (!on.has("hold")) qmp.call("cont", {}, running.left());
}

// Until QEMU says what was wished for: running, or (held) stopped with everything in place.
void await_state(Work& work, Qmp& qmp, const Running& running, const Values& on) {
    const std::string hold = on.text("hold", "");
    std::string status = status_of(qmp, running);
    if (hold == "incoming" && (status == "inmigrate" || status == "prelaunch")) return;
    if (hold == "paused" && (status == "prelaunch" || status == "paused")) return;
    while (status != "running") {
        if (Clock::now() >= running.end)
            fail(Exit::failed, "cannot start {}: QEMU says '{}' instead of running after {}",
                 running.name, printable(status), limit_words(on));
        work.check();
        qmp.event(std::min(running.left(), milliseconds(200)));
        status = status_of(qmp, running);
    }
}

Program program_of(const Host& host, const Values& on) {
    Program program;
    program.argv = on.list("argv");
    if (program.argv.empty()) throw Error("a step wants to start QEMU without a name");
    program.argv[0] = host.need_program(program.argv[0]);
    program.folder = "/";  // so that no file system stays in use because of where we were
    program.user = user_of(host, on);
    program.no_new_privileges = true;
    if (const auto list = on.get("affinity")) program.processors = parse_cpu_list(*list);
    return program;
}

}  // namespace

void run_vm_start(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const int id = static_cast<int>(on.integer("guest"));
    Running running;
    running.id = id;
    running.name = on.text("name", std::to_string(id));
    running.end = Clock::now() + std::chrono::seconds(on.integer("limit", 30));
    // Whoever made the plan looked before the guest's lock was ours.
    if (const auto other = vm_process(host, id))
        fail(Exit::refused, "cannot start {}: it is running (process {})", running.name,
             other->pid);

    AboutRun about;
    about.kvm = on.flag("kvm");
    about.qemu_pid_file = on.text("pid-file", "");
    Program program = program_of(host, on);
    std::vector<Fd> handed;
    if (on.has("hand-over"))
        for (const std::string& text : on.list("hand-over")) {
            const Handover handover = parse_handover(text);
            handed.push_back(open_handover(handover, about.notes));
            program.descriptors.emplace_back(handed.back().get(), handover.number);
        }
    const CpuShare share = share_of(on);
    Cgroup cgroup(host, id);
    program.enter_group = cgroup.prepare(share);
    forget_last_end(host, id);
    const Fd log = open_vm_log(host, id, shell_line(program.argv));
    write_vm_about(host, id, about);
    // The pid file is there before QEMU is: whenever we are killed, nothing runs that nobody knows.
    program.before_run = [&](pid_t pid) {
        const auto process = identify(host, pid);
        if (process) running.pidfd = open_process(host, *process);
        if (!running.pidfd) fail(Exit::failed, "cannot start {}: it vanished", running.name);
        host.write_volatile(guest_run_folder(host, id) + "/pid", process->print());
    };
    {
        const UnlimitedLock unlimited(host.is_root());
        running.pid = start_detached(program, log.get());
    }
    handed.clear();
    // While QEMU makes its machine, who is not in the group yet is moved there.
    auto pids = helpers_of(host, id);
    pids.insert(pids.begin(), running.pid);
    cgroup.enter(pids, share);

    try {
        Qmp qmp = greet(work, running);
        send_before_run(qmp, running, on);
        await_state(work, qmp, running, on);
    } catch (const Error& error) {
        // A monitor that closes is the first sign of a QEMU that ends: its own words say more.
        if (error.exit() == Exit::cancelled || !wait_end(running.pidfd, milliseconds(500))) throw;
        fail_dead(host, running);
    }
    cgroup.finish_entering();
    about.started = true;
    about.notes.insert(about.notes.end(), cgroup.notes().begin(), cgroup.notes().end());
    write_vm_about(host, id, about);
    for (const std::string& note : about.notes)
        work.say(note);
    work.say(
        fmt::format("QEMU is process {}{}", running.pid, about.kvm ? "" : "; software emulation"));
}

namespace {

// One option with its words a line, so that it can be read and copied.
std::string wrapped_command(const std::vector<std::string>& argv) {
    std::string text;
    for (const std::string& word : argv) {
        if (text.empty()) {
            text = shell_quote(word);
        } else {
            text += word.starts_with("-") ? " \\\n    " : " ";
            text += shell_quote(word);
        }
    }
    return text;
}

}  // namespace

std::string vm_start_shell(const Values& on) {
    std::string text, redirections;
    if (on.has("hand-over"))
        for (const std::string& one : on.list("hand-over")) {
            const Handover handover = parse_handover(one);
            if (const std::string words = handover_commands(handover); !words.empty())
                text += words + "\n";
            if (const std::string words = handover_redirection(handover); !words.empty())
                redirections += " \\\n    " + words;
        }
    if (on.has("cpulimit") || on.has("cpuunits"))
        text += fmt::format("# its control group: cpulimit {} (0: none), cpuunits {} (0: usual)\n",
                            on.text("cpulimit", "0"), on.text("cpuunits", "0"));
    if (on.has("user"))
        text += fmt::format("setpriv --reuid={0} --regid={0} --init-groups --no-new-privs \\\n",
                            on.text("user"));
    if (on.has("affinity"))
        text += "taskset --cpu-list " + shell_quote(on.text("affinity")) + " \\\n";
    text += wrapped_command(on.list("argv")) + redirections;
    if (on.has("before-run"))
        for (const std::string& qmp : on.list("before-run"))
            text += "\n# QMP: " + printable(qmp);
    return text;
}

}  // namespace lodge
