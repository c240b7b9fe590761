#pragma once

#include <string>

namespace lodge {

struct Engine;

// RootfsSource is a source of root filesystems, found.
struct RootfsSource {
    enum class Kind { tar, folder, oci };
    Kind kind = Kind::tar;
    std::string given;      // as the person wrote it
    std::string path;       // full path of the archive, the folder, or the image's layout
    std::string reference;  // of an image: its tag, "" for the only one
};

// Throws Error: Exit::not_found, Exit::usage for what is no source at all.
RootfsSource find_rootfs_source(Engine& engine, const std::string& given);

// What this machine's packages call its processor: "amd64", "arm64", "armhf", "i386", ….
std::string machine_arch();

}  // namespace lodge
