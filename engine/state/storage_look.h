#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/state/mounts.h"
#include "engine/state/reach.h"
#include "engine/state/views.h"
#include "engine/storage/storage.h"

namespace lodge {

class Host;

// StorageLook reads the storages, their space and their volumes. Listing volumes opens files: it is
// done again after twenty times as long as it took, and two seconds at least.
class StorageLook {
  public:
    using Time = std::chrono::steady_clock::time_point;

    explicit StorageLook(const Host& host) : host_(host), storages_(host) {}
    // `seen.guests` say who uses the volumes.
    void look(Seen& seen, Time now);
    // Whoever changed something wants to see it: the next look lists anew.
    void forget() { listed_.clear(); }

  private:
    struct Listed {
        std::vector<VolumeView> volumes;
        std::string trouble;
        Time next{};
    };

    void read_file();
    StorageView view_of(const Storage& storage, const std::vector<Mount>& mounts, Time now);
    const Listed& list(const Storage& storage, Time now);

    const Host& host_;
    Storages storages_;
    std::string file_;  // storage.cfg as last read
    std::map<std::string, Listed> listed_;
    Reach reach_;
};

// Who names which volume, by the volume's id.
std::map<std::string, std::vector<VolumeView::User>> volume_users(
    const std::vector<GuestView>& guests);

}  // namespace lodge
