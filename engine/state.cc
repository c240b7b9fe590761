#include "engine/state.h"

#include <algorithm>

#include "engine/engine.h"
#include "engine/state/machine_eyes.h"
#include "engine/state/print.h"
#include "engine/state/senses.h"

namespace lodge {

using namespace std::chrono_literals;

// What was seen so lately is fresh.
constexpr Loop::Duration a_moment = 250ms;

State::State(Engine& engine, std::unique_ptr<Senses> senses)
    : State(std::make_unique<MachineEyes>(engine, std::move(senses)), &engine) {}

State::State(std::unique_ptr<Eyes> eyes) : State(std::move(eyes), nullptr) {}

State::State(std::unique_ptr<Eyes> eyes, Engine* engine)
    : eyes_(std::move(eyes)), engine_(engine) {}

State::~State() {
    stop_looking();
}

void State::note(Part part, uint64_t print) {
    const auto at = static_cast<size_t>(part);
    if (prints_[at] == print) return;
    prints_[at] = print;
    ++generations_[at];
    ++generation_;
}

void State::look() {
    looked_ = std::chrono::steady_clock::now();
    eyes_->look(seen_, showing_);
    note(Part::guests, print_of(seen_.guests));
    note(Part::host, print_of_host(seen_));
    note(Part::jobs, print_of_jobs(seen_));
}

void State::look_at_host() {
    eyes_->look_at_host(seen_);
    note(Part::host, print_of_host(seen_));
}

void State::look_at_power() {
    eyes_->look_at_power(seen_);
    note(Part::host, print_of_host(seen_));
    note(Part::power, print_of_power(seen_));
}

void State::look_at_disks() {
    eyes_->look_at_disks(seen_);
    note(Part::disks, print_of_disks(seen_));
}

void State::look_at_links() {
    eyes_->look_at_links(seen_);
    note(Part::links, print_of_links(seen_));
}

void State::look_at_storages() {
    eyes_->look_at_storages(seen_);
    note(Part::storages, print_of_storages(seen_));
}

void State::look_at_jobs(size_t first, size_t count) {
    eyes_->look_at_jobs(seen_, first, count);
    note(Part::jobs, print_of_jobs(seen_));
}

const GuestView* State::guest(int id) const {
    const auto found =
        std::lower_bound(seen_.guests.begin(), seen_.guests.end(), id,
                         [](const GuestView& view, int wanted) { return view.guest->id < wanted; });
    return found != seen_.guests.end() && found->guest->id == id ? &*found : nullptr;
}

bool State::anything_running() const {
    return std::any_of(seen_.guests.begin(), seen_.guests.end(),
                       [](const GuestView& guest) { return guest.is_up(); }) ||
           !seen_.trials.empty() ||
           std::any_of(seen_.jobs.begin(), seen_.jobs.end(),
                       [](const JobView& job) { return job.state == JobState::running; });
}

Loop::Duration State::period() const {
    return anything_running() ? 1s : 5s;
}

void State::keep_looking(Loop& loop, std::function<void()> seen) {
    stop_looking();
    loop_ = &loop;
    tell_ = std::move(seen);
    eyes_->watch(loop, [this] {
        // Several things change for one event: one look a moment later sees them all.
        if (loop_ && !soon_) soon_ = loop_->after(30ms, 20ms, [this] { look_and_tell(); });
    });
    if (engine_) engine_->seen = this;
    // Who has just looked, to draw the first picture, has no use for the same again: rates between
    // two looks so near say nothing, and the terminal would get a second frame at once. A moment
    // later they do.
    if (std::chrono::steady_clock::now() - looked_ > a_moment)
        look_and_tell();
    else
        look_after(a_moment, a_moment / 5);
}

void State::stop_looking() {
    if (engine_ && engine_->seen == this) engine_->seen = nullptr;
    timer_.cancel();
    soon_.cancel();
    tell_ = {};
    loop_ = nullptr;
}

void State::look_after(Loop::Duration delay, Loop::Duration slack) {
    timer_ = loop_->after(delay, slack, [this] { look_and_tell(); });
}

void State::look_and_tell() {
    soon_.cancel();
    look();
    // With the slack, questions to the guests included, less than a wakeup a second.
    look_after(period(), period() / 8);
    const auto tell = tell_;  // it may end the looking
    if (tell) tell();
}

}  // namespace lodge
