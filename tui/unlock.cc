#include "tui/unlock.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "engine/aside.h"
#include "engine/text.h"
#include "engine/units.h"
#include "tui/app.h"
#include "tui/text_field.h"

namespace lodge {
namespace {

using nlohmann::json;

constexpr std::string_view title = "Changing things wants a password";
constexpr std::string_view about =
    "root, or someone in the group sudo. It is asked again when nobody was here for a while; L "
    "locks "
    "at once.";
constexpr int width = 60, label_width = 10;

std::string dump(const json& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

// What PAM asks and says, in the child that asks it.
PasswordTalk talk_over(const Aside::Talk& talk) {
    return {.ask =
                [talk](const std::string& words, bool secret) {
                    talk.say(dump({{"ask", words}, {"secret", secret}}));
                    return talk.hear();
                },
            .tell =
                [talk](const std::string& words) {
                    talk.say(dump({{"tell", words}}));
                }};
}

class UnlockDialog : public Dialog {
  public:
    UnlockDialog(App& app, Unlocked done) : Dialog(app), done_(std::move(done)), field_("root") {}

    bool types() const override { return true; }
    bool waits() const override { return aside_ && (!question_ || !kept_.empty()); }

    void draw(Area whole) override {
        std::vector<std::string> said = wrapped(said_, width - 2);
        const std::string words = printable(wrong_.empty() ? std::string(about) : wrong_);
        const auto below = wrapped(words, width - 2);
        const int height = 4 + static_cast<int>(said.size() + below.size());
        const Area inside = draw_box(app_, whole, width, height, title,
                                     aside_ ? "Enter Go on  Esc Cancel" : "Enter Ask  Esc Cancel");
        int y = 0;
        draw_line(inside, y++, "User", !aside_);
        for (const std::string& line : said)
            inside.put(1, y++, line);
        if (question_)
            draw_line(inside, y, *question_, true);
        else if (aside_)
            inside.put(1, y, "It is being asked", Role::dim);
        y += 2;
        for (const std::string& line : below)
            inside.put(1, y++, line, wrong_.empty() ? Role::dim : Role::warning);
    }

    void key(const Key& key) override {
        if (key.is("Esc")) {
            close();
        } else if (waits()) {
            if (!key.is_mouse()) kept_.push_back(key);
        } else if (key.is("Enter") || key.is("Tab") || key.is("Down") || key.is("F10")) {
            if (aside_)
                answer();
            else
                begin();
        } else if (aside_ && (key.is("Up") || key.is("BackTab"))) {
            back("");
        } else {
            field_.key(key);
        }
    }

  private:
    void draw_line(const Area& inside, int y, std::string_view label, bool here) const {
        const std::string words = printable(label);
        const int x = std::max(label_width, text_width(words) + 1);
        inside.put(1, y, words, here ? Role::strong : Role::normal);
        if (here)
            field_.draw(inside, x + 1, y, std::max(8, inside.width() - x - 2), true);
        else
            inside.put(x + 1, y, printable(user_));
    }

    void begin() {
        user_ = std::string(trim(field_.text()));
        said_.clear();
        wrong_ = user_.empty() ? "Who is it?" : "";
        if (!user_.empty() && !app_.outside().unlock) wrong_ = "nobody can be asked here";
        if (!wrong_.empty()) return;
        const auto unlock = app_.outside().unlock;
        aside_ = std::make_unique<Aside>(
            app_.loop(),
            [unlock, user = user_](const Aside::Talk& talk) {
                return unlock(user, talk_over(talk));
            },
            Aside::Ears{.ended = [this](const Aside::Ended& ended) { over(ended); },
                        .said = [this](const std::string& words) { heard(words); }});
    }

    // A question, or words.
    void heard(const std::string& words) {
        const json talk = json::parse(words);
        if (talk.contains("tell")) {
            said_ += (said_.empty() ? "" : "\n") + talk["tell"].get<std::string>();
            app_.redraw();
            return;
        }
        const std::string asked = talk["ask"].get<std::string>();
        question_ = std::string(trim(asked));
        field_.set("");
        field_.hide(talk["secret"].get<bool>());
        // What was typed ahead, when whoever tells us is done: it may end them.
        if (!kept_.empty())
            soon_ = app_.loop().after(std::chrono::milliseconds(0), std::chrono::milliseconds(0),
                                      [this] { app_.after_wait(title, [this] { retype(); }); });
        app_.redraw();
    }

    void retype() {
        std::vector<Key> keys;
        keys.swap(kept_);
        for (const Key& key : keys)
            if (!closed()) this->key(key);
    }

    void answer() {
        aside_->reply(field_.text());
        question_.reset();
        field_.set("");
    }

    // To the name again, with what was wrong.
    void back(const std::string& wrong) {
        aside_.reset();
        question_.reset();
        kept_.clear();
        wrong_ = wrong;
        field_.hide(false);
        field_.set(user_);
        app_.redraw();
    }

    // Closing it is the end of us: what is needed after it is taken along.
    void over(const Aside::Ended& ended) {
        if (!ended.well || !ended.words.empty()) {
            back(ended.words);
            return;
        }
        close();
        app_.after_wait(
            title, [done = done_, user = user_, said = printable(said_)] { done(user, said); });
    }

    const Unlocked done_;
    TextField field_;
    std::string user_, said_, wrong_;
    std::optional<std::string> question_;  // that waits for the person
    std::vector<Key> kept_;
    Loop::Source soon_;
    std::unique_ptr<Aside> aside_;  // while PAM is asked
};

}  // namespace

std::unique_ptr<Dialog> unlock_dialog(App& app, Unlocked done) {
    return std::make_unique<UnlockDialog>(app, std::move(done));
}

}  // namespace lodge
