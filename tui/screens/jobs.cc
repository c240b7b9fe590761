#include <fmt/format.h>

#include <algorithm>

#include "engine/text.h"
#include "engine/units.h"
#include "engine/wrap.h"
#include "tui/app.h"
#include "tui/screens/all.h"
#include "tui/screens/job_details.h"
#include "tui/screens/job_words.h"
#include "tui/screens/two_panes.h"
#include "tui/table.h"

namespace lodge {
namespace {

// So many of the newest are looked at first; more when the person goes there.
constexpr size_t first_jobs = 100;
constexpr size_t near_the_end = 30;

enum Shown : size_t { number, what, guest, state, progress, rate, left, begun, took };

const std::vector<Column> columns = {
    {.title = "JOB", .width = 4, .right = true},
    {.title = "WHAT", .width = 18, .grow = 4},
    {.title = "GUEST", .width = 10, .grow = 1, .rank = 6},
    {.title = "STATE", .width = 11},
    {.title = "PROGRESS", .width = 12, .sortable = false},
    {.title = "RATE", .width = 6, .right = true, .rank = 7, .sortable = false},
    {.title = "LEFT", .width = 5, .right = true, .rank = 4, .sortable = false},
    {.title = "BEGUN", .width = 11, .right = true, .rank = 5},
    {.title = "TOOK", .width = 4, .right = true},
};

// JobRows is the list of jobs as the table asks for it. It has its own copy: State's may move on
// while a dialog stands over the list.
class JobRows : public Rows {
  public:
    explicit JobRows(App& app) : app_(app) {}
    void set(const std::vector<JobView>& jobs) {
        jobs_ = jobs;
        now_ = app_.engine().host.now_seconds();
    }
    const JobView& at(size_t row) const { return jobs_[row]; }

    size_t count() const override { return jobs_.size(); }
    std::string id(size_t row) const override { return std::to_string(at(row).number); }

    TableCell cell(size_t row, size_t column) const override {
        const JobView& job = at(row);
        switch (column) {
            case Shown::number:
                return {std::to_string(job.number), {}};
            case Shown::what:
                return {job.title, {}};
            case Shown::guest:
                return {guests_of(job), {}};
            case Shown::state:
                return {std::string(job_state_word(job.state)), job_role(job.state)};
            case Shown::progress:
                return {progress_of(job), Role::graph};
            case Shown::rate:
                return {job.rate && job.unit == "bytes"
                            ? short_size(static_cast<int64_t>(*job.rate))
                            : "",
                        {}};
            case Shown::left:
                return {job.time_left ? short_duration(*job.time_left) : "", {}};
            case Shown::begun:
                return {when_words(job.started, now_), {}};
            default:
                return {job_took_words(job, now_), {}};
        }
    }

    // The newest comes first.
    std::optional<double> number(size_t row, size_t column) const override {
        const JobView& job = at(row);
        if (column == Shown::number) return -static_cast<double>(job.number);
        if (column == Shown::begun) return static_cast<double>(job.started);
        if (column == Shown::took && job.ended > 0)
            return static_cast<double>(job.ended - job.started);
        return std::nullopt;
    }

    std::string words(size_t row) const override {
        const JobView& job = at(row);
        return fmt::format("{} {} {} {} {}", job.number, job.title, guests_of(job),
                           job_state_word(job.state), job.error);
    }

  private:
    std::string guests_of(const JobView& job) const {
        std::vector<std::string> names;
        for (const int id : job.guests) {
            const GuestView* view = app_.state().guest(id);
            names.push_back(view ? view->guest->name : std::to_string(id));
        }
        return join(names, ",");
    }

    // A bar where there is something to measure, else the steps.
    std::string progress_of(const JobView& job) const {
        if (job.state != JobState::running && job.state != JobState::interrupted) return "";
        const double share = job_share(job);
        if (share < 0) return fmt::format("step {}/{}", job.steps_done + 1, job.steps);
        return fmt::format("{} {:2.0f}%", gauge_words(share, 8, app_.glyphs()), share * 100);
    }

    App& app_;
    std::vector<JobView> jobs_;
    int64_t now_ = 0;
};

constexpr OwnKey own[] = {
    {"/", "Filter", "Shows only jobs that fit: words, !word, re:expression.", true},
    {"]", "Next tab", "The details' next tab: Steps, Log, Plan.", false},
    {"Tab", "Other pane", "From the list to the details and back, where both are shown.", false},
};

// JobsScreen is the list of jobs, running and past, with the details of the one under the cursor.
class JobsScreen : public Screen {
  public:
    explicit JobsScreen(App& app)
        : Screen(app), rows_(app), table_(columns, Shown::number), details_(app) {}

    void look() override { app_.state().look_at_jobs(0, wanted_); }

    void seen() override {
        rows_.set(app_.state().seen().job_page);
        table_.update(rows_);
        follow();
    }

    void draw(Area area) override {
        if (rows_.count() == 0) {
            area.put_centre(area.height() / 2 - 1, "There are no jobs yet.", Role::strong);
            int y = area.height() / 2 + 1;
            for (const std::string& line :
                 wrapped("Everything that changes a guest becomes one.", area.width()))
                area.put_centre(y++, line);
            return;
        }
        const TwoPanes::Parts parts = panes_.lay_out(area, app_.glyphs());
        if (parts.list) {
            const Area list = *parts.list;
            table_.draw(list.rows(0, list.height() - 1), rows_, app_.glyphs(),
                        !panes_.in_details());
            list.put(1, list.height() - 1, table_.order_words(), Role::dim);
            list.put_right(list.width() - 1, list.height() - 1, count_words(), Role::dim);
        }
        if (parts.details) details_.draw(*parts.details, panes_.in_details());
    }

    bool key(const Key& key) override {
        if (panes_.in_details() && details_.types()) return details_.key(key);
        if (table_.types()) return table_key(key);
        if (panes_.key(key, table_.selected().has_value())) return true;
        if (panes_.in_details()) return details_.key(key);
        if (key.is("[") || key.is("]") || key.is("Detail")) return details_.key(key);
        return table_key(key);
    }

    std::span<const OwnKey> own_keys() const override { return own; }

    Chosen chosen() override {
        Chosen chosen{.subject = "job", .things = {}};
        for (const size_t row : table_.chosen(rows_)) {
            const JobView& job = rows_.at(row);
            chosen.things.push_back({.values = {{"job", job.number}},
                                     .name = fmt::format("job {} ({})", job.number, job.title),
                                     .title = std::to_string(job.number)});
        }
        return chosen;
    }

    bool runs(const Command& command) override {
        if (command.subject != "job" || !table_.selected()) return false;
        if (command.verb == "show" || command.verb == "follow") {
            panes_.go(true);
            if (command.verb == "follow") details_.open_log();
            return true;
        }
        if (command.verb != "cancel" || app_.settings().readonly) return false;
        if (!app_.why_not(command, chosen()).empty()) return false;
        std::string words;
        for (const Chosen::Thing& thing : chosen().things)
            words += thing.name + "\n";
        app_.open(
            ask_dialog(app_,
                       {.title = "Cancel",
                        .words = words + "\n" + std::string(command.help),
                        .plan = "",
                        .name = ""},
                       [this, &command, things = chosen().things] { cancel(command, things); }));
        return true;
    }

  private:
    void cancel(const Command& command, const std::vector<Chosen::Thing>& things) {
        for (const Chosen::Thing& thing : things)
            if (command.why_not(app_.engine(), thing.values).empty())
                app_.engine().jobs.cancel(static_cast<int>(thing.values.integer("job")));
        app_.tell("it is asked to stop and take back what it did");
    }

    bool table_key(const Key& key) {
        if (key.is("End") || key.is("G")) look_further(app_.state().seen().job_count);
        if (!table_.key(key, rows_)) return false;
        // A filter and an order are of all jobs.
        if (!table_.order_words().empty())
            look_further(app_.state().seen().job_count);
        else if (table_.place() + near_the_end >= wanted_)
            look_further(wanted_ * 2);
        follow();
        return true;
    }

    void look_further(size_t jobs) {
        if (jobs <= wanted_ || wanted_ >= app_.state().seen().job_count) return;
        wanted_ = jobs;
        look();
        seen();
    }

    void follow() {
        const auto row = table_.selected();
        details_.set(row ? &rows_.at(*row) : nullptr);
        if (!row) panes_.go(false);
    }

    std::string count_words() const {
        const size_t there = app_.state().seen().job_count;
        if (there <= rows_.count()) return counted(there, "job");
        return fmt::format("the newest {} of {}", rows_.count(), counted(there, "job"));
    }

    JobRows rows_;
    Table table_;
    JobDetails details_;
    TwoPanes panes_;
    size_t wanted_ = first_jobs;
};

}  // namespace

std::unique_ptr<Screen> make_jobs_screen(App& app) {
    return std::make_unique<JobsScreen>(app);
}

}  // namespace lodge
