// The details' tab of a guest's serial console: looking on is free, typing takes it until Ctrl-].
#include <fmt/format.h>

#include <memory>

#include "engine/text.h"
#include "tui/app.h"
#include "tui/moving.h"
#include "tui/pane/serial_pane.h"
#include "tui/screens/guest_tab.h"

namespace lodge {
namespace {

constexpr std::string_view leave_key = "Ctrl-]";
// A pane smaller than this gives way to the whole screen: what guests reckon with.
constexpr Size usual{80, 24};

class ConsoleTab : public GuestTab {
  public:
    using GuestTab::GuestTab;

    void set(int guest) override {
        if (guest == guest_) return;
        guest_ = guest;
        open();
    }

    // What is not seen is not listened to.
    void shown(bool now) override {
        shown_ = now;
        if (now) {
            open();
        } else {
            pane_.reset();
            typing_ = searching_ = whole_ = false;
        }
    }

    void draw(Area area, bool active) override {
        if (!pane_) return;
        // The last row says how to get out, or in.
        area_ = {area.width(), area.height()};
        pane_->draw(area.rows(0, area.height() - 1));
        const Area line = area.row(area.height() - 1);
        line.fill(typing_ ? Role::bar : Role::normal);
        if (searching_) {
            line.put(0, 0, "Search: ", Role::strong);
            search_.draw(line, 8, 0, std::min(40, line.width() - 8), true);
        } else if (typing_) {
            int x = line.put(1, 0, leave_key, Role::bar_key);
            line.put(x, 0, " leaves; every other key goes to the guest", Role::bar);
        } else {
            line.put(0, 0,
                     active ? "Enter Type  f Full screen  / Search  PgUp Back  z Tell its size"
                            : "F3 t Type",
                     Role::dim);
        }
        if (!typing_ && !searching_ && area.canvas().cursor) area.canvas().cursor->visible = false;
    }

    bool key(const Key& key) override {
        if (!pane_) return false;
        if (typing_) {
            if (key.is(leave_key))
                leave();
            else
                pane_->write(key);
            return true;
        }
        if (searching_) return search_key(key);
        return looking_key(key);
    }

    bool takes_all_keys() const override { return typing_ || searching_; }
    bool full_screen() const override { return whole_; }

    void run() override {
        if (!pane_) open();
        type(area_.width < usual.width || area_.height < usual.height);
    }

  private:
    void open() {
        typing_ = searching_ = whole_ = false;
        pane_.reset();
        if (guest_ == 0 || !shown_) return;
        pane_ = std::make_unique<SerialPane>(app_.loop(), app_.engine(), guest_, 0,
                                             [this] { app_.redraw(); });
    }

    void type(bool whole) {
        if (!pane_) return;
        if (app_.refuses([this, whole] { type(whole); })) return;
        pane_->type(true);
        typing_ = true;
        whole_ = whole;
    }

    void leave() {
        pane_->type(false);
        typing_ = whole_ = false;
        app_.tell("the console goes on; F3 or t types again");
    }

    bool search_key(const Key& key) {
        if (key.is("Esc") || key.is("Enter")) {
            searching_ = false;
            if (key.is("Enter") && !pane_->pane().find(search_.text()))
                app_.tell(fmt::format("'{}' is not in what was said", printable(search_.text())),
                          Role::warning);
            return true;
        }
        search_.key(key);
        return true;
    }

    bool looking_key(const Key& key) {
        TerminalPane& pane = pane_->pane();
        if (key.is("Enter"))
            type(false);
        else if (key.is("f"))
            type(true);
        else if (key.is("z")) {
            type(false);
            if (typing_) pane_->tell_size();
        } else if (const auto lines = lines_moved(key, {.page = area_.height}))
            pane.scroll(-*lines);
        else if (key.is("/")) {
            searching_ = true;
            search_.set("");
        } else if (key.is("n") && pane.searches())
            pane.find_next(true);
        else if (key.is("N") && pane.searches())
            pane.find_next(false);
        else
            return false;
        return true;
    }

    int guest_ = 0;
    bool shown_ = false, typing_ = false, searching_ = false, whole_ = false;
    Size area_{0, 0};
    TextField search_;
    std::unique_ptr<SerialPane> pane_;
};

}  // namespace

std::unique_ptr<GuestTab> make_console_tab(App& app) {
    return std::make_unique<ConsoleTab>(app);
}

}  // namespace lodge
