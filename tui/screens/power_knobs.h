#pragma once

#include <memory>
#include <string>
#include <vector>

#include "power/knob.h"
#include "tui/screen.h"
#include "tui/table.h"

namespace lodge {

// KnobList is the list of what can be tuned on this machine, by group, with what there is to know
// of the one under the cursor.
class KnobList {
  public:
    explicit KnobList(App& app);
    // Reads the knobs again when it is time to.
    void look();
    void draw(const Area& area);
    bool key(const Key& key);
    Chosen chosen() const;
    bool types() const { return table_.types(); }

  private:
    class KnobRows;
    const Knob* selected() const;
    void ask_value(const Knob& knob);
    void set(const std::string& knob, const std::string& value);
    int draw_missing(const Area& area) const;  // rows it took, from the bottom
    void draw_about(const Area& area, const Knob& knob) const;

    App& app_;
    Table table_;
    std::vector<Knob> knobs_;
    std::vector<std::string> missing_;  // what this machine lacks, and why
    uint64_t jobs_ = 0;                 // State's, when they were read
    int64_t read_ = 0;                  // Unix time
};

}  // namespace lodge
