#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/container/idmap.h"
#include "engine/plan.h"

namespace lodge {

struct Engine;

// RootfsRequest is what a new container's root filesystem is made of, and where.
struct RootfsRequest {
    // A volume of content vztmpl or backup ("local:vztmpl/debian-12.tar.zst"), or the path of a tar
    // archive: plain, gzip, xz, zstd, bzip2 or lz4; a template of Proxmox or an archive of vzdump.
    // A folder, which is copied. An image of OCI: a layout's folder or its archive, also as
    // "oci:PATH:TAG" or "oci-archive:PATH:TAG". What is not here comes first: "images:debian/12" of
    // a server of templates, "docker://HOST/NAME:TAG", "debian:bookworm" (mmdebstrap).
    std::string source;
    // Full path of an empty folder, which is there when the plan's steps run; lost+found may be in
    // it.
    std::string folder;
    IdMap map;          // empty: a privileged container
    int64_t limit = 0;  // bytes it may take; 0: what its file system has left
};

// Adds the steps that fill the folder; their undo empties it. A source that cannot be found or
// taken throws Error now, as far as that can be known without reading all of it.
//
// A source is hostile: nothing outside the folder is ever written, whatever its names and links
// say; no device node is made; set-id programs keep their bits, so that the folder must lie where
// this machine's users cannot reach it.
void plan_rootfs(Engine& engine, const RootfsRequest& request, Plan& plan);

// The action that empties such a folder, also one that belongs to mapped users. Content when it is
// not there. Throws Error(Exit::refused) when something is mounted in it.
Action empty_rootfs(const std::string& folder, const IdMap& map);

// RootfsFacts is what a root filesystem says of itself.
struct RootfsFacts {
    std::string ostype = "unmanaged";  // a word of the configuration's key ostype
    std::string arch;                  // amd64, arm64, armhf, i386, riscv64; "" when not known
    std::string title;                 // "Debian GNU/Linux 12 (bookworm)"
    // Of an application's image: what runs in it, and how. Empty for a system with an init.
    std::vector<std::string> entrypoint;   // argv
    std::vector<std::string> environment;  // NAME=value
    std::string user;                      // "1000:1000", "www-data", "" for root
    std::string workdir;                   // "" for /
    std::string stop_signal;               // "SIGQUIT", "" for the usual
    // The configuration that an archive of vzdump brings along (etc/vzdump/pct.conf).
    std::string config;
};

// What the source itself says, before anything is unpacked. For an image of a registry that is not
// here yet the registry is asked.
RootfsFacts facts_of_source(Engine& engine, const std::string& source);
// What lies in a filled folder. Its files are a container's: links in it lead nowhere else, and
// what is unreadable is not known.
RootfsFacts facts_of_folder(const std::string& folder);

// The numbers inside of "www-data", "1000:1000", "web:staff", … by the folder's own etc/passwd and
// etc/group; 0 and 0 for "". Throws Error(Exit::refused) for names that they do not have.
std::pair<uint32_t, uint32_t> user_in_folder(const std::string& folder, const std::string& user);

// The verbs rootfs-….
std::span<const ActionKind> rootfs_actions();

}  // namespace lodge
