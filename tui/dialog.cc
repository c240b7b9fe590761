#include "tui/dialog.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/text.h"
#include "engine/units.h"
#include "tui/app.h"
#include "tui/moving.h"

namespace lodge {
namespace {

// The box around a text that is read.
class TextDialog : public Dialog {
  public:
    TextDialog(App& app, std::string title, const std::string& text)
        : Dialog(app), title_(std::move(title)) {
        view_.set(text);
        for (const std::string& line : split(text, '\n'))
            widest_ = std::max(widest_, text_width(line));
    }

    void draw(Area whole) override {
        const int width = std::clamp(widest_ + 2, 40, std::min(100, whole.width() - 2));
        const int lines = view_.rows_in(width - 2);
        const Area inside = draw_box(app_, whole, width, lines + 1, title_, "Esc Close  / Search");
        view_.draw(inside.part(1, 0, inside.width() - 2, inside.height()));
    }

    void key(const Key& key) override {
        if (view_.key(key)) return;
        if (key.is("Esc") || key.is("q") || key.is("Enter")) close();
    }
    bool types() const override { return view_.types(); }

  private:
    std::string title_;
    TextView view_;
    int widest_ = 0;
};

class AskDialog : public Dialog {
  public:
    AskDialog(App& app, Question question, std::function<void()> yes)
        : Dialog(app), question_(std::move(question)), yes_(std::move(yes)) {}

    void draw(Area whole) override {
        const int width = std::min(72, whole.width() - 4);
        const auto lines = wrapped(printable_words(), width - 2);
        const bool named = !question_.name.empty();
        const int extra = named ? 3 : 2;
        const std::string keys = question_.plan.empty() ? "Esc No" : "F2 Plan  Esc No";
        const Area inside = draw_box(app_, whole, width, static_cast<int>(lines.size()) + extra,
                                     question_.title, named ? keys : keys + "  y Yes");
        const int room = inside.height() - extra;
        for (int y = 0; y < room && y < static_cast<int>(lines.size()); ++y)
            inside.put(1, y, lines[static_cast<size_t>(y)]);
        if (room < static_cast<int>(lines.size()))
            inside.put(1, std::max(0, room - 1), "... F2 shows all of it", Role::dim);
        const int y = inside.height() - extra + 1;
        if (!named) {
            inside.put(1, y, "y: yes   n: no", Role::strong);
            inside.cursor(1, y, false);
            return;
        }
        inside.put(1, y, "To do it, type its name: " + question_.name, Role::strong);
        field_.draw(inside, 1, y + 1, std::min(40, inside.width() - 2), true);
        if (!wrong_.empty()) inside.put(43, y + 1, wrong_, Role::warning);
    }

    void key(const Key& key) override {
        wrong_.clear();
        if (key.is("Esc") || key.is("F10") ||
            (question_.name.empty() && (key.is("n") || key.is("q")))) {
            close();
        } else if (!question_.plan.empty() &&
                   (key.is("F2") || (question_.name.empty() && key.is("p")))) {
            app_.open(text_dialog(app_, "Plan: " + question_.title, question_.plan));
        } else if (question_.name.empty()) {
            if (key.is("y")) agree();
        } else if (key.is("Enter")) {
            if (field_.text() == question_.name)
                agree();
            else
                wrong_ = "that is not its name";
        } else {
            field_.key(key);
        }
    }
    bool types() const override { return !question_.name.empty(); }

  private:
    std::string printable_words() const {
        std::string safe;
        for (const std::string& line : split(question_.words, '\n'))
            safe += (safe.empty() ? "" : "\n") + printable(line);
        return safe;
    }
    void agree() {
        close();
        yes_();
    }

    Question question_;
    std::function<void()> yes_;
    TextField field_;
    std::string wrong_;
};

class ChoiceDialog : public Dialog {
  public:
    ChoiceDialog(App& app, std::string title, std::vector<Choice> choices, bool fuzzy)
        : Dialog(app), title_(std::move(title)), choices_(std::move(choices)), fuzzy_(fuzzy) {
        narrow();
        for (size_t i = 0; i < choices_.size(); ++i)
            if (choices_[i].current) cursor_ = static_cast<int>(i);
    }

    void draw(Area whole) override {
        const int extra = (fuzzy_ ? 1 : 0) + 2;
        const Area inside =
            draw_box(app_, whole, std::min(76, whole.width() - 4),
                     std::min(static_cast<int>(choices_.size()), whole.height() - 8) + extra,
                     title_, has_other() ? "Enter Do it  Tab Options  Esc Close" : "Esc Close");
        int y = 0;
        if (fuzzy_) {
            inside.put(1, 0, ":", Role::strong);
            field_.draw(inside, 2, 0, inside.width() - 3, true);
            y = 1;
        }
        height_ = std::max(1, inside.height() - extra);
        const int count = static_cast<int>(order_.size());
        top_ = std::clamp(top_, std::max(0, cursor_ - height_ + 1), std::max(0, cursor_));
        for (int i = 0; i < height_ && top_ + i < count; ++i)
            draw_choice(inside, y + i, top_ + i);
        if (order_.empty()) inside.put(1, y, "nothing fits", Role::dim);
        draw_help(inside);
    }

    void key(const Key& key) override {
        if (key.is("Esc") || (!fuzzy_ && key.is("q"))) {
            close();
        } else if (const auto lines =
                       lines_moved(key, {.page = height_ + 1, .wheel = 1, .letters = !fuzzy_})) {
            if (fuzzy_ && (key.is("Home") || key.is("End")))
                field_.key(key);
            else
                move(std::clamp(*lines, -static_cast<int>(order_.size()),
                                static_cast<int>(order_.size())));
        } else if (key.is("Row")) {
            if (key.y < 0 || key.y >= static_cast<int>(order_.size())) return;
            cursor_ = key.y;
            take(false);
        } else if (key.is("Enter")) {
            take(false);
        } else if (key.is("Tab")) {
            take(true);
        } else if (fuzzy_) {
            field_.key(key);
            narrow();
        } else {
            by_key(key);
        }
    }
    bool types() const override { return fuzzy_; }

  private:
    const Choice& at(int place) const { return choices_[order_[static_cast<size_t>(place)]]; }
    bool has_other() const {
        return std::any_of(choices_.begin(), choices_.end(),
                           [](const Choice& choice) { return choice.other != nullptr; });
    }

    void draw_choice(const Area& inside, int y, int place) const {
        const Choice& choice = at(place);
        const Area row = inside.part(0, y, inside.width(), 1);
        const bool here = place == cursor_;
        const Paint paint = here                  ? Role::selected
                            : choice.heading      ? Role::heading
                            : choice.note.empty() ? Role::normal
                                                  : Role::dim;
        if (here) row.fill(paint);
        const int key_from = row.width() - 1 - text_width(choice.key);
        row.part(1, 0, key_from - 2, 1).put(choice.heading ? 0 : 1, 0, choice.label, paint);
        row.put_right(row.width() - 1, 0, choice.key, here ? paint : Paint(Role::link));
        if (!choice.heading) row.hit(0, 0, row.width(), 1, Key{.name = "Row", .y = place});
        if (here && !fuzzy_) row.cursor(0, 0, false);
    }

    void draw_help(const Area& inside) const {
        if (order_.empty()) return;
        const Choice& choice = at(cursor_);
        const Area below = inside.part(1, inside.height() - 2, inside.width() - 2, 2);
        const std::string& words = choice.note.empty() ? choice.help : choice.note;
        int y = 0;
        for (const std::string& line : wrapped(printable(words), below.width())) {
            below.put(0, y, line, choice.note.empty() ? Role::dim : Role::warning);
            if (++y == 2) break;
        }
    }

    void narrow() {
        order_.clear();
        for (size_t i = 0; i < choices_.size(); ++i)
            if (fuzzy_score(field_.text(), choices_[i].label) > 0) order_.push_back(i);
        if (!field_.text().empty())
            std::stable_sort(order_.begin(), order_.end(), [this](size_t a, size_t b) {
                return fuzzy_score(field_.text(), choices_[a].label) >
                       fuzzy_score(field_.text(), choices_[b].label);
            });
        cursor_ = 0;
        move(0);
    }

    void move(int by) {
        const int count = static_cast<int>(order_.size());
        if (count == 0) return;
        cursor_ = std::clamp(cursor_ + by, 0, count - 1);
        // Headings are passed over.
        const int step = by < 0 ? -1 : 1;
        while (cursor_ >= 0 && cursor_ < count && at(cursor_).heading)
            cursor_ += step;
        if (cursor_ < 0 || cursor_ >= count) {
            cursor_ = std::clamp(cursor_, 0, count - 1);
            while (cursor_ >= 0 && cursor_ < count && at(cursor_).heading)
                cursor_ -= step;
        }
        cursor_ = std::clamp(cursor_, 0, count - 1);
    }

    void take(bool other) {
        if (order_.empty()) return;
        const Choice& choice = at(cursor_);
        if (choice.heading || !choice.note.empty()) return;
        const auto work = other && choice.other ? choice.other : choice.chosen;
        close();
        if (work) work();
    }

    // In a menu a command's own key does it.
    void by_key(const Key& key) {
        for (int place = 0; place < static_cast<int>(order_.size()); ++place) {
            const auto keys = split(at(place).key, ' ');
            if (std::find(keys.begin(), keys.end(), key.name) == keys.end()) continue;
            cursor_ = place;
            take(false);
            return;
        }
    }

    std::string title_;
    std::vector<Choice> choices_;
    bool fuzzy_;
    TextField field_;
    std::vector<size_t> order_;
    int cursor_ = 0, top_ = 0, height_ = 1;
};

}  // namespace

Area draw_box(App& app, Area whole, int width, int height, std::string_view title,
              std::string_view keys) {
    const int w = std::min(width + 2, whole.width()), h = std::min(height + 2, whole.height());
    const Area box = whole.part((whole.width() - w) / 2, (whole.height() - h) / 2, w, h);
    box.fill(Role::normal);
    // A click beside the box does nothing, and one in it not what lies below.
    whole.hit(0, 0, whole.width(), whole.height(), Key{.name = "Beside"});
    const Area inside = draw_frame(box, app.glyphs(), printable(title));
    const int keys_width = text_width(keys) + 2;
    if (!keys.empty() && keys_width < w - 4) {
        const int x = box.put(w - 2 - keys_width, h - 1, " ");
        box.put(box.put(x, h - 1, keys, Role::link), h - 1, " ");
    }
    return inside;
}

std::unique_ptr<Dialog> text_dialog(App& app, std::string title, std::string text) {
    return std::make_unique<TextDialog>(app, std::move(title), text);
}

std::unique_ptr<Dialog> ask_dialog(App& app, Question question, std::function<void()> yes) {
    return std::make_unique<AskDialog>(app, std::move(question), std::move(yes));
}

std::unique_ptr<Dialog> choice_dialog(App& app, std::string title, std::vector<Choice> choices,
                                      bool fuzzy) {
    return std::make_unique<ChoiceDialog>(app, std::move(title), std::move(choices), fuzzy);
}

int fuzzy_score(std::string_view typed, std::string_view text) {
    if (typed.empty()) return 1;
    const auto lower = [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    };
    int score = 1;
    size_t at = 0, run = 0;
    for (const char wanted : typed) {
        if (wanted == ' ') {
            run = 0;
            continue;
        }
        size_t found = at;
        while (found < text.size() && lower(text[found]) != lower(wanted))
            ++found;
        if (found == text.size()) return 0;
        run = found == at ? run + 1 : 1;
        const bool begins_word = found == 0 || text[found - 1] == ' ' || text[found - 1] == ':';
        score += static_cast<int>(run) * 2 + (begins_word ? 5 : 0);
        at = found + 1;
    }
    return score * 4 - static_cast<int>(text.size()) / 8 + 100;
}

}  // namespace lodge
