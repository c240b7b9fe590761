#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/state/figures.h"
#include "engine/state/mounts.h"
#include "engine/state/views.h"

namespace lodge {

class Host;

// DiskLook reads the machine's disks, what they carry, and the file systems on them. It never
// touches a mount that may hang.
class DiskLook {
  public:
    using Time = std::chrono::steady_clock::time_point;

    explicit DiskLook(const Host& host) : host_(host) {}
    void look(Seen& seen, Time now);

  private:
    struct Meters {
        Meter read, write, busy;
    };

    void read_disks(Time now);
    void add_file_systems(Seen& seen);
    std::vector<std::string> disks_of(const Mount& mount) const;
    void add_disks_below(const std::string& name, int depth, std::vector<std::string>& found) const;

    const Host& host_;
    std::vector<DiskView> disks_;
    std::optional<Time> read_;
    std::map<std::string, Meters> meters_;
};

}  // namespace lodge
