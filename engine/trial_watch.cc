#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/trial_record.h"
#include "engine/vm/asker.h"

// The watcher of a trial: a process that outlives whoever began it.

namespace lodge {
namespace {

constexpr auto pace = std::chrono::milliseconds(500);

// What a check sees wrong; "" when all is well.
std::string trouble_seen(Engine& engine, const Plan& watch) {
    trials::Alone work(engine);
    for (const Step& step : watch.steps) {
        try {
            engine.actions.find(step.action.verb).run(work, step.action.on);
        } catch (const std::exception& trouble) {
            return trouble.what();
        }
    }
    return "";
}

void end_process(const Host& host, const std::optional<ProcessId>& process) {
    const Fd pidfd = process ? open_process(host, *process) : Fd();
    if (!pidfd) return;
    signal_process(pidfd, SIGKILL);
    wait_end(pidfd, std::chrono::seconds(5));
}

// Why the trial is to be taken back now; "" when it goes on.
std::string why_end(Engine& engine, const TrialRecord& record) {
    const Host& host = engine.host;
    const bool late = trials::boottime_ms() >= record.deadline;
    switch (record.phase) {
        case TrialPhase::applying:
            if (!trials::alive(host, record.process)) return "Lodge was ended in the middle of it";
            if (!late) return "";
            end_process(host, record.process);
            return "its steps took too long";
        case TrialPhase::waiting: {
            const std::string trouble = trouble_seen(engine, record.trial.watch);
            if (!trouble.empty()) return trouble;
            return late ? "nobody confirmed it in time" : "";
        }
        case TrialPhase::keeping:
            return trials::alive(host, record.process) ? "" : "Lodge was ended while keeping it";
        case TrialPhase::taking_back:
            return trials::alive(host, record.process) ? ""
                                                       : "Lodge was ended while taking it back";
        case TrialPhase::stuck:
            return "";
    }
    return "";
}

}  // namespace

int watch_trial(Engine& engine, int number) {
    const Host& host = engine.host;
    const auto self = identify(host, ::getpid());
    if (!self) throw Error("cannot watch: /proc does not know this process");
    host.write_volatile(trials::watcher_path(host, number), self->print() + "\n", 0644);
    for (;;) {
        const auto record = trials::load(host, number);
        if (!record) return 0;
        if (record->phase == TrialPhase::stuck) return 1;
        if (const std::string why = why_end(engine, *record); !why.empty()) {
            try {
                trials::take_back(engine, number, why, true);
                return 0;
            } catch (const Error& trouble) {
                if (trouble.exit() != Exit::busy) return 1;  // the record says it
            }
        }
        std::this_thread::sleep_for(pace);
    }
}

namespace trials {
namespace {

// A process of its own session, which keeps nothing of ours open.
[[noreturn]] void be_watcher(Engine& engine, int number) {
    ::setsid();
    const Fd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
    for (const int fd : {0, 1, 2})
        ::dup2(nothing.get(), fd);
    ::syscall(SYS_close_range, 3u, ~0u, 0u);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    for (const int signal : {SIGHUP, SIGPIPE, SIGINT, SIGTSTP, SIGTTOU, SIGTTIN, SIGWINCH})
        std::signal(signal, SIG_IGN);
    std::signal(SIGTERM, SIG_DFL);
    std::signal(SIGCHLD, SIG_DFL);
    engine.seen = nullptr;  // nobody looks in this process
    Asker::none_here();
    int status = 1;
    try {
        status = watch_trial(engine, number);
    } catch (const std::exception&) {
        // Whoever waits for it to be on watch says so; the record is there for the next start.
    }
    ::_exit(status);
}

void fork_watcher(Engine& engine, int number) {
    const pid_t middle = ::fork();
    if (middle < 0) fail_errno(errno, "cannot start the watcher of a trial");
    if (middle == 0) {
        // Twice, so that the watcher is nobody's child who would have to wait for it.
        const pid_t watcher = ::fork();
        if (watcher != 0) ::_exit(watcher < 0 ? 1 : 0);
        be_watcher(engine, number);
    }
    while (::waitpid(middle, nullptr, 0) < 0 && errno == EINTR) {
    }
}

// A unit of systemd's own, so that the end of a login session does not end it. False where systemd
// does not run.
bool run_as_unit(Engine& engine, int number) {
    const Host& host = engine.host;
    if (!host.is_root() || !host.exists(host.system("/run/systemd/system"))) return false;
    const auto systemd_run = host.program("systemd-run");
    const auto lodge = host.program("lodge");
    if (!systemd_run || !lodge) return false;
    Program program;
    program.argv = {*systemd_run, "--quiet", "--collect",
                    "--unit=lodge-trial-" + std::to_string(number),
                    "--description=Watches a trial of Lodge"};
    if (const char* root = std::getenv("LODGE_ROOT"))
        program.argv.push_back("--setenv=LODGE_ROOT=" + std::string(root));
    for (const std::string& word :
         {*lodge, std::string("trial"), std::string("watch"), std::to_string(number)})
        program.argv.push_back(word);
    return run_program(program, std::chrono::seconds(30)).status == 0;
}

}  // namespace

void start_watcher(Engine& engine, int number) {
    if (!run_as_unit(engine, number)) fork_watcher(engine, number);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!watched(engine.host, number)) {
        if (std::chrono::steady_clock::now() >= end)
            fail(Exit::failed, "the watcher of trial {} did not start: nothing was changed",
                 number);
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
}

}  // namespace trials
}  // namespace lodge
