#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "engine/fd.h"

// Root file systems in raw images: a file that holds one, as Proxmox VE makes it on storages that
// have folders, or a block device. This room knows nothing of Lodge's, for the container's monitor
// has it too: what goes wrong is in errno.

namespace lodge {

// ImageMount is an image's file system, mounted where nobody sees it: it hangs at no path and goes
// with its descriptor (fsmount(2)), whoever is killed meanwhile; its loop device goes by itself
// (loop(4), LO_FLAGS_AUTOCLEAR). attach() gives it a path.
//
// A device is mounted itself. An image file is locked (flock(2)) as long as it has a loop device,
// for the device keeps the lock's open file: mounted twice, it would be destroyed. Who comes second
// waits for `patience_ms`, then has errno EBUSY.
class ImageMount {
  public:
    // ext4 (and 3, 2), xfs or btrfs, by its first bytes; anything else: errno EMEDIUMTYPE.
    // `options`: of mount(8), with ',' between, those of the file system as well as noatime, nodev,
    // noexec, nosuid and ro. False as a bool when it cannot be, with errno.
    ImageMount(const std::string& path, const std::string& options, int patience_ms = 2000);
    explicit operator bool() const { return static_cast<bool>(mount_); }
    // The root of the file system, for openat(2) and its kind.
    const Fd& root() const { return mount_; }
    // The kernel's own words on why it cannot be, "" for none.
    const std::string& words() const { return words_; }
    // The mount itself, for move_mount(2): it lives as long as the descriptor, or where it hangs.
    Fd take() { return std::move(mount_); }
    // Hangs it at a folder, for all in this process's mount namespace. False with errno.
    bool attach(const std::string& folder) const;

  private:
    Fd mount_;
    std::string words_;
};

// Locks an image whose bytes are about to be read or changed by hand, as ImageMount does, until the
// descriptor is closed; of a device it only sees that nobody has it. False with errno: EBUSY when
// it is mounted, or held, for `patience_ms`.
bool hold_image(const Fd& image, const std::string& path, int patience_ms = 2000);
// The file systems that ImageMount takes: "ext4", "xfs", "btrfs"; "" for others.
std::string image_file_system(int image);
// Makes the mounted ext4 file system that has the descriptor `bytes` large, rounded down to its
// blocks, while it is in use: never smaller (EXT4_IOC_RESIZE_FS). False with errno.
bool grow_ext4(int inside, int64_t bytes);
// The loop device that has the file says its new size. False with errno; ENODEV for none.
bool grow_loop(const std::string& path);

}  // namespace lodge
