#pragma once

#include <memory>
#include <string>

#include "engine/job_events.h"
#include "engine/state/views.h"
#include "tui/canvas.h"
#include "tui/key.h"
#include "tui/text_view.h"

namespace lodge {

class App;

// JobDetails is all of one job: how far it is, its steps, its log, the plan that ran. Of a running
// one only what is new in its events is read.
class JobDetails {
  public:
    explicit JobDetails(App& app) : app_(app) {}

    // Another job (nullptr: none), or the same one when State has looked again.
    void set(const JobView* job);
    void draw(Area area, bool active);
    bool key(const Key& key);
    bool types() const { return texts_[at_].types(); }
    void open_log() { at_ = 1; }

  private:
    void read();
    int draw_state(const Area& area, int y);
    int draw_tabs(const Area& area, int x);

    App& app_;
    JobView view_;  // number 0: none
    JobRecord record_;
    std::unique_ptr<JobReader> reader_;
    std::string trouble_;  // why its record cannot be read
    TextView texts_[3];
    size_t at_ = 0;
};

}  // namespace lodge
