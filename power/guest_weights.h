#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lodge {

class Host;

// WeightFile is where the kernel keeps the CPU weight of a guest's control group.
struct WeightFile {
    std::string path;
    bool version1 = false;  // cpu.shares: usual is 1024, not 100
};
// Of the guest's own group, found by where its process is (cgroups(7)); nullopt when it has none.
std::optional<WeightFile> weight_file(const Host& host, int guest, pid_t process);

// GuestWeights lowers guests' CPU weight and puts it back. What it was is kept in a file below the
// run folder, so that whoever comes after a crash can put it back.
class GuestWeights {
  public:
    explicit GuestWeights(const Host& host);
    // Lowers those that are not lowered yet; never raises one. Returns what could not be done.
    std::vector<std::string> lower(const std::vector<std::pair<int, pid_t>>& guests,
                                   int64_t weight);
    // Puts back what we lowered, unless somebody else has changed it since.
    void put_back();
    bool lowered() const { return !lowered_.empty(); }

  private:
    struct Was {
        int64_t before = 0, ours = 0;
    };
    void save() const;
    std::string file() const;

    const Host& host_;
    std::map<std::string, Was> lowered_;  // by path
};

}  // namespace lodge
