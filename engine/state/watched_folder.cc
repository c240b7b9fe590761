#include "engine/state/watched_folder.h"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <filesystem>
#include <iterator>

#include "engine/error.h"

namespace lodge {
namespace {

constexpr uint32_t changes = IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM | IN_CLOSE_WRITE |
                             IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;

// File systems that tell of this machine's own changes only (statfs(2)): NFS, SMB, SMB2, CephFS,
// FUSE (which Proxmox VE's own /etc/pve is), 9p.
bool is_shared(const char* path) {
    constexpr unsigned long kinds[] = {0x6969,     0x517B,     0xFE534D42, 0xFF534D42,
                                       0x00C36400, 0x65735546, 0x01021997};
    struct statfs found {};
    if (::statfs(path, &found) != 0) return true;
    return std::find(std::begin(kinds), std::end(kinds),
                     static_cast<unsigned long>(found.f_type) & 0xFFFFFFFFUL) != std::end(kinds);
}

}  // namespace

void WatchedFolder::watch(Loop& loop, std::function<void()> stir, mode_t make) {
    if (make != 0) {
        std::error_code ignored;
        std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), ignored);
        ::mkdir(path_.c_str(), make);
    }
    loop_ = &loop;
    stir_ = std::move(stir);
    changed_ = true;
}

// The watch is on the folder that was there; another may have taken its name.
void WatchedFolder::look_for_folder() {
    struct stat found {};
    const bool there = ::stat(path_.c_str(), &found) == 0;
    if (source_ && there && found.st_dev == device_ && found.st_ino == inode_) return;
    source_.cancel();
    if (!there || is_shared(path_.c_str())) return;
    try {
        source_ = loop_->on_change(path_.c_str(), changes, [this] {
            changed_ = true;
            if (stir_) stir_();
        });
        device_ = found.st_dev;
        inode_ = found.st_ino;
    } catch (const Error&) {
        source_.cancel();  // too many watches, or not permitted: read each time
    }
}

bool WatchedFolder::changed() {
    if (!loop_) return true;
    if (source_ && !changed_) return false;
    // Watched first, read then: what happens in between is read twice and not missed.
    look_for_folder();
    changed_ = false;
    return true;
}

}  // namespace lodge
