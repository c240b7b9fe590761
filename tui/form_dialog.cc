// The box around a form.
#include <algorithm>
#include <memory>

#include "engine/text.h"
#include "tui/app.h"
#include "tui/form.h"

namespace lodge {
namespace {

class FormDialog : public Dialog {
  public:
    FormDialog(App& app, std::string title, std::vector<FormField> fields, FormDone done,
               std::function<void()> given_up)
        : Dialog(app),
          title_(std::move(title)),
          form_(app),
          done_(std::move(done)),
          given_up_(std::move(given_up)) {
        form_.set(std::move(fields));
    }

    void draw(Area whole) override {
        const int count = static_cast<int>(form_.fields().size());
        const int below = form_.help_height();
        const Area inside = draw_box(app_, whole, std::min(76, whole.width() - 4),
                                     std::min(count + below + 1, whole.height() - 4), title_,
                                     "F10 Do it  Esc Cancel");
        const int height = inside.height() - below - 1;
        form_.draw(inside.part(1, 0, inside.width() - 2, height), true);
        const Area help = inside.part(1, height + 1, inside.width() - 2, below);
        if (wrong_.empty()) {
            form_.draw_help(help);
            return;
        }
        int y = 0;
        for (const std::string& line : wrapped(printable(wrong_), help.width()))
            help.put(0, y++, line, Role::warning);
    }

    void key(const Key& key) override {
        wrong_.clear();
        if (key.is("Esc"))
            leave();
        else if (key.is("F10") || key.is("Ctrl-S"))
            take();
        else if (!form_.key(key) && key.is("Enter"))
            take();
    }
    bool types() const override { return form_.types(); }

  private:
    void take() {
        wrong_ = form_.problem();
        if (!wrong_.empty()) return;
        done_(form_.values(), [this, here = std::weak_ptr<int>(here_)](const std::string& wrong) {
            if (here.expired()) return;
            wrong_ = wrong;
            if (wrong.empty()) close();
            app_.redraw();
        });
    }

    void give_up() {
        close();
        if (given_up_) given_up_();
    }

    void leave() {
        if (!form_.changed()) {
            give_up();
            return;
        }
        app_.open(choice_dialog(app_, "What was typed",
                                {{.label = "Keep editing", .key = "Esc"},
                                 {.label = "Save", .key = "s", .chosen = [this] { take(); }},
                                 {.label = "Discard", .key = "d", .chosen = [this] { give_up(); }}},
                                false));
    }

    std::string title_, wrong_;
    Form form_;
    FormDone done_;
    std::function<void()> given_up_;
    std::shared_ptr<int> here_ = std::make_shared<int>();  // answers come later
};

}  // namespace

std::unique_ptr<Dialog> form_dialog(App& app, std::string title, std::vector<FormField> fields,
                                    FormDone done, std::function<void()> given_up) {
    return std::make_unique<FormDialog>(app, std::move(title), std::move(fields), std::move(done),
                                        std::move(given_up));
}

}  // namespace lodge
