#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <memory>

#include "engine/loop.h"
#include "engine/state/eyes.h"
#include "engine/state/views.h"

namespace lodge {

struct Engine;
class Senses;

// State is what was last seen of guests, jobs and the machine. Lists and screens draw only from it.
// A look is cheap and waits for nobody; what costs more (links, disks, storages, old jobs) is
// looked at only when a screen that shows it asks.
//
// For a test that draws screens, Machine in tests/screens/machine.h makes one from text.
class State {
  public:
    // The real machine, whose heat and watts are felt by these.
    State(Engine& engine, std::unique_ptr<Senses> senses);
    // Whatever these eyes see.
    explicit State(std::unique_ptr<Eyes> eyes);
    ~State();
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    void look();
    const std::vector<GuestView>& guests() const { return seen_.guests; }  // by id
    const GuestView* guest(int id) const;                                  // nullptr: none such
    const HostView& host() const { return seen_.host; }
    const std::vector<JobView>& jobs() const { return seen_.jobs; }  // unfinished, newest first
    bool anything_running() const;  // a guest has a process, a job is at work, a trial counts

    // What a screen shows besides. The host's part is cpu_shares, pressure and sensors.
    void look_at_host();
    void look_at_power();  // power and sensors
    void look_at_disks();
    void look_at_links();
    void look_at_storages();
    void look_at_jobs(size_t first, size_t count);
    // All of that, as the look before left it.
    const Seen& seen() const { return seen_; }
    // What is asked of running guests from now on.
    void show(const Showing& showing) { showing_ = showing; }

    // Grows when something changed that a person would see: figures count as they are shown, three
    // digits or so. One number for all, and one a part.
    enum class Part { guests, host, jobs, disks, links, storages, power };
    uint64_t generation() const { return generation_; }
    uint64_t generation(Part part) const { return generations_[static_cast<size_t>(part)]; }

    // How long a picture may stand before the next look: a second while anything runs, else 5.
    Loop::Duration period() const;
    // Looks again each period(), and at once (within 50 ms) when the eyes are stirred; calls `seen`
    // after each look. Ends when the State does, or by stop_looking().
    void keep_looking(Loop& loop, std::function<void()> seen);
    void stop_looking();

  private:
    State(std::unique_ptr<Eyes> eyes, Engine* engine);
    void look_and_tell();
    void look_after(Loop::Duration delay, Loop::Duration slack);
    void note(Part part, uint64_t print);

    std::unique_ptr<Eyes> eyes_;
    Engine* engine_ = nullptr;  // told that someone looks; none for other eyes
    Seen seen_;
    Showing showing_;
    uint64_t generation_ = 0;
    std::array<uint64_t, 7> generations_{}, prints_{};
    std::chrono::steady_clock::time_point looked_{};
    Loop* loop_ = nullptr;
    std::function<void()> tell_;
    Loop::Source timer_, soon_;
};

}  // namespace lodge
