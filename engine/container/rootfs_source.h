#pragma once

#include <string>

namespace lodge {

struct Engine;

// RootfsSource is a source of root filesystems, found.
struct RootfsSource {
    enum class Kind { tar };
    Kind kind = Kind::tar;
    std::string given;  // as the person wrote it
    std::string path;   // full path
};

// Throws Error: Exit::not_found, Exit::usage for what is no source at all.
RootfsSource find_rootfs_source(Engine& engine, const std::string& given);

}  // namespace lodge
