#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "engine/engine.h"
#include "tests/support/scratch.h"

namespace lodge {

// A machine whose kernel's files a test writes.
class PowerRoot {
  public:
    explicit PowerRoot(uid_t uid = 0) : host(places(uid)) {}

    // In place, as a descriptor that is open sees it.
    void put(const std::string& path, const std::string& content) const {
        const std::string file = host.system(path);
        host.make_folder(file.substr(0, file.rfind('/')));
        std::ofstream(file, std::ios::binary) << content;
    }
    void link(const std::string& path, const std::string& target) const {
        const std::string file = host.system(path);
        host.make_folder(file.substr(0, file.rfind('/')));
        std::filesystem::remove(file);
        std::filesystem::create_symlink(target, file);
    }
    void remove(const std::string& path) const { std::filesystem::remove_all(host.system(path)); }

    ScratchFolder scratch;
    Host host;

  private:
    Host::Places places(uid_t uid) const {
        Host::Places places = ScratchEngine::places(scratch.path());
        places.sysroot = scratch.path() + "/machine";
        places.uid = uid;
        return places;
    }
};

}  // namespace lodge
