#include "engine/job.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/engine.h"
#include "engine/job_events.h"
#include "engine/units.h"

namespace lodge {

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

namespace {

Fd watch_file(const std::string& path) {
    Fd watch(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!watch) fail_errno(errno, "cannot follow the job");
    if (::inotify_add_watch(watch.get(), path.c_str(), IN_MODIFY) < 0 && errno != ENOENT)
        fail_errno(errno, "cannot follow " + path);
    return watch;
}

}  // namespace

JobRecord Jobs::follow(int number, const std::function<void(const JobEvent&)>& tell,
                       const std::function<bool()>& cancel_wanted) {
    JobRecord record = load(number);
    const std::string events = folder(number) + "/events";
    Fd watch = number == bell_of_ && bell_ ? std::move(bell_) : watch_file(events);
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
        ssize_t got = 1;
        while (watch && (got = ::read(watch.get(), buffer, sizeof buffer)) > 0) {
        }
        if (got == 0) watch.reset();  // the bell's other end is gone, and soon the process
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
        for (size_t i = done; i < steps.size(); ++i) {
            Action action = steps[i].action;
            action.on.set({"again", true});
            plan.step("finish: " + steps[i].why, std::move(action));
        }
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

std::vector<int> Jobs::prunable(size_t keep) const {
    auto old = numbers();
    old.resize(old.size() - std::min(keep, old.size()));
    std::erase_if(old, [this](int number) { return unfinished(number).has_value(); });
    return old;
}

void Jobs::prune(size_t keep) const {
    for (const int number : prunable(keep)) {
        std::error_code trouble;
        std::filesystem::remove_all(folder(number), trouble);
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
