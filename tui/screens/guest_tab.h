#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "tui/screen.h"

namespace lodge {

// GuestTab is one tab of a guest's details.
class GuestTab {
  public:
    explicit GuestTab(App& app) : app_(app) {}
    virtual ~GuestTab() = default;
    GuestTab(const GuestTab&) = delete;
    GuestTab& operator=(const GuestTab&) = delete;

    // Another guest (0: none), or the same one when State has looked again. Only while the tab is
    // shown.
    virtual void set(int guest) = 0;
    virtual void draw(Area area, bool active) = 0;
    virtual bool key(const Key& key) = 0;
    virtual void shown(bool /*now*/) {}
    virtual bool takes_all_keys() const { return false; }
    // What would be lost by quitting, in words; "" for nothing.
    virtual std::string unsaved() const { return ""; }
    virtual bool full_screen() const { return false; }
    // The command that opens this tab was given.
    virtual void run() {}
    // What commands act on here, when it is not the guest: a snapshot.
    virtual std::optional<Chosen> chosen() { return std::nullopt; }

  protected:
    App& app_;
};

// GuestTabKind is a line of the table of tabs (guest_details.cc).
struct GuestTabKind {
    std::string_view name;
    std::string_view
        command;  // the verb of a guest's command that opens it: "console"; "" for none
    std::unique_ptr<GuestTab> (*make)(App&);
    std::string_view kind = "";  // of guests that have it: "vm", "ct"; "" for all
};

std::unique_ptr<GuestTab> make_summary_tab(App& app);
std::unique_ptr<GuestTab> make_hardware_tab(App& app);
std::unique_ptr<GuestTab> make_snapshots_tab(App& app);
std::unique_ptr<GuestTab> make_console_tab(App& app);
std::unique_ptr<GuestTab> make_screen_tab(App& app);
std::unique_ptr<GuestTab> make_shell_tab(App& app);
std::unique_ptr<GuestTab> make_log_tab(App& app);
std::unique_ptr<GuestTab> make_plan_tab(App& app);

}  // namespace lodge
