#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "engine/cgroup.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/guest_user.h"
#include "engine/units.h"
#include "engine/vm/life.h"
#include "engine/vm/scrollback.h"
#include "engine/vm/vm.h"

// What stands around QEMU: its folders, the programs that help it, the person's hook script.

namespace lodge {
namespace {

std::optional<Program::User> user_of(const Host& host, const Values& on) {
    if (!on.has("user")) return std::nullopt;
    return guest_user(host);
}

// Whoever started us may have a umask that closes new folders to the guest's user.
void let_pass(const std::string& folder) {
    struct stat found {};
    if (::stat(folder.c_str(), &found) != 0 || found.st_uid != ::geteuid()) return;
    if ((found.st_mode & 0111) != 0111)
        ::chmod(folder.c_str(), static_cast<mode_t>((found.st_mode & 07777) | 0111));
}

// Makes a folder that belongs to QEMU's user alone.
void make_own_folder(const Host& host, const std::optional<Program::User>& user,
                     const std::string& folder) {
    host.make_folder(folder, 0700);
    give_to(user, folder);
}

void make_own_file(const Host& host, const std::optional<Program::User>& user,
                   const std::string& path) {
    if (!host.exists(path)) {
        const Fd made(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
        if (!made) fail_errno(errno, "cannot make " + path);
    }
    give_to(user, path);
}

std::string helper_file(const Host& host, int id, const std::string& name) {
    return guest_run_folder(host, id) + "/" + name + ".helper";
}

// Waits until the helper's socket is there, the helper has ended, or the limit is over.
void await_socket(Work& work, const std::string& socket, const Fd& helper,
                  std::chrono::milliseconds limit, const std::string& words) {
    const Host& host = work.engine().host;
    const Fd watch(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    const std::string folder = socket.substr(0, socket.rfind('/'));
    if (!watch || ::inotify_add_watch(watch.get(), folder.c_str(), IN_CREATE | IN_MOVED_TO) < 0)
        fail_errno(errno, "cannot watch " + folder);
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!host.exists(socket)) {
        if (wait_end(helper, std::chrono::milliseconds(0)))
            fail(Exit::failed, "{} ended at once", words);
        if (std::chrono::steady_clock::now() >= end)
            fail(Exit::failed, "{} is not ready within {} s", words, limit.count() / 1000);
        work.check();
        // Readable when a name appears; a helper that dies is seen at the next look.
        wait_end(watch, std::chrono::milliseconds(50));
    }
}

std::string tail_of(const Host& host, const std::string& path) {
    std::string text = host.read(path).value_or("");
    if (text.size() > 1000) text = text.substr(text.size() - 1000);
    return printable(trim(text));
}

}  // namespace

void run_vm_prepare(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const int id = static_cast<int>(on.integer("guest"));
    if (const auto process = vm_process(host, id))
        fail(Exit::refused, "cannot start guest {}: it is running (process {})", id, process->pid);
    vm_clean(host, id);
    const auto user = user_of(host, on);
    const std::string& run = on.text("run");
    const std::string& log = on.text("log");
    host.make_folder(run);
    host.make_folder(log);
    if (user)
        for (const std::string& folder : {host.run_folder(), host.run_folder() + "/guest", run,
                                          host.state_folder(), host.state_folder() + "/log", log})
            let_pass(folder);
    if (on.has("folders"))
        for (const std::string& folder : on.list("folders"))
            make_own_folder(host, user, folder);
    if (on.has("folders"))
        for (const std::string& folder : on.list("folders"))
            if (const std::string why = why_unreachable(user, folder, false); !why.empty())
                fail(Exit::missing, "cannot start guest {}: {}", id, why);
    if (on.has("owned"))
        for (const std::string& path : on.list("owned")) {
            make_own_file(host, user, path);
            if (path.starts_with(log + "/serial")) begin_scrollback(path, host.now_seconds());
        }
}

std::string vm_prepare_shell(const Values& on) {
    std::string text = shell_line({"mkdir", "-p", on.text("run"), on.text("log")});
    const std::string user = on.text("user", "");
    if (on.has("folders"))
        for (const std::string& folder : on.list("folders")) {
            std::vector<std::string> words{"install", "-d", "-m", "700"};
            if (!user.empty()) words.insert(words.end(), {"-o", user, "-g", user});
            words.push_back(folder);
            text += "\n" + shell_line(words);
        }
    if (on.has("owned"))
        for (const std::string& path : on.list("owned")) {
            text += "\n" + shell_line({"touch", path});
            if (!user.empty()) text += "\n" + shell_line({"chown", user + ":" + user, path});
        }
    return text;
}

void run_vm_helper(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const int id = static_cast<int>(on.integer("guest"));
    const std::string& name = on.text("name");
    const std::string& socket = on.text("socket");
    stop_vm_helper(host, id, name);
    if (!socket.empty()) host.remove(socket);
    Program program;
    program.argv = on.list("argv");
    program.argv.at(0) = host.need_program(program.argv.at(0));
    program.folder = "/";
    program.user = user_of(host, on);
    program.no_new_privileges = program.user.has_value();
    // Into the guest's group, whose limits the start writes.
    program.enter_group = Cgroup(host, id).prepare({});
    const std::string log_path = on.text("log") + "/" + name + ".log";
    const Fd log(::open(log_path.c_str(),
                        O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640));
    if (!log) fail_errno(errno, "cannot write " + log_path);
    Fd pidfd;
    program.before_run = [&](pid_t pid) {
        if (const auto process = identify(host, pid)) {
            pidfd = open_process(host, *process);
            host.write_volatile(helper_file(host, id, name), process->print());
        }
    };
    start_detached(program, log.get());
    try {
        if (!socket.empty())
            await_socket(work, socket, pidfd, std::chrono::seconds(on.integer("limit", 10)), name);
    } catch (const Error& error) {
        if (error.exit() == Exit::cancelled) throw;
        const std::string said = tail_of(host, log_path);
        fail(error.exit(), "{}{}{}", error.what(), said.empty() ? "" : "; it said: ", said);
    }
    // A helper that stays root makes a socket that is root's.
    if (!program.user && host.is_root() && !socket.empty()) give_to(guest_user(host), socket);
}

std::string vm_helper_shell(const Values& on) {
    std::string text;
    if (on.has("user"))
        text = fmt::format("setpriv --reuid={0} --regid={0} --init-groups --no-new-privs ",
                           on.text("user"));
    return text + shell_line(on.list("argv")) + " &";
}

void stop_vm_helper(const Host& host, int id, const std::string& name) {
    const std::string file = helper_file(host, id, name);
    const auto process = ProcessId::parse(host.read_line(file));
    const Fd pidfd = process ? open_process(host, *process) : Fd();
    // It ends by itself when QEMU is gone: given the time to write what it keeps.
    if (pidfd && !wait_end(pidfd, std::chrono::milliseconds(200))) {
        signal_process(pidfd, SIGTERM);
        if (!wait_end(pidfd, std::chrono::seconds(3))) {
            signal_process(pidfd, SIGKILL);
            wait_end(pidfd, std::chrono::seconds(3));
        }
    }
    host.remove(file);
}

void run_vm_helper_stop(Work& work, const Values& on) {
    stop_vm_helper(work.engine().host, static_cast<int>(on.integer("guest")), on.text("name"));
}

void run_vm_hook(Work& work, const Values& on) {
    const std::string& phase = on.text("phase");
    Program program;
    program.argv = {on.text("path"), on.text("guest"), phase};
    try {
        run_checked(
            program, std::chrono::seconds(on.integer("limit", 600)),
            fmt::format("the hook script failed at {}", phase),
            [&](std::string_view line) { work.say("hook: " + printable(line)); },
            [&] { return work.going(); });
    } catch (const Error& error) {
        if (on.flag("needed") || error.exit() == Exit::cancelled) throw;
        work.say(std::string("warning: ") + error.what());
    }
}

}  // namespace lodge
