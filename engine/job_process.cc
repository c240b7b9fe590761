#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "engine/engine.h"
#include "engine/job.h"
#include "engine/job_events.h"
#include "engine/units.h"
#include "engine/vm/asker.h"

// The process of its own in which a job's plan is carried out.

namespace lodge {
namespace {

// Set by the signals that ask a job to stop. A signal handler can reach nothing else.
volatile std::sig_atomic_t stop_asked = 0;

void ask_to_stop(int) {
    stop_asked = 1;
}

// The locks of a plan's guests, taken in the order of their ids so that two jobs never wait for
// each other.
std::vector<FileLock> lock_guests(Engine& engine, const Plan& plan, int own_number) {
    std::vector<int> guests = plan.guests;
    std::sort(guests.begin(), guests.end());
    // A plan made of others may name one twice, and no lock is ours a second time.
    guests.erase(std::unique(guests.begin(), guests.end()), guests.end());
    std::vector<FileLock> locks;
    const std::string folder = engine.host.run_folder() + "/lock";
    if (!guests.empty()) engine.host.make_folder(folder);
    for (const int guest : guests) {
        try {
            locks.emplace_back(folder + "/" + std::to_string(guest), "", std::chrono::seconds(0));
        } catch (const Error& trouble) {
            if (trouble.exit() != Exit::busy) throw;
            const auto other = engine.jobs.of_guest(guest, own_number);
            if (other && other->state == JobState::running)
                fail(Exit::busy,
                     "cannot {}: job {} is at work on guest {} ({}); lodge job follow {}",
                     plan.title, other->number, guest, other->plan.title, other->number);
            fail(Exit::busy, "cannot {}: another Lodge is at work on guest {}", plan.title, guest);
        }
    }
    return locks;
}

// The work of a job's process: what happens goes into the job's events file.
class JobWork : public Work {
  public:
    JobWork(Engine& engine, JobLog& log) : engine_(engine), log_(log) {}
    Engine& engine() override { return engine_; }
    void say(const std::string& line) override { log_.say(line); }
    void progress(int64_t done, int64_t total, std::string_view unit) override {
        const auto now = std::chrono::steady_clock::now();
        if (now - last_ < std::chrono::milliseconds(200) && done != total) return;
        last_ = now;
        log_.progress(done, total, unit);
    }
    bool going() override { return stop_asked == 0; }
    JobLog& log() { return log_; }

  private:
    Engine& engine_;
    JobLog& log_;
    std::chrono::steady_clock::time_point last_{};
};

// Tests end a job's process at a given event ("3:begin") to see what a crash leaves.
void die_if_asked(size_t step, std::string_view event) {
    static const char* const wanted = std::getenv("LODGE_TEST_DIE_AT");
    if (wanted && fmt::format("{}:{}", step, event) == wanted) ::raise(SIGKILL);
}

void note_step(void* with, size_t step, std::string_view event) {
    static_cast<JobLog*>(with)->step(step, event);
    die_if_asked(step, event);
}

// A job's process has no terminal and keeps nothing of whoever started it open.
void leave_surroundings(const std::string& folder, int keep) {
    ::setsid();
    const Fd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
    const Fd output(
        ::open((folder + "/output").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
    ::dup2(nothing.get(), 0);
    ::dup2(output ? output.get() : nothing.get(), 1);
    ::dup2(output ? output.get() : nothing.get(), 2);
    if (keep > 3) ::syscall(SYS_close_range, 3u, static_cast<unsigned>(keep - 1), 0u);
    ::syscall(SYS_close_range, static_cast<unsigned>(keep + 1), ~0u, 0u);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    for (const int signal : {SIGHUP, SIGPIPE, SIGTSTP, SIGTTOU, SIGTTIN, SIGWINCH})
        std::signal(signal, SIG_IGN);
    struct sigaction stop {};
    stop.sa_handler = ask_to_stop;
    ::sigaction(SIGINT, &stop, nullptr);
    ::sigaction(SIGTERM, &stop, nullptr);
    std::signal(SIGCHLD, SIG_DFL);
}

}  // namespace

int Jobs::start(Engine& engine, const Plan& plan) {
    prune(200);
    const int number = make_folder();
    try {
        // Until the job's own process has said who it is, we stand for it.
        if (const auto self = identify(host_, ::getpid()))
            host_.write_volatile(folder(number) + "/pid", self->print());
        host_.write_volatile(folder(number) + "/plan.json", plan_to_json(plan), 0640);
    } catch (const Error&) {
        std::error_code ignored;  // nothing of it has begun: no folder that looks like a job
        std::filesystem::remove_all(folder(number), ignored);
        throw;
    }
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) fail_errno(errno, "cannot make a pipe");
    Fd listen(ends[0]), ready(ends[1]);
    const pid_t middle = ::fork();
    if (middle < 0) fail_errno(errno, "cannot start a job");
    if (middle == 0) {
        // Twice, so that the job is nobody's child who would have to wait for it.
        const pid_t job = ::fork();
        if (job != 0) ::_exit(job < 0 ? 1 : 0);
        run_as_job(engine, plan, number, ready.get());
    }
    ready.reset();
    while (::waitpid(middle, nullptr, 0) < 0 && errno == EINTR) {
    }
    char said = 0;
    ssize_t got = 0;
    while ((got = ::read(listen.get(), &said, 1)) < 0 && errno == EINTR) {
    }
    if (got != 1) fail(Exit::failed, "cannot start job {} ({})", number, plan.title);
    ::fcntl(listen.get(), F_SETFL, O_NONBLOCK);
    bell_ = std::move(listen);
    bell_of_ = number;
    return number;
}

void Jobs::run_as_job(Engine& engine, const Plan& plan, int number, int ready) {
    int code = 1;
    engine.seen = nullptr;  // nobody looks in this process
    Asker::none_here();
    try {
        leave_surroundings(folder(number), ready);
        if (const auto self = identify(host_, ::getpid()))
            host_.write_volatile(folder(number) + "/pid", self->print());
        Fd bell(ready);
        JobLog log(folder(number) + "/events", host_, std::move(bell));
        if (::write(ready, "1", 1) != 1) ::_exit(1);
        ::fcntl(ready, F_SETFL, O_NONBLOCK);
        try {
            {
                const auto locks = lock_guests(engine, plan, number);
                JobWork work(engine, log);
                carry_out(plan, actions_, work, note_step, &log);
            }
            // Only now: who hears of the end may begin the next thing with the guest at once.
            log.end(JobState::done, Exit::ok, "");
            code = 0;
        } catch (const Error& trouble) {
            const bool cancelled = trouble.exit() == Exit::cancelled;
            log.end(cancelled ? JobState::cancelled : JobState::failed, trouble.exit(),
                    trouble.what());
        } catch (const std::exception& trouble) {
            log.end(JobState::failed, Exit::failed, trouble.what());
        }
    } catch (const std::exception& trouble) {
        // Not even the events file could be written: the output file is all that is left.
        fmt::print(stderr, "job {}: {}\n", number, trouble.what());
    }
    ::_exit(code);
}

void Jobs::run_here(Engine& engine, const Plan& plan,
                    const std::function<void(const JobEvent&)>& tell) {
    class Here : public Work {
      public:
        Here(Engine& engine, const std::function<void(const JobEvent&)>& tell)
            : engine_(engine), tell_(tell) {}
        Engine& engine() override { return engine_; }
        void say(const std::string& line) override {
            if (tell_) tell_({JobEvent::Kind::say, line, 0, 0, ""});
        }
        void progress(int64_t done, int64_t total, std::string_view unit) override {
            if (tell_) tell_({JobEvent::Kind::progress, "", done, total, std::string(unit)});
        }
        bool going() override { return true; }

      private:
        Engine& engine_;
        const std::function<void(const JobEvent&)>& tell_;
    };
    const auto locks = lock_guests(engine, plan, 0);
    Here work(engine, tell);
    carry_out(
        plan, actions_, work, [](void*, size_t, std::string_view) {}, nullptr);
}

}  // namespace lodge
