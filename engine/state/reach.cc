#include "engine/state/reach.h"

#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace lodge {
namespace {

using namespace std::chrono_literals;

// An answer holds this long, and is asked for anew after half of it.
constexpr auto holds = 20s;

pid_t start_probe(const std::string& path) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGTSTP})
        std::signal(signal, SIG_DFL);
    struct statvfs found {};
    ::statvfs(path.c_str(), &found);
    ::_exit(0);
}

}  // namespace

Reach::~Reach() {
    for (auto& [path, probe] : probes_) {
        if (probe.child <= 0) continue;
        ::kill(probe.child, SIGKILL);
        // One that hangs in the kernel ends when the mount does; nobody waits for that.
        ::waitpid(probe.child, nullptr, WNOHANG);
    }
}

bool Reach::has_ended(Probe& probe) {
    const pid_t ended = ::waitpid(probe.child, nullptr, WNOHANG);
    return ended == probe.child || (ended < 0 && errno == ECHILD);
}

bool Reach::answers(const std::string& path, Time now) {
    Probe& probe = probes_[path];
    if (probe.child > 0 && has_ended(probe)) {
        probe.child = 0;
        probe.known = true;
        probe.answered = now;
    }
    const bool due = !probe.known || now - probe.answered >= holds / 2;
    if (probe.child <= 0 && due) {
        probe.child = start_probe(path);
        probe.began = now;
    }
    return probe.known && now - probe.answered < holds;
}

}  // namespace lodge
