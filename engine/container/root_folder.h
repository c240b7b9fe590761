#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>

#include "engine/container/net.h"
#include "engine/fd.h"

namespace lodge {

// RootFolder is a root file system as its own system would see it: "/etc/os-release" means that
// file inside, and no link, whoever made it, leads out (openat2(2), RESOLVE_IN_ROOT). Throws Error
// when the folder cannot be opened.
class RootFolder {
  public:
    // A folder, or a raw image with a file system (open_volume_root()).
    explicit RootFolder(const std::string& volume);
    // One that is open; `name` is for the words of errors.
    RootFolder(Fd root, std::string name) : folder_(std::move(name)), root_(std::move(root)) {}

    const Fd& root() const { return root_; }

    // What stands at a path, its last link not followed.
    enum class Found { nothing, file, folder, link, other };
    Found find(const std::string& path) const;
    // Whether there is something at the path, links followed.
    bool exists(const std::string& path) const;
    // A plain file of at most 1 MiB, links followed; nullopt for anything else.
    std::optional<std::string> read(const std::string& path) const;
    // Replaces a plain file by rename, or makes it and the folders above it, as `owner`. A file
    // that is there keeps its owner, and with `keep_mode` its mode. Throws Error;
    // Exit::refused when what is there already forbids it: no plain file, a link that leads
    // nowhere, a file system that is only to be read.
    void write(const std::string& path, std::string_view content, mode_t mode, CtOwner owner,
               bool keep_mode) const;

  private:
    Fd open(const std::string& path, int flags) const;
    Fd open_parent(const std::string& path, const CtOwner* owner) const;

    std::string folder_;
    Fd root_;
};

}  // namespace lodge
