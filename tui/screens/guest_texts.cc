// The details' tabs that are text to read: the log and the command line that a start would use.
#include <fmt/format.h>

#include "engine/aside.h"
#include "tui/app.h"
#include "tui/screens/guest_tab.h"
#include "tui/text_view.h"

namespace lodge {
namespace {

class TextTab : public GuestTab {
  public:
    // `secret`: not for everybody before a locked console.
    TextTab(App& app, bool secret) : GuestTab(app), hidden_(secret) {}
    void draw(Area area, bool) override {
        if (hidden_ && app_.draw_locked(area)) return;
        view_.draw(area.rows(0, area.height() - 1));
        area.put_right(area.width() - 1, area.height() - 1, view_.place_words(), Role::dim);
    }
    bool key(const Key& key) override { return !(hidden_ && app_.locked()) && view_.key(key); }
    bool takes_all_keys() const override { return view_.types(); }

  protected:
    TextView view_;

  private:
    const bool hidden_;
};

// Read again each time State looks.
class LogTab : public TextTab {
  public:
    explicit LogTab(App& app) : TextTab(app, false) {}
    void set(int guest) override {
        if (app_.state().guest(guest) == nullptr) {
            view_.set("");
            return;
        }
        try {
            const Command& command = app_.command("guest log");
            const std::string text =
                command.show(app_.engine(), {{"guest", guest}, {"lines", "500"}}).text;
            view_.set(text.empty() ? "Its program has said nothing." : text);
        } catch (const std::exception& error) {
            view_.set(error.what());
        }
        if (guest != guest_) view_.to_end();
        guest_ = guest;
    }

  private:
    int guest_ = 0;
};

std::string plan_of(App& app, const Guest& guest) {
    const bool container = guest.kind->name() == "ct";
    std::string text = fmt::format("# The {} that a start would use now\n\n{}\n",
                                   container ? "liblxc configuration" : "command line",
                                   guest.kind->show_command(app.engine(), guest));
    for (const std::string& warning : guest.kind->warnings(app.engine(), guest))
        text += "\nwarning: " + warning;
    return text;
}

// Made aside, for it looks at the guest's volumes, which may lie on a mount that does not answer;
// and anew when the configuration is another one, or the tab is opened.
class PlanTab : public TextTab {
  public:
    explicit PlanTab(App& app) : TextTab(app, true) {}
    void shown(bool) override {
        aside_.reset();
        guest_.reset();
    }
    void set(int guest) override {
        const GuestView* view = app_.state().guest(guest);
        if (view != nullptr && view->guest == guest_) return;
        aside_.reset();
        guest_ = view != nullptr ? view->guest : nullptr;
        if (!guest_) return view_.set("");
        busy_ = app_.busy();
        aside_ = std::make_unique<Aside>(
            app_.loop(), [this](const Aside::Talk&) { return plan_of(app_, *guest_); },
            Aside::Ears{.ended = [this](const Aside::Ended& ended) {
                view_.set(ended.words);
                busy_.reset();
                aside_.reset();
                app_.redraw();
            }});
    }

  private:
    std::shared_ptr<const Guest> guest_;
    std::shared_ptr<const bool> busy_;
    std::unique_ptr<Aside> aside_;  // while it is made
};

}  // namespace

std::unique_ptr<GuestTab> make_log_tab(App& app) {
    return std::make_unique<LogTab>(app);
}

std::unique_ptr<GuestTab> make_plan_tab(App& app) {
    return std::make_unique<PlanTab>(app);
}

}  // namespace lodge
