#pragma once

#include <sched.h>
#include <sys/mount.h>

#include <fstream>
#include <string>

namespace lodge {

// OwnIds gives root a range of numbers for containers that only this test and its children see,
// whatever the machine's /etc/subuid says. It moves the process into a mount namespace of its own,
// so that what a test mounts goes with it as well.
class OwnIds {
  public:
    explicit OwnIds(const std::string& folder) {
        if (::unshare(CLONE_NEWNS) != 0 ||
            ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
            return;
        const std::string ranges = folder + "/subid";
        std::ofstream(ranges) << "root:100000:65536\n";
        ready_ = true;
        for (const char* file : files)
            ready_ = ready_ && ::mount(ranges.c_str(), file, nullptr, MS_BIND, nullptr) == 0;
    }
    ~OwnIds() {
        if (!ready_) return;
        for (const char* file : files)
            ::umount(file);
    }
    OwnIds(const OwnIds&) = delete;
    OwnIds& operator=(const OwnIds&) = delete;
    bool ready() const { return ready_; }

  private:
    static constexpr const char* files[] = {"/etc/subuid", "/etc/subgid"};
    bool ready_ = false;
};

}  // namespace lodge
