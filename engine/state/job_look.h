#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <vector>

#include "engine/job.h"
#include "engine/job_events.h"
#include "engine/loop.h"
#include "engine/state/figures.h"
#include "engine/state/views.h"
#include "engine/state/watched_folder.h"

namespace lodge {

struct Engine;

// JobLook keeps the unfinished jobs up to date and remembers those that have ended: of a running
// one only what is new in its events is read, of an ended one nothing any more.
class JobLook {
  public:
    using Time = std::chrono::steady_clock::time_point;

    explicit JobLook(Engine& engine);
    void watch(Loop& loop, std::function<void()> stir);
    void look(Seen& seen, Time now);
    void look_at_page(Seen& seen, size_t first, size_t count);

  private:
    // Open is a job that had not ended when it was last seen.
    struct Open {
        JobRecord record;
        std::unique_ptr<JobReader> events;
        Fd process;
        Loop::Source end;
        Meter meter;
        std::optional<double> smooth;  // rate of the present step
        size_t step = 0;
        JobView view;
    };

    void read_folder();
    std::unique_ptr<Open> open(int number);
    bool bring_up_to_date(Open& job, Time now);
    const JobView* ended(int number);

    Engine& engine_;
    Loop* loop_ = nullptr;
    std::function<void()> stir_;
    WatchedFolder folder_;
    std::vector<int> numbers_;  // newest first
    std::map<int, std::unique_ptr<Open>> open_;
    std::map<int, JobView> ended_;
    std::vector<int> looked_at_;  // among the newest, known to be ended or in open_
};

}  // namespace lodge
