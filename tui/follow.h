#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "engine/job.h"
#include "tui/output.h"

namespace lodge {

struct Engine;

// Interrupts counts Ctrl-C while it lives, in place of the program's end.
class Interrupts {
  public:
    Interrupts();
    ~Interrupts();
    Interrupts(const Interrupts&) = delete;
    Interrupts& operator=(const Interrupts&) = delete;
    static int count();
};

// JobTeller tells a person what a job does: a line that moves on a terminal, plain lines elsewhere.
// Of a job that is over in a moment it says nothing.
class JobTeller {
  public:
    using Clock = std::function<std::chrono::steady_clock::time_point()>;
    JobTeller(const Output& output, const Plan& plan, Clock clock = std::chrono::steady_clock::now);
    ~JobTeller() { erase(); }
    JobTeller(const JobTeller&) = delete;
    JobTeller& operator=(const JobTeller&) = delete;

    void hear(const JobEvent& event);
    void tick();   // draws again when it is time
    void erase();  // takes the moving line away

  private:
    void draw();
    void step_line();
    void progress_line_in_pipe();
    double seconds_since(std::chrono::steady_clock::time_point then) const;

    const Output& output_;
    Clock clock_;
    std::string title_;
    size_t steps_ = 0, number_ = 0;
    std::string step_, unit_, line_;
    int64_t done_ = 0, total_ = 0;
    std::chrono::steady_clock::time_point begun_, step_begun_, drawn_, told_;
    int told_tenth_ = -1;
    bool step_told_ = false, on_screen_ = false;
};

// How following a job ended.
struct Followed {
    bool left_running = false;  // the person left; the job goes on
    JobRecord record;           // when it ended
};

// Follows a job to its end and tells of it. The first Ctrl-C asks it to stop and undo (and calls
// `on_interrupt`), the second leaves it running. `may_cancel` false: the first one leaves it.
Followed follow_job(Engine& engine, int number, const Output& output, bool may_cancel,
                    const std::function<void()>& on_interrupt = {});

// What is to be said of a job that ended otherwise than well.
std::string trouble_words(const JobRecord& record);

}  // namespace lodge
