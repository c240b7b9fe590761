#include "engine/state/job_look.h"

#include <algorithm>
#include <cmath>

#include "engine/engine.h"

namespace lodge {
namespace {

// Unfinished jobs are looked for among this many of the newest, as Jobs::of_guest() does.
constexpr size_t newest = 50;

std::string events_path(const Host& host, int number) {
    return fmt::format("{}/jobs/{}/events", host.state_folder(), number);
}

JobView view_of(const JobRecord& record) {
    JobView view;
    view.number = record.number;
    view.state = record.state;
    view.title = record.plan.title;
    view.guests = record.plan.guests;
    view.started = record.started;
    view.ended = record.ended;
    view.steps = record.plan.steps.size();
    view.steps_done = record.steps_done;
    if (record.ended == 0 && record.steps_begun > record.steps_done &&
        record.steps_begun <= view.steps)
        view.step = record.plan.steps[record.steps_begun - 1].why;
    view.undoing = record.undoing;
    view.done = record.done;
    view.total = record.total;
    view.unit = record.unit;
    view.error = record.error;
    return view;
}

}  // namespace

JobLook::JobLook(Engine& engine) : engine_(engine), folder_(engine.host.state_folder() + "/jobs") {}

void JobLook::watch(Loop& loop, std::function<void()> stir) {
    loop_ = &loop;
    stir_ = std::move(stir);
    folder_.watch(loop, stir_, 0750);
    open_.clear();  // found again, with their ends watched
    looked_at_.clear();
}

// A job whose record cannot be read is shown as interrupted, with why, as Jobs::list() does.
std::unique_ptr<JobLook::Open> JobLook::open(int number) {
    auto record = engine_.jobs.unfinished(number);
    if (!record) return nullptr;
    auto job = std::make_unique<Open>();
    job->record = std::move(*record);
    job->events = std::make_unique<JobReader>(events_path(engine_.host, number));
    // Read from the beginning once more: the reader goes on from there.
    job->record.log.clear();
    if (job->record.process) job->process = open_process(engine_.host, *job->record.process);
    if (loop_ && job->process)
        job->end = loop_->on_end(job->process.get(), [this, raw = job.get()] {
            raw->end.cancel();  // it stays readable
            if (stir_) stir_();
        });
    return job;
}

void JobLook::read_folder() {
    numbers_ = engine_.jobs.numbers();
    std::reverse(numbers_.begin(), numbers_.end());
    const std::vector<int> now(numbers_.begin(), numbers_.begin() + static_cast<ptrdiff_t>(std::min(
                                                                        newest, numbers_.size())));
    for (const int number : now) {
        if (std::find(looked_at_.begin(), looked_at_.end(), number) != looked_at_.end()) continue;
        if (auto job = open(number)) open_[number] = std::move(job);
    }
    looked_at_ = now;
    const auto gone = [&](const auto& entry) {
        return !std::binary_search(numbers_.rbegin(), numbers_.rend(), entry.first);
    };
    std::erase_if(open_, gone);
    std::erase_if(ended_, gone);
}

// False when it has ended, and its place is among the ended ones.
bool JobLook::bring_up_to_date(Open& job, Time now) {
    // The end of the process is looked at before the events are read: nothing is written after.
    const bool alive = job.process && !wait_end(job.process, std::chrono::milliseconds(0));
    job.events->read(job.record);
    job.record.log.clear();
    if (job.record.ended != 0) return false;
    if (!alive && job.record.state == JobState::running) {
        // Whether all was done when it was killed, Jobs knows.
        auto record = engine_.jobs.unfinished(job.record.number);
        if (!record) return false;
        job.record.state = record->state;
    }
    job.view = view_of(job.record);
    if (job.step != job.record.steps_begun) {
        job.meter.forget();
        job.smooth.reset();
    }
    job.step = job.record.steps_begun;
    if (job.view.state != JobState::running || job.view.total <= 0) return true;
    const auto rate = job.meter.rate(static_cast<double>(job.view.done), now);
    if (!rate) return true;
    // Each look counts a fifth, so that the time left does not jump.
    job.smooth = job.smooth ? *job.smooth * 0.8 + *rate * 0.2 : *rate;
    job.view.rate = job.smooth;
    if (*job.smooth > 0)
        job.view.time_left =
            std::llround(static_cast<double>(job.view.total - job.view.done) / *job.smooth);
    return true;
}

void JobLook::look(Seen& seen, Time now) {
    if (folder_.changed()) read_folder();
    std::erase_if(open_, [&](const auto& entry) { return !bring_up_to_date(*entry.second, now); });
    seen.jobs.clear();
    for (auto job = open_.rbegin(); job != open_.rend(); ++job)
        seen.jobs.push_back(job->second->view);
}

const JobView* JobLook::ended(int number) {
    const auto known = ended_.find(number);
    // What one that broke off has left may be cleaned by now.
    if (known != ended_.end() && known->second.state != JobState::interrupted)
        return &known->second;
    try {
        const JobView view = view_of(engine_.jobs.load(number));
        if (view.state == JobState::running) return nullptr;
        return &ended_.insert_or_assign(number, view).first->second;
    } catch (const Error& trouble) {
        if (trouble.exit() == Exit::not_found) return nullptr;
        JobView broken;
        broken.number = number;
        broken.state = JobState::interrupted;
        broken.error = trouble.what();
        return &ended_.insert_or_assign(number, std::move(broken)).first->second;
    }
}

void JobLook::look_at_page(Seen& seen, size_t first, size_t count) {
    seen.job_count = numbers_.size();
    seen.job_page_first = std::min(first, numbers_.size());
    seen.job_page.clear();
    const size_t end = seen.job_page_first + std::min(count, numbers_.size() - seen.job_page_first);
    for (size_t i = seen.job_page_first; i < end; ++i) {
        const auto open = open_.find(numbers_[i]);
        if (open != open_.end())
            seen.job_page.push_back(open->second->view);
        else if (const JobView* view = ended(numbers_[i]))
            seen.job_page.push_back(*view);
    }
}

}  // namespace lodge
