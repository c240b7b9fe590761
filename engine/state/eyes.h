#pragma once

#include <functional>

#include "engine/loop.h"
#include "engine/state/views.h"

namespace lodge {

// Eyes is who looks for a State: the real machine's (MachineEyes), or a test's, which puts what its
// file says (tests/screens/machine.h). Each function brings its part of Seen up to date and leaves
// the rest alone; a part that these eyes cannot see stays empty. None waits for a guest.
class Eyes {
  public:
    virtual ~Eyes() = default;

    // guests, jobs, trials, and of the host all but cpu_shares and pressure
    virtual void look(Seen& seen, const Showing& showing) = 0;
    virtual void look_at_host(Seen&) {}   // cpu_shares, pressure, sensors
    virtual void look_at_power(Seen&) {}  // power, sensors
    virtual void look_at_disks(Seen&) {}  // disks, other_file_systems
    virtual void look_at_links(Seen&) {}
    virtual void look_at_storages(Seen&) {}
    virtual void look_at_jobs(Seen& seen, size_t first, size_t count) = 0;  // job_…

    // From now on calls `stir` when something happened that a look would see and that does not
    // move by itself: a guest started or ended, a configuration changed, a job began or ended, an
    // answer of a guest came. The loop outlives the eyes.
    virtual void watch(Loop&, std::function<void()>) {}
};

}  // namespace lodge
