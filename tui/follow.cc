#include "tui/follow.h"

#include <fmt/format.h>

#include <csignal>

#include "engine/engine.h"
#include "engine/units.h"
#include "engine/wrap.h"
#include "tui/progress.h"

namespace lodge {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

volatile std::sig_atomic_t interrupts = 0;
struct sigaction before {};

void count_interrupt(int) {
    interrupts = interrupts + 1;
}

// Thrown through Jobs::follow by the second Ctrl-C.
struct LeftRunning {};

}  // namespace

Interrupts::Interrupts() {
    interrupts = 0;
    struct sigaction count {};
    count.sa_handler = count_interrupt;  // no SA_RESTART: a wait has to end
    ::sigaction(SIGINT, &count, &before);
}

Interrupts::~Interrupts() {
    ::sigaction(SIGINT, &before, nullptr);
}

int Interrupts::count() {
    return interrupts;
}

JobTeller::JobTeller(const Output& output, const Plan& plan, Clock clock)
    : output_(output), clock_(std::move(clock)), title_(plan.title), steps_(plan.steps.size()) {
    begun_ = step_begun_ = drawn_ = told_ = clock_();
}

double JobTeller::seconds_since(steady_clock::time_point then) const {
    return std::chrono::duration<double>(clock_() - then).count();
}

void JobTeller::hear(const JobEvent& event) {
    if (output_.quiet) return;
    switch (event.kind) {
        case JobEvent::Kind::step:
            ++number_;
            step_ = event.words;
            done_ = total_ = 0;
            step_begun_ = clock_();
            told_tenth_ = -1;
            step_told_ = false;
            break;
        case JobEvent::Kind::say:
            erase();
            if (!output_.json) output_.say(event.words);
            break;
        case JobEvent::Kind::progress:
            done_ = event.done;
            total_ = event.total;
            unit_ = event.unit;
            break;
        case JobEvent::Kind::end:
            erase();
            return;
    }
    tick();
}

void JobTeller::tick() {
    if (output_.quiet || number_ == 0) return;
    if (output_.moves) {
        draw();
    } else if (!output_.json) {
        step_line();
        progress_line_in_pipe();
    }
}

void JobTeller::draw() {
    // A job of a moment would only flicker; more than ten lines a second nobody reads.
    const auto now = clock_();
    if (now - begun_ < milliseconds(150)) return;
    if (on_screen_ && now - drawn_ < milliseconds(100)) return;
    drawn_ = now;
    const Progress progress{title_, step_, number_ <= steps_ ? number_ : 0, steps_, done_,
                            total_, unit_, seconds_since(step_begun_)};
    // One cell less: the last column makes some terminals go to the next line.
    std::string line = progress_line(progress, terminal_columns() - 1, output_.blocks);
    if (on_screen_ && line == line_) return;
    output_.error("\r" + line + "\x1b[K");
    line_ = std::move(line);
    on_screen_ = true;
}

void JobTeller::erase() {
    if (on_screen_) output_.error("\r\x1b[K");
    on_screen_ = false;
}

void JobTeller::step_line() {
    if (step_told_ || step_.empty() || clock_() - begun_ < milliseconds(2000)) return;
    step_told_ = true;
    output_.print(fmt::format("{}: {}\n", printable(title_), printable(step_)));
}

void JobTeller::progress_line_in_pipe() {
    const auto now = clock_();
    if (total_ <= 0 || now - step_begun_ < milliseconds(1000) || now - told_ < milliseconds(2000))
        return;
    const int tenth =
        static_cast<int>(static_cast<double>(done_) * 10 / static_cast<double>(total_));
    if (tenth == told_tenth_) return;
    told_tenth_ = tenth;
    told_ = now;
    const Progress progress{title_, step_, 0, 0, done_, total_, unit_, seconds_since(step_begun_)};
    output_.print(fmt::format("{}: {}\n", printable(title_), progress_words(progress)));
}

Followed follow_job(Engine& engine, int number, const Output& output, bool may_cancel,
                    const std::function<void()>& on_interrupt) {
    const JobRecord record = engine.jobs.load(number);
    JobTeller teller(output, record.plan);
    bool asked = false;
    const auto cancel_wanted = [&] {
        teller.tick();
        // Those from before we came count as well: the job may have begun before we follow it.
        const int count = Interrupts::count();
        if (count >= 2 || (count == 1 && !may_cancel)) throw LeftRunning{};
        if (count == 1 && !asked) {
            asked = true;
            teller.erase();
            output.error(
                fmt::format("Stopping job {} and taking back what it did. Ctrl-C again "
                            "leaves it alone.\n",
                            number));
            if (on_interrupt) on_interrupt();
        }
        return asked;
    };
    try {
        JobRecord end = engine.jobs.follow(
            number, [&](const JobEvent& event) { teller.hear(event); }, cancel_wanted);
        return {false, std::move(end)};
    } catch (const LeftRunning&) {
        teller.erase();
        output.error(
            fmt::format("Job {} goes on without you: lodge job follow {}\n", number, number));
        return {true, record};
    }
}

std::string trouble_words(const JobRecord& record) {
    const std::string title = printable(record.plan.title);
    if (record.state == JobState::interrupted)
        return fmt::format(
            "job {} ({}) ended in the middle. lodge job clean {} takes back what it had begun",
            record.number, title, record.number);
    if (record.state == JobState::cancelled && record.error == "cancelled")
        return fmt::format("{}: stopped, and what it had done is taken back", title);
    return record.error.empty()
               ? fmt::format("job {} ({}) {}", record.number, title, job_state_word(record.state))
               : record.error;
}

}  // namespace lodge
