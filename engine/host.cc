#include "engine/host.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <thread>

#include "engine/error.h"

namespace lodge {
namespace {

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

std::string parent_of(const std::string& path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

void write_all(int fd, std::string_view content, const std::string& path) {
    while (!content.empty()) {
        const ssize_t written = ::write(fd, content.data(), content.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) fail_errno(errno, "cannot write " + path);
        content.remove_prefix(static_cast<size_t>(written));
    }
}

// Removes a half-made file unless told that it is whole.
struct HalfMade {
    std::string path;
    ~HalfMade() {
        if (!path.empty()) ::unlink(path.c_str());
    }
};

void replace_file(const Host& host, const std::string& path, std::string_view content, mode_t mode,
                  bool lasting) {
    static std::atomic<unsigned> counter{0};
    const std::string folder = parent_of(path);
    const std::string half =
        path + ".new." + std::to_string(::getpid()) + "." + std::to_string(counter.fetch_add(1));
    auto open_half = [&] {
        return Fd(::open(half.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
    };
    Fd fd = open_half();
    if (!fd && errno == ENOENT) {
        host.make_folder(folder);
        fd = open_half();
    }
    if (!fd) fail_errno(errno, "cannot write " + path);
    HalfMade guard{half};
    if (::fchmod(fd.get(), mode) != 0) fail_errno(errno, "cannot set the mode of " + path);
    write_all(fd.get(), content, path);
    if (lasting && ::fsync(fd.get()) != 0) fail_errno(errno, "cannot write " + path);
    if (::rename(half.c_str(), path.c_str()) != 0) fail_errno(errno, "cannot replace " + path);
    guard.path.clear();
    if (!lasting) return;
    const Fd directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory || ::fsync(directory.get()) != 0) fail_errno(errno, "cannot sync " + folder);
}

}  // namespace

Host Host::real() {
    Places places;
    places.uid = ::geteuid();
    places.program_folders = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",     "/usr/bin",
                              "/sbin",           "/bin",           "/usr/lib/qemu", "/usr/libexec"};
    // Our own other program: beside this one as built, below libexec as installed.
    std::error_code trouble;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", trouble).parent_path();
    if (!trouble)
        for (const auto& folder : {self, self.parent_path() / "libexec/lodge"})
            places.program_folders.push_back(folder.string());
    if (const std::string root = environment("LODGE_ROOT"); !root.empty()) {
        const std::string top = std::filesystem::absolute(root).lexically_normal().string();
        places.config = top + "/etc/lodge";
        places.run = top + "/run/lodge";
        places.state = top + "/var/lib/lodge";
        return Host(std::move(places));
    }
    if (places.uid == 0) {
        places.config = "/etc/lodge";
        places.run = "/run/lodge";
        places.state = "/var/lib/lodge";
        return Host(std::move(places));
    }
    const std::string home = environment("HOME");
    auto xdg = [&](const char* name, const char* below_home) {
        const std::string value = environment(name);
        if (!value.empty() && value[0] == '/') return value + "/lodge";
        if (home.empty())
            fail(Exit::missing, "cannot find your folders: neither HOME nor {} is set", name);
        return home + below_home + "/lodge";
    };
    places.config = xdg("XDG_CONFIG_HOME", "/.config");
    places.state = xdg("XDG_STATE_HOME", "/.local/state");
    const std::string runtime = environment("XDG_RUNTIME_DIR");
    places.run = !runtime.empty() && runtime[0] == '/' ? runtime + "/lodge"
                                                       : "/tmp/lodge-" + std::to_string(places.uid);
    return Host(std::move(places));
}

int Host::write_kernel(const std::string& path, std::string_view text) const {
    if (places_.kernel) return places_.kernel(path, text);
    const Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd) return errno;
    return ::write(fd.get(), text.data(), text.size()) < 0 ? errno : 0;
}

std::optional<std::string> Host::read(const std::string& path) const {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) {
        if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
        fail_errno(errno, "cannot read " + path);
    }
    std::string content;
    // Kernel files have no size that could be trusted: read to the end.
    std::array<char, 16384> piece;
    for (;;) {
        const ssize_t got = ::read(fd.get(), piece.data(), piece.size());
        if (got == 0) return content;
        if (got > 0) {
            content.append(piece.data(), static_cast<size_t>(got));
        } else if (errno == ENODEV || errno == ESRCH || errno == ENXIO) {
            return std::nullopt;
        } else if (errno != EINTR) {
            fail_errno(errno, "cannot read " + path);
        }
    }
}

std::string Host::read_line(const std::string& path) const {
    std::string content = read(path).value_or("");
    while (!content.empty() && (content.back() == '\n' || content.back() == '\r'))
        content.pop_back();
    return content;
}

void Host::write(const std::string& path, std::string_view content, mode_t mode) const {
    replace_file(*this, path, content, mode, true);
}

void Host::write_volatile(const std::string& path, std::string_view content, mode_t mode) const {
    replace_file(*this, path, content, mode, false);
}

std::vector<std::string> Host::list(const std::string& folder) const {
    std::vector<std::string> names;
    const std::unique_ptr<DIR, Owned<::closedir>> open(::opendir(folder.c_str()));
    if (!open && errno != ENOENT && errno != ENOTDIR) fail_errno(errno, "cannot list " + folder);
    errno = 0;
    while (const dirent* entry = open ? ::readdir(open.get()) : nullptr) {
        const std::string_view name = entry->d_name;
        if (name != "." && name != "..") names.emplace_back(name);
        errno = 0;
    }
    if (open && errno != 0) fail_errno(errno, "cannot list " + folder);
    std::sort(names.begin(), names.end());
    return names;
}

bool Host::exists(const std::string& path) const {
    return ::access(path.c_str(), F_OK) == 0;
}

void Host::make_folder(const std::string& folder, mode_t mode) const {
    if (::mkdir(folder.c_str(), mode) == 0) return;
    if (errno == ENOENT) {
        make_folder(parent_of(folder));
        if (::mkdir(folder.c_str(), mode) == 0) return;
    }
    const int trouble = errno;
    struct stat found {};
    if (trouble == EEXIST && ::stat(folder.c_str(), &found) == 0 && S_ISDIR(found.st_mode)) return;
    fail_errno(trouble == EEXIST ? ENOTDIR : trouble, "cannot make the folder " + folder);
}

void Host::remove(const std::string& path) const {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) fail_errno(errno, "cannot remove " + path);
}

std::optional<std::string> Host::program(std::string_view name) const {
    if (name.find('/') != std::string_view::npos) {
        const std::string path(name);
        if (::access(path.c_str(), X_OK) == 0) return path;
        return std::nullopt;
    }
    for (const std::string& folder : places_.program_folders) {
        std::string path = folder + "/" + std::string(name);
        if (::access(path.c_str(), X_OK) == 0) return path;
    }
    return std::nullopt;
}

std::string Host::need_program(std::string_view name) const {
    if (auto path = program(name)) return *path;
    const std::string_view package = package_of(name);
    if (package.empty()) fail(Exit::missing, "the program {} is not on this machine", name);
    fail(Exit::missing, "the program {} is not on this machine: apt install {}", name, package);
}

std::chrono::system_clock::time_point Host::now() const {
    return places_.clock ? places_.clock() : std::chrono::system_clock::now();
}

int64_t Host::now_seconds() const {
    return std::chrono::duration_cast<std::chrono::seconds>(now().time_since_epoch()).count();
}

std::string_view package_of(std::string_view program) {
    struct Entry {
        std::string_view program, package;
    };
    static constexpr Entry entries[] = {
        {"qemu-system-x86_64", "qemu-system-x86"},
        {"qemu-img", "qemu-utils"},
        {"qemu-nbd", "qemu-utils"},
        {"swtpm", "swtpm"},
        {"swtpm_setup", "swtpm-tools"},
        {"virtiofsd", "qemu-system-common"},
        {"passt", "passt"},
        {"dnsmasq", "dnsmasq-base"},
        {"lvs", "lvm2"},
        {"lvcreate", "lvm2"},
        {"lvremove", "lvm2"},
        {"lvextend", "lvm2"},
        {"lvreduce", "lvm2"},
        {"lvrename", "lvm2"},
        {"lvchange", "lvm2"},
        {"btrfs", "btrfs-progs"},
        {"zfs", "zfsutils-linux"},
        {"ethtool", "ethtool"},
        {"mmdebstrap", "mmdebstrap"},
        {"skopeo", "skopeo"},
        {"gpgv", "gpgv"},
        {"xorriso", "xorriso"},
        {"busybox", "busybox-static"},
        {"cpio", "cpio"},
        {"apt-get", "apt"},
        {"dpkg-deb", "dpkg"},
        {"ip", "iproute2"},
        {"useradd", "passwd"},
        {"usermod", "passwd"},
        {"newuidmap", "uidmap"},
    };
    const auto* found = std::find_if(std::begin(entries), std::end(entries),
                                     [&](const Entry& entry) { return entry.program == program; });
    return found == std::end(entries) ? std::string_view{} : found->package;
}

FileLock::FileLock(const std::string& path, const std::string& what,
                   std::chrono::milliseconds patience) {
    fd_.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
    if (!fd_) fail_errno(errno, "cannot lock " + path);
    const auto end = std::chrono::steady_clock::now() + patience;
    while (::flock(fd_.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) fail_errno(errno, "cannot lock " + path);
        if (std::chrono::steady_clock::now() >= end) throw Error(Exit::busy, what);
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
}

}  // namespace lodge
