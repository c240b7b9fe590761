#include "engine/job.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/engine.h"
#include "engine/job_events.h"
#include "engine/units.h"

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

std::string_view job_state_word(JobState state) {
    switch (state) {
        case JobState::running:
            return "running";
        case JobState::done:
            return "done";
        case JobState::failed:
            return "failed";
        case JobState::cancelled:
            return "cancelled";
        case JobState::interrupted:
            return "interrupted";
        case JobState::cleaned:
            return "cleaned";
    }
    return "unknown";
}

std::string Jobs::folder(int number) const {
    return host_.state_folder() + "/jobs/" + std::to_string(number);
}

std::vector<int> Jobs::numbers() const {
    std::vector<int> numbers;
    for (const std::string& name : host_.list(host_.state_folder() + "/jobs"))
        if (const auto number = parse_integer(name); number && *number > 0 && *number < 1 << 30)
            numbers.push_back(static_cast<int>(*number));
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

int Jobs::make_folder() const {
    host_.make_folder(host_.state_folder() + "/jobs", 0750);
    const auto taken = numbers();
    for (int number = taken.empty() ? 1 : taken.back() + 1;; ++number) {
        if (::mkdir(folder(number).c_str(), 0750) == 0) return number;
        if (errno != EEXIST) fail_errno(errno, "cannot make the job's folder " + folder(number));
    }
}

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
    return number;
}

void Jobs::run_as_job(Engine& engine, const Plan& plan, int number, int ready) {
    int code = 1;
    try {
        leave_surroundings(folder(number), ready);
        if (const auto self = identify(host_, ::getpid()))
            host_.write_volatile(folder(number) + "/pid", self->print());
        JobLog log(folder(number) + "/events", host_);
        if (::write(ready, "1", 1) != 1) ::_exit(1);
        ::close(ready);
        try {
            const auto locks = lock_guests(engine, plan, number);
            JobWork work(engine, log);
            carry_out(plan, actions_, work, note_step, &log);
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

JobRecord Jobs::follow(int number, const std::function<void(const JobEvent&)>& tell,
                       const std::function<bool()>& cancel_wanted) {
    JobRecord record = load(number);
    const Fd watch(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!watch) fail_errno(errno, "cannot follow the job");
    const std::string events = folder(number) + "/events";
    if (::inotify_add_watch(watch.get(), events.c_str(), IN_MODIFY) < 0 && errno != ENOENT)
        fail_errno(errno, "cannot follow " + events);
    JobReader reader(events);
    Fd process;
    if (record.process) process = open_process(host_, *record.process);
    bool asked = false;
    for (;;) {
        // The end of the process is looked at before the events are read: nothing is written after.
        const bool gone = !process || wait_end(process, std::chrono::milliseconds(0));
        for (const JobEvent& event : reader.read(record))
            if (tell) tell(event);
        if (record.ended != 0 || gone) return load(number);
        pollfd polls[2] = {{watch.get(), POLLIN, 0}, {process.get(), POLLIN, 0}};
        // A signal between the question and the wait would be missed for this long at most.
        ::poll(polls, 2, cancel_wanted ? 250 : 5000);
        char buffer[4096];
        while (::read(watch.get(), buffer, sizeof buffer) > 0) {
        }
        // Asked on after it said yes: it may throw to leave the job alone.
        if (cancel_wanted && cancel_wanted() && !asked) {
            asked = true;
            if (process) signal_process(process, SIGINT);
        }
    }
}

JobRecord Jobs::load(int number) const {
    const auto plan = host_.read(folder(number) + "/plan.json");
    if (!plan && !host_.exists(folder(number)))
        fail(Exit::not_found, "there is no job {}; lodge job list shows them", number);
    JobRecord record;
    record.number = number;
    if (plan) record.plan = plan_from_json(*plan);
    record.process = ProcessId::parse(host_.read_line(folder(number) + "/pid"));
    const bool alive = record.process && open_process(host_, *record.process);
    JobReader(folder(number) + "/events").read(record);
    if (record.ended == 0) record.state = alive ? JobState::running : JobState::interrupted;
    // Killed between its last step and its last word: all was done.
    const size_t steps = record.plan.steps.size();
    struct stat written {};
    if (record.state == JobState::interrupted && steps > 0 && record.steps_done == steps &&
        !record.undoing && ::stat((folder(number) + "/events").c_str(), &written) == 0) {
        record.state = JobState::done;
        record.ended = written.st_mtime;
    }
    if (record.started == 0) {
        struct stat made {};
        if (::stat(folder(number).c_str(), &made) == 0) record.started = made.st_mtime;
    }
    return record;
}

std::vector<JobRecord> Jobs::list() const {
    std::vector<JobRecord> records;
    auto all = numbers();
    for (auto number = all.rbegin(); number != all.rend(); ++number) {
        if (auto record = load_leniently(*number)) records.push_back(std::move(*record));
    }
    return records;
}

std::optional<JobRecord> Jobs::of_guest(int guest, int except) const {
    auto all = numbers();
    std::optional<JobRecord> broken;
    size_t looked = 0;
    for (auto number = all.rbegin(); number != all.rend() && looked < 50; ++number, ++looked) {
        if (*number == except) continue;
        auto record = unfinished(*number);
        if (!record) continue;
        const auto& guests = record->plan.guests;
        if (std::find(guests.begin(), guests.end(), guest) == guests.end()) continue;
        if (record->state == JobState::running) return record;
        if (!broken) broken = std::move(record);
    }
    return broken;
}

std::optional<JobRecord> Jobs::unfinished(int number) const {
    // The end of the events file tells most jobs apart without reading the plan.
    if (JobReader::has_ended(folder(number) + "/events")) return std::nullopt;
    auto record = load_leniently(number);
    if (record && record->ended != 0) return std::nullopt;
    return record;
}

// Removed meanwhile: no job. A plan that cannot be read: an interrupted job that says so.
std::optional<JobRecord> Jobs::load_leniently(int number) const {
    try {
        return load(number);
    } catch (const Error& trouble) {
        if (trouble.exit() == Exit::not_found) return std::nullopt;
        JobRecord broken;
        broken.number = number;
        broken.state = JobState::interrupted;
        broken.error = trouble.what();
        return broken;
    }
}

void Jobs::cancel(int number) const {
    const JobRecord record = load(number);
    const Fd process = record.process ? open_process(host_, *record.process) : Fd();
    if (record.state != JobState::running || !process || !signal_process(process, SIGINT))
        fail(Exit::refused, "cannot cancel job {} ({}): it is {}", number, record.plan.title,
             job_state_word(record.state));
}

Plan Jobs::clean(int number) const {
    const JobRecord record = load(number);
    if (record.state != JobState::interrupted)
        fail(Exit::refused, "nothing to clean: job {} ({}) is {}", number, record.plan.title,
             job_state_word(record.state));
    Plan plan;
    plan.title = fmt::format("clean what job {} ({}) left", number, record.plan.title);
    plan.guests = record.plan.guests;
    const auto& steps = record.plan.steps;
    const size_t begun = std::min(record.steps_begun, steps.size());
    const size_t done = std::min(record.steps_done, steps.size());
    // A step that was cut off may have happened all the same; one that failed has not.
    size_t kept = 0;
    for (size_t i = 0; i < (record.undoing ? done : begun); ++i)
        if (steps[i].no_way_back) kept = i + 1;
    if (kept > 0 && !record.undoing) {
        for (size_t i = done; i < steps.size(); ++i)
            plan.step("finish: " + steps[i].why, steps[i].action);
        plan.afterwards = fmt::format("what job {} had begun is finished", number);
    } else {
        for (size_t i = begun; i-- > kept;)
            if (steps[i].undo) plan.step("take back: " + steps[i].why, *steps[i].undo);
        plan.afterwards = fmt::format("what job {} had begun is taken back", number);
    }
    plan.step("remember that job " + std::to_string(number) + " is cleaned",
              {"job-cleaned", {{"number", number}}});
    return plan;
}

void Jobs::mark_cleaned(int number) const {
    JobLog(folder(number) + "/events", host_).end(JobState::cleaned, Exit::failed, "");
}

void Jobs::prune(size_t keep) const {
    const auto all = numbers();
    if (all.size() <= keep) return;
    for (size_t i = 0; i < all.size() - keep; ++i) {
        if (unfinished(all[i])) continue;
        std::error_code trouble;
        std::filesystem::remove_all(folder(all[i]), trouble);
    }
}

namespace {

void mark_job_cleaned(Work& work, const Values& on) {
    work.engine().jobs.mark_cleaned(static_cast<int>(on.integer("number")));
}
std::string mark_job_cleaned_shell(const Values& on) {
    return "# lodge job " + on.text("number") + " is marked as cleaned";
}

constexpr ActionKind kinds[] = {{"job-cleaned", mark_job_cleaned, mark_job_cleaned_shell}};

}  // namespace

std::span<const ActionKind> job_actions() {
    return kinds;
}

}  // namespace lodge
