#include "tui/screens/job_details.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "engine/error.h"
#include "engine/text.h"
#include "tui/app.h"
#include "tui/screens/job_words.h"
#include "tui/tabs.h"

namespace lodge {
namespace {

constexpr std::string_view names[] = {"Steps", "Log", "Plan"};
constexpr size_t log_tab = 1, plan_tab = 2;

}  // namespace

void JobDetails::set(const JobView* job) {
    if (job == nullptr) {
        view_ = JobView();
        return;
    }
    const bool same = job->number == view_.number;
    const bool moved = !same || job->state != view_.state;
    view_ = *job;
    if (!same) trouble_.clear();
    try {
        if (moved) {
            record_ = app_.engine().jobs.load(view_.number);
            reader_.reset();
        }
        if (moved || view_.state == JobState::running) read();
    } catch (const Error& error) {
        trouble_ = error.what();
        for (TextView& text : texts_)
            text.set(trouble_);
        return;
    }
    if (!same) texts_[log_tab].to_end();
}

void JobDetails::read() {
    if (view_.state == JobState::running) {
        if (!reader_) {
            reader_ = std::make_unique<JobReader>(
                fmt::format("{}/jobs/{}/events", app_.engine().host.state_folder(), view_.number));
            record_.log.clear();  // comes from the reader
        }
        reader_->read(record_);
    }
    record_.state = view_.state;  // as the list says it
    texts_[0].set(job_steps_text(app_.engine(), record_));
    texts_[1].set(job_log_text(record_));
    texts_[2].set(job_plan_text(app_.engine().actions, record_));
}

int JobDetails::draw_tabs(const Area& area, int x) {
    std::vector<TabWord> words;
    for (size_t place = 0; place < std::size(names); ++place)
        words.push_back(
            {std::string(names[place]), Key{.name = "Detail", .y = static_cast<int>(place)}});
    const int line = x + tabs_width(words) <= area.width() ? 0 : 1;
    lodge::draw_tabs(area.row(line), line == 1 ? 0 : x, words, at_, app_.glyphs());
    return line + 1;
}

// What it does now, or how it ended; returns the line below.
int JobDetails::draw_state(const Area& area, int y) {
    const int64_t now = app_.engine().host.now_seconds();
    int x = area.put(0, y, job_state_word(view_.state), job_role(view_.state));
    if (view_.started > 0) x = area.put(x, y, ", begun " + when_words(view_.started, now));
    const std::string took = job_took_words(view_, now);
    if (!took.empty())
        x = area.put(x, y, (view_.state == JobState::running ? ", for " : ", took ") + took);
    if (view_.state == JobState::interrupted) area.put(x, y, "; c cleans", Role::warning);
    ++y;
    if (view_.state != JobState::running) return y;
    if (view_.undoing) area.put(0, y++, "It is taking back what it did", Role::warning);
    const double share = job_share(view_);
    const std::string words = job_progress_words(view_);
    if (share >= 0) {
        const int width = std::clamp(area.width() - text_width(words) - 8, 6, 30);
        draw_gauge(area, 0, y, width, share, app_.glyphs());
        area.put(width + 1, y++, fmt::format("{:3.0f}%  {}", share * 100, words));
    } else if (!words.empty()) {
        area.put(0, y++, words);
    }
    return y;
}

void JobDetails::draw(Area area, bool active) {
    if (view_.number == 0) return;
    const std::string title = fmt::format("{} {}", view_.number, printable(view_.title));
    const int x = area.put(0, 0, title, active ? Role::strong : Role::heading);
    int y = draw_tabs(area, x + 2);
    y = draw_state(area, y);
    if (!view_.error.empty() && at_ != 0) area.put(0, y++, printable(view_.error), Role::danger);
    ++y;
    const Area rest = area.rows(y, area.height() - y);
    if (rest.height() <= 1) return;
    if (at_ == plan_tab && app_.draw_locked(rest)) return;
    texts_[at_].draw(rest.rows(0, rest.height() - 1));
    rest.put_right(rest.width() - 1, rest.height() - 1, texts_[at_].place_words(), Role::dim);
}

bool JobDetails::key(const Key& key) {
    if (types()) return texts_[at_].key(key);
    const size_t count = std::size(names);
    const bool hidden = at_ == plan_tab && app_.locked();
    if (key.is("]"))
        at_ = (at_ + 1) % count;
    else if (key.is("["))
        at_ = (at_ + count - 1) % count;
    else if (key.is("Detail"))
        at_ = static_cast<size_t>(key.y);
    else
        return !hidden && texts_[at_].key(key);
    return true;
}

}  // namespace lodge
