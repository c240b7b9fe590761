#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/guest.h"
#include "engine/job.h"
#include "engine/loop.h"

namespace lodge {

struct Engine;

// GuestView is one guest as last seen.
struct GuestView {
    std::shared_ptr<const Guest> guest;  // never null; the same object while its file is the same
    Sighting sighting;
    double cpu = 0;  // CPUs used since the look before (1.0: one whole CPU); 0 at the first look
};

// HostView is the machine as last seen.
struct HostView {
    std::string name, kernel;
    int cpus = 0;
    double cpu = 0;  // share of all CPUs in use, 0…1; 0 at the first look
    int64_t memory_total = 0, memory_used = 0;  // bytes; used = total - available
    int64_t uptime = 0;                         // seconds
};

// State is what was last seen of guests, unfinished jobs and the machine. Lists and screens draw
// only from it. A look is cheap: a configuration is read again only when its file changed.
class State {
  public:
    explicit State(Engine& engine) : engine_(engine) {}

    void look();
    const std::vector<GuestView>& guests() const { return guests_; }  // by id
    const HostView& host() const { return host_; }
    const std::vector<JobRecord>& jobs() const { return jobs_; }  // unfinished, newest first

    // Looks again each `period` on the loop, late by at most `slack` so that wakeups join, and
    // calls `seen` after each look, until the source is destroyed.
    [[nodiscard]] Loop::Source keep_looking(Loop& loop, Loop::Duration period, Loop::Duration slack,
                                            std::function<void()> seen);

  private:
    // What tells a file apart from the one read before.
    struct Stamp {
        ino_t inode = 0;
        int64_t changed = 0;  // nanoseconds
        off_t size = -1;
        bool operator==(const Stamp&) const = default;
    };
    struct Known {
        Stamp stamp;
        std::shared_ptr<const Guest> guest;
    };

    void look_at_guests(double seconds);
    void look_at_host();
    void look_at_jobs();
    std::shared_ptr<const Guest> known(const GuestKind& kind, int id);

    Engine& engine_;
    std::map<int, Known> known_;
    std::vector<GuestView> guests_;
    std::vector<JobRecord> jobs_;
    HostView host_;
    uint64_t busy_ticks_ = 0, all_ticks_ = 0;
    std::chrono::steady_clock::time_point last_{};
};

}  // namespace lodge
