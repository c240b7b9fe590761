// The details' tabs that are text to read: the log and the command line that a start would use.
#include <fmt/format.h>

#include "engine/error.h"
#include "tui/app.h"
#include "tui/screens/guest_tab.h"
#include "tui/text_view.h"

namespace lodge {
namespace {

// TextTab shows what `text` says of a guest, asked again each time State looks.
class TextTab : public GuestTab {
  public:
    using Text = std::string (*)(App&, const Guest&);
    TextTab(App& app, Text text, bool at_end) : GuestTab(app), text_(text), at_end_(at_end) {}

    void set(int guest) override {
        const GuestView* view = app_.state().guest(guest);
        if (view == nullptr) {
            view_.set("");
            return;
        }
        try {
            view_.set(text_(app_, *view->guest));
        } catch (const std::exception& error) {
            view_.set(error.what());
        }
        if (guest != guest_ && at_end_) view_.to_end();
        guest_ = guest;
    }
    void draw(Area area, bool) override {
        view_.draw(area.rows(0, area.height() - 1));
        area.put_right(area.width() - 1, area.height() - 1, view_.place_words(), Role::dim);
    }
    bool key(const Key& key) override { return view_.key(key); }
    bool takes_all_keys() const override { return view_.types(); }

  private:
    Text text_;
    bool at_end_;
    TextView view_;
    int guest_ = 0;
};

std::string log_of(App& app, const Guest& guest) {
    const Command& command = app.command("guest log");
    const std::string text =
        command.show(app.engine(), {{"guest", guest.id}, {"lines", "500"}}).text;
    return text.empty() ? "Its program has said nothing." : text;
}

std::string plan_of(App& app, const Guest& guest) {
    std::string text = "# The command line that a start would use now\n\n" +
                       guest.kind->show_command(app.engine(), guest) + "\n";
    for (const std::string& warning : guest.kind->warnings(app.engine(), guest))
        text += "\nwarning: " + warning;
    return text;
}

}  // namespace

std::unique_ptr<GuestTab> make_log_tab(App& app) {
    return std::make_unique<TextTab>(app, log_of, true);
}

std::unique_ptr<GuestTab> make_plan_tab(App& app) {
    return std::make_unique<TextTab>(app, plan_of, false);
}

}  // namespace lodge
