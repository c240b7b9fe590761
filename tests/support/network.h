#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "engine/error.h"
#include "engine/process.h"
#include "engine/units.h"

// Networks of a test's own: nothing that it does is seen by the machine it runs on.

namespace lodge {

// Why this process cannot have a network namespace of its own; "" when it has one from now on,
// with /sys showing it. What the test leaves in it goes with its last process.
inline std::string enter_own_network() {
    if (::geteuid() != 0) return "only root makes network namespaces";
    if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0)
        return "this machine gives no network namespace: " + errno_words(errno);
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("sysfs", "/sys", "sysfs", 0, nullptr) != 0)
        return "cannot mount /sys anew: " + errno_words(errno);
    return "";
}

// Runs a line of shell; its output with its errors behind it.
inline std::string sh(const std::string& line, bool* worked = nullptr) {
    Program program;
    program.argv = {"/bin/sh", "-c", line};
    const Outcome outcome = run_program(program, std::chrono::seconds(60));
    if (worked)
        *worked = outcome.status == 0;
    else
        EXPECT_EQ(outcome.status, 0) << line << "\n" << outcome.output << outcome.trouble;
    return outcome.output + outcome.trouble;
}

// A process in a network namespace of its own beside ours, as a container is; it has only "lo".
class Neighbour {
  public:
    Neighbour() {
        int ready[2] = {-1, -1};
        if (::pipe2(ready, O_CLOEXEC) != 0) throw Error("no pipe");
        pid_ = ::fork();
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            const bool alone = ::unshare(CLONE_NEWNET) == 0;
            if (::write(ready[1], alone ? "y" : "n", 1) != 1) ::_exit(1);
            for (;;)
                ::pause();
        }
        char answer = 'n';
        if (::read(ready[0], &answer, 1) != 1 || answer != 'y') throw Error("no namespace");
        ::close(ready[0]);
        ::close(ready[1]);
    }
    ~Neighbour() { end(); }
    Neighbour(const Neighbour&) = delete;
    Neighbour& operator=(const Neighbour&) = delete;

    void end() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        pid_ = 0;
    }
    pid_t pid() const { return pid_; }
    // A pair of interfaces: `ours` here, `theirs` there.
    void connect(const std::string& ours, const std::string& theirs, const std::string& mac = "") {
        sh(fmt::format("ip link add {} type veth peer name {} {} netns {}", ours, theirs,
                       mac.empty() ? "" : "address " + mac, pid_));
        sh("ip link set " + ours + " up");
        run("ip link set lo up; ip link set " + theirs + " up");
    }
    // Runs a line of shell there.
    std::string run(const std::string& line, bool* worked = nullptr) const {
        return sh(fmt::format("nsenter -t {} -n /bin/sh -c {}", pid_, shell_quote(line)), worked);
    }

  private:
    pid_t pid_ = 0;
};

}  // namespace lodge
