#pragma once

#include <functional>
#include <string>

#include "tui/hardware.h"
#include "tui/screen.h"

namespace lodge {

class App;
struct Guest;
struct Plan;

// HardwareSaver asks before edits of a guest's configuration are saved or given up: what becomes of
// what now and at the next start, and whether the file was changed by somebody else meanwhile.
class HardwareSaver {
  public:
    // `edits`: those of a guest; `changed` is called when they were given up or are being saved.
    HardwareSaver(App& app, std::function<HardwareEdits&(int guest)> edits,
                  std::function<void()> changed)
        : app_(app), edits_(std::move(edits)), changed_(std::move(changed)) {}

    void save(int guest);
    void ask_leave(int guest);

  private:
    const Guest* seen(int guest) const;
    void ask_save(int guest);
    void ask_save_by(int guest, const Plan& plan, const Values& words);
    void discard(int guest);

    App& app_;
    const std::function<HardwareEdits&(int)> edits_;
    const std::function<void()> changed_;
};

// "2 changes not saved".
std::string unsaved_words(const HardwareEdits& edits);
// A guest, or one key of it, for a command to act on.
Chosen chosen_part(const Guest& guest, const std::string& key = "");

}  // namespace lodge
