#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "tui/screens/guest_tab.h"

namespace lodge {

// GuestDetails is all of one guest, in tabs.
class GuestDetails {
  public:
    explicit GuestDetails(App& app);

    void set(int guest);
    void seen();
    void shown(bool now);
    void draw(Area area, bool active);
    bool key(const Key& key);
    // Opens the tab that does this command in its own way; false when none does.
    bool runs(const Command& command);
    bool takes_all_keys() const { return tab().takes_all_keys(); }
    std::string unsaved() const;  // of any tab
    bool full_screen() const { return tab().full_screen(); }
    std::optional<Chosen> chosen() { return tab().chosen(); }

  private:
    GuestTab& tab() const { return *tabs_[at_]; }
    void open_tab(size_t place);
    bool has_tab(size_t place) const;
    void step_tab(size_t by);

    App& app_;
    std::vector<std::unique_ptr<GuestTab>> tabs_;
    size_t at_ = 0;
    int guest_ = 0;
};

}  // namespace lodge
