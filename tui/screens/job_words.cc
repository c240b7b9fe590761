#include "tui/screens/job_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/units.h"
#include "tui/progress.h"

namespace lodge {

Role job_role(JobState state) {
    switch (state) {
        case JobState::running:
            return Role::busy;
        case JobState::done:
            return Role::good;
        case JobState::failed:
            return Role::danger;
        case JobState::interrupted:
            return Role::warning;
        case JobState::cancelled:
        case JobState::cleaned:
            break;
    }
    return Role::dim;
}

double job_share(const JobView& job) {
    if (job.state == JobState::done) return 1;
    if (job.total > 0)
        return std::clamp(static_cast<double>(job.done) / static_cast<double>(job.total), 0.0, 1.0);
    return -1;
}

std::string job_progress_words(const JobView& job) {
    std::vector<std::string> words;
    if (job.total > 0 && job.unit == "%")
        words.push_back(amount_words(job.done * 100 / job.total, "%"));
    else if (job.total > 0)
        words.push_back(fmt::format("{} of {}", amount_words(job.done, job.unit),
                                    amount_words(job.total, job.unit)));
    else if (job.done > 0)
        words.push_back(amount_words(job.done, job.unit));
    if (job.rate && job.unit == "bytes")
        words.push_back(short_size(static_cast<int64_t>(*job.rate)) + "/s");
    if (job.time_left) words.push_back(short_duration(*job.time_left) + " left");
    return join(words, "  ");
}

std::string job_took_words(const JobView& job, int64_t now) {
    if (job.started == 0 || job.state == JobState::interrupted) return "";
    const int64_t end = job.ended == 0 ? now : job.ended;
    return short_duration(std::max<int64_t>(0, end - job.started));
}

std::string when_words(int64_t then, int64_t now) {
    if (then == 0) return "";
    const time_t times[] = {static_cast<time_t>(then), static_cast<time_t>(now)};
    tm that{}, today{};
    ::localtime_r(&times[0], &that);
    ::localtime_r(&times[1], &today);
    if (that.tm_year != today.tm_year)
        return fmt::format("{}-{:02}-{:02}", that.tm_year + 1900, that.tm_mon + 1, that.tm_mday);
    const std::string clock = fmt::format("{:02}:{:02}", that.tm_hour, that.tm_min);
    if (that.tm_yday == today.tm_yday) return clock;
    return fmt::format("{:02}-{:02} {}", that.tm_mon + 1, that.tm_mday, clock);
}

std::string job_steps_text(Engine& engine, const JobRecord& record) {
    std::string text;
    for (size_t i = 0; i < record.plan.steps.size(); ++i) {
        const bool at_work = record.ended == 0 && i < record.steps_begun && i >= record.steps_done;
        const char* mark = "      ";
        if (i < record.steps_done)
            mark = "done  ";
        else if (at_work && record.state == JobState::running)
            mark = "now > ";
        else if (i < record.steps_begun)
            mark = "begun ";
        text += mark + printable(record.plan.steps[i].why) + "\n";
    }
    if (record.undoing && record.state == JobState::running)
        text += "\nIt is taking back what it did.\n";
    if (!record.error.empty())
        text +=
            "\n# Why it " + std::string(job_state_word(record.state)) + "\n" + record.error + "\n";
    if (record.state != JobState::interrupted) return text;
    text += "\n# What it left\nIts process ended in the middle. Clean (c) does this:\n";
    try {
        for (const Step& step : engine.jobs.clean(record.number).steps)
            text += "  " + printable(step.why) + "\n";
    } catch (const Error& error) {
        text += error.what();
    }
    return text;
}

std::string job_log_text(const JobRecord& record) {
    std::string text;
    for (const std::string& line : record.log)
        text += line + "\n";
    return text.empty() ? "It has said nothing." : text;
}

std::string job_plan_text(const Actions& actions, const JobRecord& record) {
    std::string text;
    for (const std::string& warning : record.plan.warnings)
        text += "# warning: " + warning + "\n";
    return text + plan_as_shell(record.plan, actions);
}

}  // namespace lodge
