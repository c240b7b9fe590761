#pragma once

#include <string>
#include <vector>

#include "tui/create/choices.h"

namespace lodge {

// CreateSteps is what is asked for a new guest, one after the other: its system, what it begins
// with, a file where that needs one, its settings. The wizard of the full screen shows them as
// pages, `lodge --linear` asks them line by line.
class CreateSteps {
  public:
    explicit CreateSteps(const Workshop& shop) : shop_(shop) {}

    void choose_system(const SystemKind& system);  // looks what there is for it
    const std::vector<Medium>& media() const { return media_; }
    size_t best() const { return best_; }  // of the media
    // Anew, when servers were asked what they have.
    void list_media();

    void choose_medium(size_t at);
    const Medium& medium() const { return media_[at_]; }
    // Of a medium that asks for one.
    std::vector<FormField> file_fields() const { return lodge::file_fields(shop_, medium()); }
    void take_file(std::string file) { guest_.file = std::move(file); }

    std::vector<FormField> setting_fields(ChosenStorage chosen) const {
        return lodge::setting_fields(shop_, guest_, std::move(chosen));
    }
    // What is wrong with them; "" when nothing is.
    std::string take_settings(Values settings);

    const NewGuest& guest() const { return guest_; }

  private:
    const Workshop shop_;
    NewGuest guest_;
    std::vector<Medium> media_;
    size_t best_ = 0, at_ = 0;
};

}  // namespace lodge
