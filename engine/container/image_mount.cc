#include "engine/container/image_mount.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>

namespace lodge {
namespace {

constexpr int pause_us = 10'000;
constexpr int most_loops = 4096;

// In include/uapi/linux/ext4.h since Linux 6.x, in fs/ext4/ext4.h always.
constexpr unsigned long ext4_resize = _IOW('f', 16, uint64_t);

std::string loop_path(int number) {
    return "/dev/loop" + std::to_string(number);
}

// Where nobody makes device nodes, they are made here: a loop device has major number 7.
Fd open_loop(int number, int flags) {
    const std::string path = loop_path(number);
    Fd fd(::open(path.c_str(), flags | O_CLOEXEC));
    if (fd || errno != ENOENT) return fd;
    if (::mknod(path.c_str(), S_IFBLK | 0600, makedev(7, static_cast<unsigned>(number))) != 0 &&
        errno != EEXIST)
        return fd;
    fd.reset(::open(path.c_str(), flags | O_CLOEXEC));
    return fd;
}

// A loop device for the image; its number in `number`.
Fd attach_loop(const Fd& image, const std::string& path, bool read_only, int& number) {
    const Fd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
    if (!control) return Fd();
    for (int tries = 0; tries < 64; ++tries) {
        number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
        if (number < 0) return Fd();
        Fd loop = open_loop(number, read_only ? O_RDONLY : O_RDWR);
        if (!loop) return Fd();
        loop_config config{};
        config.fd = static_cast<__u32>(image.get());
        config.info.lo_flags = LO_FLAGS_AUTOCLEAR | (read_only ? LO_FLAGS_READ_ONLY : 0);
        std::strncpy(reinterpret_cast<char*>(config.info.lo_file_name), path.c_str(),
                     LO_NAME_SIZE - 1);
        if (::ioctl(loop.get(), LOOP_CONFIGURE, &config) == 0) return loop;
        if (errno != EBUSY) return Fd();  // else someone else was quicker
    }
    errno = EBUSY;
    return Fd();
}

bool has_loop(const std::string& path, int& number) {
    std::array<char, 4096> real{};
    if (!::realpath(path.c_str(), real.data())) return false;
    const std::string wanted = real.data();
    for (number = 0; number < most_loops; ++number) {
        const std::string name = "/sys/block/loop" + std::to_string(number);
        std::FILE* file = std::fopen((name + "/loop/backing_file").c_str(), "re");
        if (!file) {
            if (::access(name.c_str(), F_OK) != 0 && number >= 8) return false;
            continue;
        }
        std::array<char, 4200> line{};
        const bool read = std::fgets(line.data(), line.size(), file) != nullptr;
        std::fclose(file);
        std::string found = read ? line.data() : "";
        while (!found.empty() && found.back() == '\n')
            found.pop_back();
        if (found == wanted) return true;
    }
    return false;
}

// A device that is mounted is claimed; the kernel itself keeps two mounts of one from harm.
bool await_unclaimed(const std::string& path, int patience_ms) {
    for (int waited = 0;; waited += pause_us / 1000) {
        if (const Fd claimed(::open(path.c_str(), O_RDONLY | O_EXCL | O_CLOEXEC)); claimed)
            return true;
        if (errno != EBUSY || waited >= patience_ms) return false;
        ::usleep(pause_us);
    }
}

struct Attribute {
    std::string_view name;
    unsigned flag;
};
constexpr Attribute attributes[] = {
    {"nodev", MOUNT_ATTR_NODEV},     {"noexec", MOUNT_ATTR_NOEXEC}, {"nosuid", MOUNT_ATTR_NOSUID},
    {"noatime", MOUNT_ATTR_NOATIME}, {"ro", MOUNT_ATTR_RDONLY},
};

// Puts each option where the kernel wants it: a flag of the mount, or a key of the file system.
bool set_options(int context, std::string_view options, unsigned& flags) {
    while (!options.empty()) {
        const auto comma = options.find(',');
        const std::string one(options.substr(0, comma));
        options.remove_prefix(comma == std::string_view::npos ? options.size() : comma + 1);
        if (one.empty()) continue;
        if (one == "ro" && ::fsconfig(context, FSCONFIG_SET_FLAG, "ro", nullptr, 0) != 0)
            return false;
        const auto* known = std::find_if(std::begin(attributes), std::end(attributes),
                                         [&](const Attribute& each) { return each.name == one; });
        if (known != std::end(attributes)) {
            flags |= known->flag;
            continue;
        }
        const auto equals = one.find('=');
        const bool set =
            equals == std::string::npos
                ? ::fsconfig(context, FSCONFIG_SET_FLAG, one.c_str(), nullptr, 0) == 0
                : ::fsconfig(context, FSCONFIG_SET_STRING, one.substr(0, equals).c_str(),
                             one.substr(equals + 1).c_str(), 0) == 0;
        if (!set) return false;
    }
    return true;
}

// The kernel's log of the context: "e EXT4-fs: …" (fsopen(2)).
std::string words_of(int context) {
    std::string words;
    std::array<char, 1024> line{};
    for (;;) {
        const ssize_t got = ::read(context, line.data(), line.size());
        if (got <= 0) return words;
        std::string_view text(line.data(), static_cast<size_t>(got));
        if (text.size() > 2 && text[1] == ' ') text.remove_prefix(2);
        if (!words.empty()) words += "; ";
        words += text;
    }
}

}  // namespace

// Whoever lets go of an image does so a moment before its loop device is gone.
bool hold_image(const Fd& image, const std::string& path, int patience_ms) {
    struct stat found {};
    if (::fstat(image.get(), &found) == 0 && S_ISBLK(found.st_mode))
        return await_unclaimed(path, patience_ms);
    for (int waited = 0;; waited += pause_us / 1000) {
        int number = 0;
        if (::flock(image.get(), LOCK_EX | LOCK_NB) == 0) {
            if (!has_loop(path, number)) return true;
            ::flock(image.get(), LOCK_UN);
        } else if (errno != EWOULDBLOCK) {
            return false;
        }
        if (waited >= patience_ms) break;
        ::usleep(pause_us);
    }
    errno = EBUSY;
    return false;
}

std::string image_file_system(int image) {
    struct Mark {
        off_t at;
        std::string_view bytes;
        const char* name;
    };
    // The marks of fs/ext4/ext4.h, fs/xfs/libxfs/xfs_format.h and linux/btrfs_tree.h.
    static constexpr Mark marks[] = {
        {1080, "\x53\xef", "ext4"}, {0, "XFSB", "xfs"}, {65536 + 64, "_BHRfS_M", "btrfs"}};
    for (const Mark& mark : marks) {
        std::array<char, 8> bytes{};
        if (::pread(image, bytes.data(), mark.bytes.size(), mark.at) ==
                static_cast<ssize_t>(mark.bytes.size()) &&
            std::string_view(bytes.data(), mark.bytes.size()) == mark.bytes)
            return mark.name;
    }
    return "";
}

ImageMount::ImageMount(const std::string& path, const std::string& options, int patience_ms) {
    const bool read_only = ("," + options + ",").find(",ro,") != std::string::npos;
    // A logical volume's name is a link to its device.
    const int follow = path.rfind("/dev/", 0) == 0 ? 0 : O_NOFOLLOW;
    const Fd image(::open(path.c_str(), (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | follow));
    struct stat found {};
    if (!image || ::fstat(image.get(), &found) != 0) return;
    const bool device = S_ISBLK(found.st_mode);
    const std::string kind = device || S_ISREG(found.st_mode) ? image_file_system(image.get()) : "";
    if (kind.empty()) {
        errno = EMEDIUMTYPE;
        return;
    }
    if (!hold_image(image, path, patience_ms)) return;
    int number = 0;
    const Fd loop = device ? Fd() : attach_loop(image, path, read_only, number);
    if (!device && !loop) return;
    const std::string source = device ? path : loop_path(number);
    const Fd context(::fsopen(kind.c_str(), FSOPEN_CLOEXEC));
    if (!context) return;
    unsigned flags = 0;
    Fd made;
    if (::fsconfig(context.get(), FSCONFIG_SET_STRING, "source", source.c_str(), 0) == 0 &&
        set_options(context.get(), options, flags) &&
        ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0)
        made.reset(::fsmount(context.get(), FSMOUNT_CLOEXEC, flags));
    const int trouble = errno;
    if (!made) words_ = words_of(context.get());
    mount_ = std::move(made);
    errno = trouble;
}

bool ImageMount::attach(const std::string& folder) const {
    return ::move_mount(mount_.get(), "", AT_FDCWD, folder.c_str(), MOVE_MOUNT_F_EMPTY_PATH) == 0;
}

bool grow_ext4(int inside, int64_t bytes) {
    struct statfs space {};
    if (::fstatfs(inside, &space) != 0) return false;
    const uint64_t blocks = static_cast<uint64_t>(bytes) / static_cast<uint64_t>(space.f_bsize);
    return ::ioctl(inside, ext4_resize, &blocks) == 0;
}

bool grow_loop(const std::string& path) {
    int number = 0;
    if (!has_loop(path, number)) {
        errno = ENODEV;
        return false;
    }
    const Fd loop = open_loop(number, O_RDWR);
    return loop && ::ioctl(loop.get(), LOOP_SET_CAPACITY, 0) == 0;
}

}  // namespace lodge
