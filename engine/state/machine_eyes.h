#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "engine/state/eyes.h"

namespace lodge {

struct Engine;
class Senses;

// MachineEyes looks at the real machine: guests' files and processes, jobs' folders, the kernel.
// What the pieces do is in rooms of their own; this joins them.
class MachineEyes : public Eyes {
  public:
    using Clock = std::function<std::chrono::steady_clock::time_point()>;

    MachineEyes(Engine& engine, std::unique_ptr<Senses> senses);
    // With a clock of its own, for rates and for what is looked at seldom.
    MachineEyes(Engine& engine, Clock clock, std::unique_ptr<Senses> senses);
    ~MachineEyes() override;

    void look(Seen& seen, const Showing& showing) override;
    void look_at_host(Seen& seen) override;
    void look_at_power(Seen& seen) override;
    void look_at_disks(Seen& seen) override;
    void look_at_links(Seen& seen) override;
    void look_at_storages(Seen& seen) override;
    void look_at_jobs(Seen& seen, size_t first, size_t count) override;
    void watch(Loop& loop, std::function<void()> stir) override;

  private:
    struct Rooms;
    Engine& engine_;
    Clock clock_;
    std::unique_ptr<Rooms> rooms_;
};

}  // namespace lodge
