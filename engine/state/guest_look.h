#pragma once

#include <sys/stat.h>

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "engine/guest.h"
#include "engine/loop.h"
#include "engine/state/running_guest.h"
#include "engine/state/views.h"
#include "engine/state/watched_folder.h"
#include "engine/vm/asker.h"

namespace lodge {

struct Engine;

// GuestLook keeps the list of guests up to date. Folders of configurations and of running guests
// are read when they changed, and each minute whatever the kernel said; a configuration is read
// again when its file is another. Running guests are followed by their processes and, on the loop,
// asked now and then.
class GuestLook {
  public:
    using Time = std::chrono::steady_clock::time_point;
    using Traffic = std::map<int, RunningGuest::Traffic>;  // of taps, by guest

    explicit GuestLook(Engine& engine);
    void watch(Loop& loop, std::function<void()> stir);
    // `seen.jobs` are those of now. `uptime`: of the machine, in seconds.
    void look(Seen& seen, const Showing& showing, Time now, double uptime, const Traffic& traffic);

  private:
    // What tells a file apart from the one read before.
    struct Stamp {
        dev_t device = 0;
        ino_t inode = 0;
        int64_t changed = 0;  // nanoseconds
        off_t size = -1;
        bool operator==(const Stamp&) const = default;
    };
    struct Entry {
        Stamp stamp;
        std::shared_ptr<const Guest> guest;
        std::unique_ptr<WatchedFolder> run_folder;  // while there is one
        std::unique_ptr<RunningGuest> running;
        int job = 0;  // at work on it
        Time asked{}, agent_asked{};
    };

    static Stamp stamp_of(const struct stat& found);

    void read_configurations();
    bool read_configuration(const GuestKind& kind, int id);
    void read_run_folder();
    void read_orphan(int id);
    void find_process(int id, Entry& entry);
    bool leases_changed();
    void note_jobs(const std::vector<JobView>& jobs);
    void settle_views(std::vector<GuestView>& views);
    void look_at(GuestView& view, Entry& entry);
    void look_at_running(std::vector<GuestView>& views, Time now, double uptime,
                         const Traffic& traffic);
    void ask(const Showing& showing, Time now);
    GuestView& view_of(std::vector<GuestView>& views, int id) const;

    Engine& engine_;
    Loop* loop_ = nullptr;
    std::function<void()> stir_;
    std::vector<std::pair<const GuestKind*, WatchedFolder>> folders_;
    WatchedFolder run_folders_;
    std::map<int, Entry> entries_;
    std::map<std::string, Stamp> leases_;  // files of Lodge's own networks
    std::set<int> running_;                // those with a process
    std::set<int> stale_;                  // those to be looked at anew
    std::set<int> plain_;  // those of kinds that cannot be followed: looked at each time
    Time checked_{}, asked_{};
    bool jobs_at_work_ = false;
    Showing showing_;
    Asker asker_;
};

}  // namespace lodge
