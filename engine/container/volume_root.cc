#include "engine/container/volume_root.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "engine/container/beneath.h"
#include "engine/container/image_mount.h"
#include "engine/error.h"
#include "engine/text.h"

namespace lodge {

bool is_image_volume(const std::string& volume) {
    struct stat found {};
    return ::stat(volume.c_str(), &found) == 0 &&
           (S_ISREG(found.st_mode) || S_ISBLK(found.st_mode));
}

std::string image_trouble(int trouble, const std::string& words) {
    if (trouble == EMEDIUMTYPE)
        return "it holds no file system that Lodge mounts (ext4, xfs, btrfs)";
    if (trouble == EBUSY)
        return "it is mounted already: its container runs, or somebody looks into it";
    std::string text = errno_words(trouble);
    if (trouble == EPERM || trouble == EACCES) text += " (only root mounts images)";
    if (trouble == ENOENT) text += ": it is not there, or this kernel has no loop devices";
    if (!words.empty()) text += "; the kernel said: " + printable(words);
    return text;
}

Fd open_volume_root(const std::string& volume) {
    if (!is_image_volume(volume)) return open_folder(volume);
    const ImageMount mount(volume, "nodev,nosuid");
    const int trouble = errno;
    if (!mount)
        fail(trouble == EBUSY         ? Exit::busy
             : trouble == EMEDIUMTYPE ? Exit::refused
                                      : Exit::missing,
             "cannot open the image {}: {}", printable(volume),
             image_trouble(trouble, mount.words()));
    // The mount lives on in what is opened through it.
    Fd root(::openat(mount.root().get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!root) fail_errno(errno, "cannot open the image " + printable(volume));
    return root;
}

}  // namespace lodge
