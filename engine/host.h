#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/fd.h"

namespace lodge {

// Host is the machine as Lodge sees it: the kernel's files, the folders where Lodge keeps its own,
// the programs it can start, and the time. It is the seam of every test: a test gives it a root of
// its own and a clock of its own.
class Host {
  public:
    struct Places {
        std::string sysroot;  // prefix of /proc, /sys, /dev, /etc, /usr when read; "" is real
        std::string config;   // guests and storage.cfg: /etc/lodge
        std::string run;      // sockets, pid files; gone after a reboot: /run/lodge
        std::string state;    // jobs, logs, images: /var/lib/lodge
        std::vector<std::string> program_folders;  // where program() looks, in order
        uid_t uid = 0;                             // who Lodge acts as
        std::function<std::chrono::system_clock::time_point()> clock;  // empty: the real one
        // Who takes what write_kernel() writes: 0 or an errno. Empty: the real kernel.
        std::function<int(const std::string& path, std::string_view text)> kernel;
    };

    // The real machine. LODGE_ROOT set: config, run and state lie under it
    // (etc/lodge, run/lodge, var/lib/lodge). Else root: /etc/lodge, /run/lodge, /var/lib/lodge.
    // Else XDG folders: $XDG_CONFIG_HOME/lodge, $XDG_RUNTIME_DIR/lodge (or /tmp/lodge-<uid>, mode
    // 0700), $XDG_STATE_HOME/lodge. Throws when a user has no HOME.
    static Host real();

    explicit Host(Places places) : places_(std::move(places)) {}

    const std::string& config_folder() const { return places_.config; }
    const std::string& run_folder() const { return places_.run; }
    const std::string& state_folder() const { return places_.state; }
    bool is_root() const { return places_.uid == 0; }
    uid_t uid() const { return places_.uid; }

    // A path of the kernel or the system ("/proc/cpuinfo") under the sysroot.
    std::string system(std::string_view path) const { return places_.sysroot + std::string(path); }

    // The whole file. nullopt when there is none (ENOENT, ENOTDIR, or it vanished while read:
    // ENODEV, ESRCH); throws Error on any other trouble. `path` is used as given: pass system(…)
    // for kernel files.
    std::optional<std::string> read(const std::string& path) const;
    // read(), with a trailing newline removed, or "" when there is none.
    std::string read_line(const std::string& path) const;

    // Replaces the file by write, fsync, rename, fsync of the folder, so that a reader sees the old
    // or the new, never half. Makes missing parent folders (0755). Throws Error.
    void write(const std::string& path, std::string_view content, mode_t mode = 0644) const;
    // The same without fsync, for files under run/ that a power cut removes anyway.
    void write_volatile(const std::string& path, std::string_view content,
                        mode_t mode = 0644) const;

    // One write(2) to a file of the kernel, which acts on it at once; waits as long as the kernel
    // does. Returns 0 or an errno. `path` is used as given.
    int write_kernel(const std::string& path, std::string_view text) const;

    // Names in a folder, sorted, without "." and "..". Empty when there is no such folder.
    std::vector<std::string> list(const std::string& folder) const;
    bool exists(const std::string& path) const;
    // Makes the folder and its parents; nothing when it is there. Throws Error.
    void make_folder(const std::string& folder, mode_t mode = 0755) const;
    // Removes a file or link; nothing when it is not there. Throws Error.
    void remove(const std::string& path) const;

    // Full path of a program, or nullopt. A name with a slash is tested as it is.
    std::optional<std::string> program(std::string_view name) const;
    // The same, or an Error (Exit::missing) that names the Debian package which has it.
    std::string need_program(std::string_view name) const;

    std::chrono::system_clock::time_point now() const;
    int64_t now_seconds() const;  // Unix time, seconds

  private:
    Places places_;
};

// The Debian 12 package that has a program Lodge starts, or "" when we do not know.
std::string_view package_of(std::string_view program);

// A flock(2) on a file that is made when missing; held while the object lives.
class FileLock {
  public:
    // Waits at most `patience`; throws Error(Exit::busy, "<what> …") when someone else holds it.
    FileLock(const std::string& path, const std::string& what, std::chrono::milliseconds patience);

  private:
    Fd fd_;
};

}  // namespace lodge
