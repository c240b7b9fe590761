#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "engine/container/container.h"
#include "engine/container/life.h"
#include "engine/container/use.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/vm/console.h"

namespace lodge {

int CtKind::console(Engine& engine, const Guest& guest, const Values& words) const {
    if (guest.config.string_of("cmode") == "shell" && !words.flag("log") && !words.flag("watch"))
        return ct_attach(engine, guest, {});
    return attach_console(engine, guest, words);
}

Program ct_attach_program(Engine& engine, const Guest& guest,
                          const std::vector<std::string>& words) {
    const Host& host = engine.host;
    if (!ct_process(host, guest.id))
        fail(Exit::refused, "cannot enter {}: it is not running; lodge start {} starts it",
             guest_words(guest), guest.id);
    if (ct_is_frozen(host, guest.id))
        fail(Exit::refused, "cannot enter {}: it is paused; lodge resume {}", guest_words(guest),
             guest.id);
    Program program;
    program.argv = {host.need_program("lodge-lxc"), "attach",  host.run_folder() + "/guest",
                    std::to_string(guest.id),       "--clean", "--cwd",
                    words.empty() ? "/root" : "/"};
    const char* term = ::getenv("TERM");
    for (const std::string& one :
         {std::string("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
          std::string("HOME=/root"), std::string("USER=root"), std::string("container=lxc"),
          "TERM=" + std::string(term ? term : "linux")}) {
        program.argv.emplace_back("--env");
        program.argv.push_back(one);
    }
    program.argv.emplace_back("--");
    if (words.empty())
        program.argv.insert(
            program.argv.end(),
            {"/bin/sh", "-c", "if [ -x /bin/bash ]; then exec bash -l; fi; exec sh -l"});
    else
        program.argv.insert(program.argv.end(), words.begin(), words.end());
    if (!host.is_root())
        program.environment.emplace_back("XDG_RUNTIME_DIR", guest_run_folder(host, guest.id));
    return program;
}

namespace {

// The kernel lets a user move a process only between groups below one that is theirs: from a
// session into the container's is none, from a scope of their systemd's is (cgroup-v2.rst,
// delegation).
void join_user_systemd(const Host& host) {
    const std::string manager = user_systemd_group(host);
    if (manager.empty() || delegated_group(host).starts_with(manager + "/")) return;
    make_own_scope(host, fmt::format("lodge-enter-{}.scope", ::getpid()), ::getpid());
}

}  // namespace

int ct_attach(Engine& engine, const Guest& guest, const std::vector<std::string>& words) {
    Program program = ct_attach_program(engine, guest, words);
    join_user_systemd(engine.host);
    // It takes our place, so that the terminal and its signals are the program's.
    for (const auto& [name, value] : program.environment)
        ::setenv(name.c_str(), value.c_str(), 1);
    std::vector<char*> argv;
    for (std::string& word : program.argv)
        argv.push_back(word.data());
    argv.push_back(nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    ::execv(argv[0], argv.data());
    fail_errno(errno, "cannot start " + program.argv[0]);
}

}  // namespace lodge
