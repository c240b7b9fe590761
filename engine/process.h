#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/fd.h"

namespace lodge {

class Host;

// Command line and surroundings of a program to start. argv[0] is a full path.
struct Program {
    std::vector<std::string> argv;
    std::string input;                                             // given on its standard input
    std::string folder;                                            // working folder; "" stays
    std::vector<std::pair<std::string, std::string>> environment;  // added to ours
    // Descriptors it inherits, with the numbers that it sees them under (3 and up).
    std::vector<std::pair<int, int>> descriptors;
    struct User {
        uid_t uid;
        gid_t gid;
        std::vector<gid_t> groups;  // supplementary
    };
    std::optional<User> user;        // become this user before the program runs
    bool no_new_privileges = false;  // PR_SET_NO_NEW_PRIVS
    bool outlives_us = false;        // own session; else it is killed when we die (PDEATHSIG)
    std::string enter_group;  // a file of Cgroup::prepare() to enter by; whether it worked it says
    std::vector<int> processors;  // it may run on these only; empty: on all that we may
    // Called by us when the process exists but is not the program yet, so that whoever looks after
    // it can be told first: when we die in it or it throws, the process ends without a trace.
    std::function<void(pid_t)> before_run;
};

// Outcome is how a program ended.
struct Outcome {
    int status = 0;       // exit status, or 128 + the signal
    std::string output;   // standard output, at most 64 MiB
    std::string trouble;  // standard error, at most 1 MiB
    bool timed_out = false;
};

// Runs a program to its end. `on_line` gets each line of its output and its errors as they come (a
// carriage return ends a line too, as progress writers use it). `keep_going` is asked about ten
// times a second; when it says false the program is ended (SIGTERM, then SIGKILL after 2 s).
// Throws Error when the program cannot be started; how it ended is in the Outcome.
Outcome run_program(const Program& program, std::chrono::milliseconds limit,
                    const std::function<void(std::string_view)>& on_line = {},
                    const std::function<bool()>& keep_going = {});

// run_program(), and an Error "<what>: <last words of the program>" when it does not end with 0.
std::string run_checked(const Program& program, std::chrono::milliseconds limit,
                        const std::string& what,
                        const std::function<void(std::string_view)>& on_line = {},
                        const std::function<bool()>& keep_going = {});

// Starts a program that outlives us: own session, standard input from /dev/null, output and errors
// appended to `log_fd`. Returns its pid once it has been exec'd; throws Error (with errno's words)
// when the exec failed.
pid_t start_detached(const Program& program, int log_fd);

// ProcessId names one process for good: a pid that was reused has another start time.
struct ProcessId {
    pid_t pid = 0;
    uint64_t start = 0;  // field 22 of /proc/<pid>/stat, clock ticks after boot (proc(5))
    std::string boot;    // /proc/sys/kernel/random/boot_id

    std::string print() const;  // "<pid> <start> <boot>"
    static std::optional<ProcessId> parse(std::string_view text);
};

// What is known of a running process; nullopt when there is none or it is a zombie.
std::optional<ProcessId> identify(const Host& host, pid_t pid);
// A pidfd of exactly that process; empty when it is gone.
Fd open_process(const Host& host, const ProcessId& id);
// Sends a signal through the pidfd. False when the process is gone.
bool signal_process(const Fd& pidfd, int signal);
// Waits for its end at most `patience`; true when it ended.
bool wait_end(const Fd& pidfd, std::chrono::milliseconds patience);

}  // namespace lodge
