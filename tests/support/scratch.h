#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "engine/engine.h"
#include "engine/error.h"

namespace lodge {

// A folder of a test's own, removed at its end.
class ScratchFolder {
  public:
    ScratchFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "lodge-test-XXXXXX").string();
        if (!::mkdtemp(name.data())) fail_errno(errno, "cannot make " + name);
        path_ = name;
        // The user that guests run as has to reach what lies below.
        std::filesystem::permissions(path_, std::filesystem::perms(0755));
    }
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;
    ~ScratchFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

// An engine on folders of its own: the real kernel and programs, nobody else's guests.
struct ScratchEngine {
    static Host::Places places(const std::string& top) {
        Host::Places places;
        places.config = top + "/etc/lodge";
        places.run = top + "/run/lodge";
        places.state = top + "/var/lib/lodge";
        places.program_folders = {"/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/lib/qemu"};
#ifdef LODGE_PROGRAM
        places.program_folders.push_back(
            std::filesystem::path(LODGE_PROGRAM).parent_path().string());
#endif
        places.uid = ::geteuid();
        return places;
    }

    ScratchFolder folder;
    Host host{places(folder.path())};
    Engine engine{host, all_actions(), guest_kinds()};
};

}  // namespace lodge
