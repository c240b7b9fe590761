#include "tui/wait.h"

#include <fmt/format.h>

#include <chrono>
#include <vector>

#include "engine/aside.h"
#include "engine/text.h"
#include "engine/units.h"
#include "tui/app.h"

namespace lodge {
namespace {

using namespace std::chrono_literals;

// What takes longer than this is told.
constexpr auto a_moment = 300ms;
constexpr size_t most_output = 1 << 20;

// Moment is the time that something has taken so far, and a redraw each second of it.
class Moment {
  public:
    explicit Moment(App& app)
        : timer_(app.loop().after(a_moment, 20ms, [this, &app] { begin(app); })) {}
    bool over() const { return over_; }
    void end_now() { over_ = true; }
    int64_t seconds() const {
        return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() -
                                                                began_)
            .count();
    }

  private:
    void begin(App& app) {
        over_ = true;
        app.redraw();
        timer_ = app.loop().every(1s, 100ms, [&app] { app.redraw(); });
    }

    const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
    bool over_ = false;
    Loop::Source timer_;
};

class WaitDialog : public Dialog {
  public:
    WaitDialog(App& app, Waiting waiting)
        : Dialog(app),
          waiting_(std::move(waiting)),
          moment_(app),
          aside_(app.loop(), [this](const Aside::Talk&) { return waiting_.work(); },
                 {.ended = [this](Aside::Ended ended) { over(std::move(ended)); }}) {}

    bool waits() const override { return true; }

    void draw(Area whole) override {
        if (!moment_.over()) return;
        const Area inside = draw_box(app_, whole, 60, 2, waiting_.title, "Esc Give up");
        inside.put(1, 0, fmt::format("It waits for an answer, {} s so far.", moment_.seconds()));
        inside.put(1, 1, "Nothing is done before it comes.", Role::dim);
        inside.cursor(1, 0, false);
    }

    void key(const Key& key) override {
        if (key.is("Esc") || (moment_.over() && (key.is("q") || key.is("Ctrl-C")))) {
            close();
            app_.tell(waiting_.title + ": given up, nothing was done");
            if (waiting_.given_up) waiting_.given_up();
        } else if (!moment_.over() && !key.is_mouse()) {
            kept_.push_back(key);
        }
    }

  private:
    // Closing it is the end of us: what is needed after it is taken along.
    void over(Aside::Ended ended) {
        close();
        App& app = app_;
        const std::vector<Key> keys = std::move(kept_);
        const Waiting waiting = std::move(waiting_);
        app.after_wait(waiting.title, [&] {
            if (ended.well) {
                waiting.done(ended.words);
            } else if (waiting.failed) {
                waiting.failed(Error(ended.exit, ended.words));
            } else {
                throw Error(ended.exit, ended.words);
            }
        });
        // What was typed ahead was not meant for an error.
        if (!ended.well) return;
        for (const Key& key : keys)
            app.key(key);
    }

    Waiting waiting_;
    Moment moment_;
    std::vector<Key> kept_;
    Aside aside_;
};

class RunDialog : public Dialog {
  public:
    RunDialog(App& app, std::string title, const std::function<int()>& work,
              std::function<void()> ended)
        : Dialog(app),
          title_(std::move(title)),
          ended_(std::move(ended)),
          moment_(app),
          aside_(std::make_unique<Aside>(
              app.loop(), [work](const Aside::Talk&) { return std::to_string(work()); },
              Aside::Ears{.ended = [this](const Aside::Ended& result) { over(result); },
                          .printed = [this](std::string_view text) { print(text); }})) {}

    bool waits() const override { return aside_ != nullptr; }

    void draw(Area whole) override {
        if (aside_ && !moment_.over()) return;
        const int width = std::min(100, whole.width() - 2);
        const int lines = view_.rows_in(width - 2);
        const Area inside = draw_box(app_, whole, width, std::max(lines, 2) + 2, title_,
                                     aside_ ? "Esc Stop it" : "Esc Close  / Search");
        view_.draw(inside.part(1, 0, inside.width() - 2, inside.height() - 2));
        inside.put(1, inside.height() - 1,
                   aside_
                       ? fmt::format("{}, {} s so far", asked_ ? "It is asked to end" : "It runs",
                                     moment_.seconds())
                       : how_,
                   Role::dim);
    }

    void key(const Key& key) override {
        if (moment_.over() && view_.key(key)) return;
        if (!key.is("Esc") && !key.is("q") && !key.is("Enter") && !key.is("Ctrl-C")) return;
        if (!aside_) {
            close();
        } else if (!key.is("Enter")) {
            stop();
        }
    }
    bool types() const override { return view_.types(); }

  private:
    void print(std::string_view text) {
        if (text_.size() < most_output) text_ += text;
        view_.set(text_);
        view_.to_end();
        app_.redraw();
    }

    void stop() {
        if (!asked_) {
            asked_ = true;
            aside_->interrupt();
            return;
        }
        aside_.reset();
        how_ = "It was ended.";
        app_.after_wait(title_, ended_);
    }

    void over(const Aside::Ended& result) {
        const std::unique_ptr<Aside> gone = std::move(aside_);
        int64_t status = static_cast<int64_t>(result.exit);
        if (result.well)
            status = parse_integer(result.words).value_or(1);
        else
            print(result.words + "\n");
        how_ = status == 0 ? "It is done." : fmt::format("It ended with status {}.", status);
        const std::string_view said = trim(text_);
        const bool short_one = said.find('\n') == std::string_view::npos;
        if (!moment_.over() && short_one && status == 0) {
            close();
            app_.tell(fmt::format("{}: {}", title_, said.empty() ? "done" : printable(said)),
                      Role::good);
        }
        moment_.end_now();
        const std::function<void()> ended = ended_;
        app_.after_wait(title_, ended);
    }

    std::string title_, text_, how_;
    TextView view_;
    std::function<void()> ended_;
    Moment moment_;
    bool asked_ = false;
    std::unique_ptr<Aside> aside_;  // none when it has ended
};

}  // namespace

std::unique_ptr<Dialog> wait_dialog(App& app, Waiting waiting) {
    return std::make_unique<WaitDialog>(app, std::move(waiting));
}

std::unique_ptr<Dialog> run_dialog(App& app, std::string title, const std::function<int()>& work,
                                   std::function<void()> ended) {
    return std::make_unique<RunDialog>(app, std::move(title), work, std::move(ended));
}

}  // namespace lodge
