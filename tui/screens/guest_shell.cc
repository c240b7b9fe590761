// The details' tab of a shell in a container: it stays open while another tab or guest is looked
// at, and ends by its own exit.
#include <fmt/format.h>

#include <map>
#include <memory>

#include "engine/container/container.h"
#include "engine/error.h"
#include "engine/text.h"
#include "engine/units.h"
#include "tui/app.h"
#include "tui/pane/shell_pane.h"
#include "tui/screens/guest_tab.h"

namespace lodge {
namespace {

constexpr std::string_view leave_key = "Ctrl-]";
constexpr Size usual{80, 24};

class ShellTab : public GuestTab {
  public:
    using GuestTab::GuestTab;

    void set(int guest) override {
        if (guest == guest_) return;
        guest_ = guest;
        typing_ = whole_ = false;
    }
    void shown(bool now) override {
        if (!now) typing_ = whole_ = false;
    }

    void draw(Area area, bool active) override {
        area_ = {area.width(), area.height()};
        ShellPane* shell = here();
        const Area body = area.rows(0, area.height() - 1), line = area.row(area.height() - 1);
        if (shell == nullptr) {
            body.put(0, 1, "A shell in the container, as its root. Its console is another place.",
                     Role::dim);
            line.put(0, 0, active ? "Enter Open a shell" : "! Open a shell", Role::dim);
            if (area.canvas().cursor) area.canvas().cursor->visible = false;
            return;
        }
        shell->draw(body);
        line.fill(typing_ ? Role::bar : Role::normal);
        if (typing_) {
            const int x = line.put(1, 0, leave_key, Role::bar_key);
            line.put(x, 0, " leaves; every other key goes to the shell", Role::bar);
        } else if (shell->ended()) {
            line.put(0, 0, "The shell has ended; Enter opens another", Role::dim);
        } else {
            line.put(0, 0, active ? "Enter Type  f Full screen  PgUp Back" : "! Type", Role::dim);
        }
        if (!typing_ && area.canvas().cursor) area.canvas().cursor->visible = false;
    }

    bool key(const Key& key) override {
        if (typing_) {
            if (key.is(leave_key))
                leave();
            else if (ShellPane* shell = here())
                shell->write(key);
            return true;
        }
        ShellPane* shell = here();
        if (key.is("Enter"))
            type(false);
        else if (key.is("f"))
            type(true);
        else if (shell != nullptr && (key.is("PgUp") || key.is("Ctrl-B")))
            shell->pane().scroll_pages(1);
        else if (shell != nullptr && (key.is("PgDn") || key.is("Ctrl-F")))
            shell->pane().scroll_pages(-1);
        else if (shell != nullptr && (key.is("Up") || key.is("k") || key.is("WheelUp")))
            shell->pane().scroll(key.is("WheelUp") ? 3 : 1);
        else if (shell != nullptr && (key.is("Down") || key.is("j") || key.is("WheelDown")))
            shell->pane().scroll(key.is("WheelDown") ? -3 : -1);
        else
            return false;
        return true;
    }

    bool takes_all_keys() const override { return typing_; }
    bool full_screen() const override { return whole_; }
    void run() override { type(area_.width < usual.width || area_.height < usual.height); }

    std::string unsaved() const override {
        int open = 0;
        for (const auto& [guest, shell] : shells_)
            if (!shell->ended()) ++open;
        return open == 0 ? "" : counted(open, "shell") + " open in containers";
    }

  private:
    ShellPane* here() const {
        const auto found = shells_.find(guest_);
        return found == shells_.end() ? nullptr : found->second.get();
    }

    void type(bool whole) {
        const GuestView* view = app_.state().guest(guest_);
        if (view == nullptr) return;
        if (app_.refuses([this, whole] { type(whole); })) return;
        ShellPane* shell = here();
        if (shell == nullptr || shell->ended()) {
            const Guest guest = *view->guest;
            auto& place = shells_[guest_];
            place.reset();
            try {
                place = std::make_unique<ShellPane>(app_.loop(),
                                                    ct_attach_program(app_.engine(), guest, {}),
                                                    [this, id = guest_] { changed(id); });
            } catch (const Error& error) {
                shells_.erase(guest_);
                app_.tell(error.what(), Role::warning);
                return;
            }
        }
        typing_ = true;
        whole_ = whole;
    }

    void changed(int id) {
        const ShellPane* shell = here();
        if (id == guest_ && typing_ && shell != nullptr && shell->ended()) {
            typing_ = whole_ = false;
            app_.tell("the shell has ended");
        }
        app_.redraw();
    }

    void leave() {
        typing_ = whole_ = false;
        app_.tell("the shell stays open; ! types again");
    }

    int guest_ = 0;
    bool typing_ = false, whole_ = false;
    Size area_{0, 0};
    std::map<int, std::unique_ptr<ShellPane>> shells_;
};

}  // namespace

std::unique_ptr<GuestTab> make_shell_tab(App& app) {
    return std::make_unique<ShellTab>(app);
}

}  // namespace lodge
