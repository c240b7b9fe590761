#include "engine/container/image.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "engine/container/container.h"
#include "engine/container/image_mount.h"
#include "engine/container/life.h"
#include "engine/container/volume_root.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/storage/image.h"
#include "engine/storage/lvm.h"
#include "engine/units.h"

namespace lodge {
namespace {

constexpr int64_t piece = 4 << 20;

std::string folder_of(const std::string& path) {
    return path.substr(0, path.rfind('/'));
}

[[noreturn]] void fail_write(int trouble, const std::string& what, const std::string& path) {
    if (trouble == ENOSPC || trouble == EDQUOT)
        fail(Exit::missing, "cannot {}: {} is full ({} left); what was half made is removed", what,
             printable(folder_of(path)), short_size(space_of(folder_of(path)).available));
    fail_errno(trouble, "cannot " + what);
}

// The place that is kept for it. Nobody but root may read what all of a container's users wrote.
Fd new_file(const std::string& path, const std::string& what) {
    Fd file(::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
    struct stat found {};
    if (!file || ::fstat(file.get(), &found) != 0 || ::fchmod(file.get(), 0600) != 0)
        fail_write(errno, what, path);
    if (found.st_size != 0) fail(Exit::refused, "cannot {}: there is something in it", what);
    return file;
}

// Nobody mounts it while its bytes are moved below the file system.
void keep_others_out(const Fd& image, const std::string& path, const std::string& what) {
    if (hold_image(image, path)) return;
    if (errno != EBUSY) fail_errno(errno, "cannot " + what);
    fail(Exit::busy, "cannot {}: {} is mounted, its container runs or somebody looks into it", what,
         path);
}

// ---- ct-image-make

std::vector<std::string> mkfs_words(const Values& on) {
    // No blocks are kept back for root, who is nobody inside; inode tables are written when used.
    return {"mkfs.ext4",
            "-q",
            "-F",
            "-m",
            "0",
            "-E",
            fmt::format("root_owner={}:{},lazy_itable_init=1,nodiscard", on.text("uid"),
                        on.text("gid")),
            on.text("path")};
}

void make_file_system(const Host& host, const std::string& path, const Values& on) {
    Program program;
    program.argv = mkfs_words(on);
    program.argv[0] = host.need_program(program.argv[0]);
    const Outcome outcome = run_program(program, std::chrono::minutes(10));
    if (outcome.status != 0)
        fail(Exit::failed, "cannot make a file system in {}: {}", path,
             printable(outcome.trouble.empty() ? outcome.output : outcome.trouble));
}

void make(Work& work, const Values& on) {
    const std::string& path = on.text("path");
    const std::string what = "make " + path;
    const Fd file = new_file(path, what);
    if (::ftruncate(file.get(), on.integer("bytes")) != 0) fail_write(errno, what, path);
    make_file_system(work.engine().host, path, on);
    if (::fsync(file.get()) != 0) fail_write(errno, what, path);
}
void make_on_device(Work& work, const Values& on) {
    make_file_system(work.engine().host, on.text("path"), on);
}
std::string make_on_device_shell(const Values& on) {
    return shell_line(mkfs_words(on));
}
std::string make_shell(const Values& on) {
    return shell_line({"truncate", "-s", on.text("bytes"), on.text("path")}) + "\n" +
           shell_line(mkfs_words(on));
}

// ---- ct-image-copy

// What lies in the kernel's memory only is written: a file system that is mounted from the copy
// finds it as after a power cut at this moment, for which its journal is.
void write_back(const Host& host, int guest) {
    const auto monitor = ct_process(host, guest);
    const auto init = monitor ? ct_init(host, *monitor) : std::nullopt;
    if (!init) return;
    const Fd root(::open(fmt::format("/proc/{}/root", init->pid).c_str(),
                         O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (root) ::syncfs(root.get());
}

void copy_data(Work& work, const Fd& in, const Fd& out, int64_t size, const std::string& what,
               const std::string& path) {
    for (off_t at = 0; at < size;) {
        const off_t data = ::lseek(in.get(), at, SEEK_DATA);
        if (data < 0 && errno == ENXIO) break;  // a hole to the end
        if (data < 0) fail_write(errno, what, path);
        off_t end = ::lseek(in.get(), data, SEEK_HOLE);
        if (end < 0 || end > size) end = size;
        off_t from = data, to = data;
        while (from < end) {
            const ssize_t got =
                ::copy_file_range(in.get(), &from, out.get(), &to,
                                  static_cast<size_t>(std::min<off_t>(piece, end - from)), 0);
            if (got < 0) fail_write(errno, what, path);
            if (got == 0) break;
            work.check();
            work.progress(from, size, "bytes");
        }
        at = end;
    }
}

void copy(Work& work, const Values& on) {
    const std::string &source = on.text("source"), &path = on.text("path");
    const std::string what = fmt::format("copy {} to {}", source, path);
    const Fd in(::open(source.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat found {};
    if (!in || ::fstat(in.get(), &found) != 0) fail_errno(errno, "cannot " + what);
    if (const int64_t guest = on.integer("running", 0); guest > 0)
        write_back(work.engine().host, static_cast<int>(guest));
    const Fd out = new_file(path, what);
    if (::ioctl(out.get(), FICLONE, in.get()) != 0) {
        if (::ftruncate(out.get(), found.st_size) != 0) fail_write(errno, what, path);
        copy_data(work, in, out, found.st_size, what, path);
    }
    if (on.flag("read-only") && ::fchmod(out.get(), 0400) != 0) fail_write(errno, what, path);
    if (::fsync(out.get()) != 0) fail_write(errno, what, path);
}
std::string copy_shell(const Values& on) {
    return shell_line(
        {"cp", "--sparse=always", "--reflink=auto", on.text("source"), on.text("path")});
}

// ---- ct-image-grow

void run_checked(const Host& host, std::vector<std::string> words, int most) {
    Program program;
    program.argv = std::move(words);
    const std::string name = program.argv[0];
    program.argv[0] = host.need_program(name);
    const Outcome outcome = run_program(program, std::chrono::hours(2));
    if (outcome.status < 0 || outcome.status > most)
        fail(Exit::failed, "{} of {} failed: {}", name, program.argv.back(),
             printable(outcome.trouble.empty() ? outcome.output : outcome.trouble));
}

bool is_device(const struct stat& found) {
    return S_ISBLK(found.st_mode);
}

// Where the monitor of a running container has the image: its top folder.
Fd root_in_use(const Host& host, int guest, const std::string& path) {
    const auto monitor = ct_process(host, guest);
    const std::string disk =
        monitor ? fmt::format("/proc/{}/root{}/disk", monitor->pid, guest_run_folder(host, guest))
                : "";
    struct stat device {};
    if (::stat(path.c_str(), &device) != 0) fail_errno(errno, "cannot look at " + path);
    for (const std::string& key : host.list(disk)) {
        Fd root(::open((disk + "/" + key).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        struct stat found {};
        if (!root || ::fstat(root.get(), &found) != 0) continue;
        if (is_device(device)) {
            if (found.st_dev == device.st_rdev) return root;
            continue;
        }
        const std::string backing = host.read_line(fmt::format(
            "/sys/dev/block/{}:{}/loop/backing_file", major(found.st_dev), minor(found.st_dev)));
        if (backing == path) return root;
    }
    fail(Exit::failed, "cannot make {} larger: the running container has it nowhere", path);
}

// The kernel makes a mounted ext4 larger only for who may raise limits (CAP_SYS_RESOURCE), which is
// tried with the size that it has: before anything is changed.
void grow_in_use(const Host& host, int guest, const std::string& path, const Fd& file,
                 int64_t before, int64_t bytes) {
    const std::string what = fmt::format("make {} {} large", path, print_size(bytes));
    const Fd root = root_in_use(host, guest, path);
    const bool on_device = before == 0;
    if (!grow_ext4(root.get(), on_device ? bytes : before)) {
        if (errno != EPERM) fail_errno(errno, "cannot " + what);
        fail(Exit::missing,
             "cannot {} while it is in use: this machine does not let us (CAP_SYS_RESOURCE); after "
             "lodge shutdown {} it can be done",
             what, guest);
    }
    if (on_device) return;
    if (::ftruncate(file.get(), bytes) != 0) fail_write(errno, what, path);
    if (!grow_loop(path) || !grow_ext4(root.get(), bytes)) fail_errno(errno, "cannot " + what);
}

void grow(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const std::string& path = on.text("path");
    const int64_t bytes = on.integer("bytes");
    const std::string what = fmt::format("make {} {} large", path, print_size(bytes));
    // A logical volume's name is a link to its device.
    const int follow = path.starts_with("/dev/") ? 0 : O_NOFOLLOW;
    const Fd file(::open(path.c_str(), O_RDWR | O_CLOEXEC | follow));
    struct stat found {};
    if (!file || ::fstat(file.get(), &found) != 0) fail_errno(errno, "cannot " + what);
    const auto guest = static_cast<int>(on.integer("running", 0));
    if (guest > 0 && ct_process(host, guest))
        return grow_in_use(host, guest, path, file, found.st_size, bytes);
    keep_others_out(file, path, what);
    if (image_file_system(file.get()) != "ext4")
        fail(Exit::refused, "cannot {}: it holds no ext4", what);
    if (!is_device(found) && found.st_size < bytes && ::ftruncate(file.get(), bytes) != 0)
        fail_write(errno, what, path);
    // resize2fs wants to know that it is whole; 1: it was mended (e2fsck(8)).
    run_checked(host, {"e2fsck", "-f", "-p", path}, 1);
    run_checked(host, {"resize2fs", path}, 0);
}
std::string grow_shell(const Values& on) {
    if (on.text("path").starts_with("/dev/"))
        return on.integer("running", 0) > 0 ? shell_line({"resize2fs", on.text("path")})
                                            : shell_line({"e2fsck", "-f", "-p", on.text("path")}) +
                                                  "\n" + shell_line({"resize2fs", on.text("path")});
    std::string text = shell_line({"truncate", "-s", on.text("bytes"), on.text("path")});
    if (on.integer("running", 0) > 0)
        return text + "\n# losetup -c of its loop device; resize2fs of that";
    return text + "\n" + shell_line({"e2fsck", "-f", "-p", on.text("path")}) + "\n" +
           shell_line({"resize2fs", on.text("path")});
}

// The undo of one: smaller again only while nothing was made larger in it, which e2fsck knows.
void shrink(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const std::string& path = on.text("path");
    const int64_t bytes = on.integer("bytes");
    const auto guest = static_cast<int>(on.integer("running", 0));
    const int follow = path.starts_with("/dev/") ? 0 : O_NOFOLLOW;
    const Fd file(::open(path.c_str(), O_RDWR | O_CLOEXEC | follow));
    struct stat found {};
    if (!file || ::fstat(file.get(), &found) != 0) return;
    if (!is_device(found) && found.st_size <= bytes) return;
    if (guest > 0 && ct_process(host, guest)) {
        work.say(path + " stays larger: it is in use, and only grows meanwhile");
        return;
    }
    keep_others_out(file, path, fmt::format("make {} smaller again", path));
    run_checked(host, {"e2fsck", "-f", "-p", path}, 1);
    run_checked(host, {"resize2fs", path, fmt::format("{}K", bytes / 1024)}, 0);
    if (is_device(found)) return;
    if (::truncate(path.c_str(), bytes) != 0) fail_errno(errno, "cannot make " + path + " smaller");
}
std::string shrink_shell(const Values& on) {
    if (on.text("path").starts_with("/dev/"))
        return shell_line(
            {"resize2fs", on.text("path"), fmt::format("{}K", on.integer("bytes") / 1024)});
    return shell_line({"resize2fs", on.text("path"), on.text("bytes")}) + "\n" +
           shell_line({"truncate", "-s", on.text("bytes"), on.text("path")});
}

void plan_place(const CtVolume& volume, Plan& plan) {
    plan.step("keep the place of " + volume.id, {"volume-reserve", {{"path", volume.path}}},
              Action{"volume-release", {{"path", volume.path}}});
}

constexpr ActionKind kinds[] = {
    // path bytes uid gid; the path is a kept, empty file
    {"ct-image-make", make, make_shell},
    // path uid gid
    {"ct-device-make", make_on_device, make_on_device_shell},
    // source path [read-only] [running]
    {"ct-image-copy", copy, copy_shell},
    // path bytes [running]
    {"ct-image-grow", grow, grow_shell},
    {"ct-image-shrink", shrink, shrink_shell},
};

}  // namespace

std::span<const ActionKind> ct_image_actions() {
    return kinds;
}

void plan_make_image(Engine& engine, const CtVolume& volume, int64_t bytes, const IdMap& map,
                     Plan& plan) {
    engine.host.need_program("mkfs.ext4");
    std::string there = folder_of(volume.path);
    while (there.size() > 1 && !engine.host.exists(there))
        there = folder_of(there).empty() ? "/" : folder_of(there);
    if (const auto left = space_of(there).available; bytes > left)
        plan.warn(fmt::format("{} has {} left, less than the {} that the new image can grow to",
                              there, short_size(left), short_size(bytes)));
    plan_place(volume, plan);
    plan.step(fmt::format("make the image {} of {} with ext4 in it", volume.id, print_size(bytes)),
              {"ct-image-make",
               {{"path", volume.path},
                {"bytes", bytes},
                {"uid", int64_t{map.outside_uid(0).value_or(0)}},
                {"gid", int64_t{map.outside_gid(0).value_or(0)}}}},
              Action{"image-remove", {{"path", volume.path}}});
}

void plan_make_device(Engine& engine, const CtVolume& volume, int64_t bytes, const IdMap& map,
                      Plan& plan) {
    engine.host.need_program("mkfs.ext4");
    const Storage& storage = engine.storages.of(volume.id);
    const std::string name = volume.id.substr(storage.id().size() + 1);
    const int guest = lvm_owner(name).value_or(0);
    storage.plan_allocate(plan, guest, bytes, "raw",
                          name.substr(fmt::format("vm-{}-", guest).size()));
    plan.step(fmt::format("make ext4 in {}", volume.id),
              {"ct-device-make",
               {{"path", volume.path},
                {"uid", int64_t{map.outside_uid(0).value_or(0)}},
                {"gid", int64_t{map.outside_gid(0).value_or(0)}}}});
}

void plan_copy_image(Engine&, const std::string& source, const CtVolume& volume, bool read_only,
                     int running, Plan& plan) {
    plan_place(volume, plan);
    Values on{{"source", source}, {"path", volume.path}};
    if (read_only) on.set({"read-only", true});
    if (running > 0) on.set({"running", running});
    plan.step("copy " + source + " to " + volume.id, {"ct-image-copy", std::move(on)},
              Action{"image-remove", {{"path", volume.path}}});
}

void plan_grow_image(const std::string& path, int64_t before, int64_t bytes, int running,
                     Plan& plan) {
    if (const auto left =
            path.starts_with("/dev/") ? INT64_MAX : space_of(folder_of(path)).available;
        bytes - before > left)
        plan.warn(fmt::format("{} has {} left, less than the image can grow to", folder_of(path),
                              short_size(left)));
    Values on{{"path", path}, {"bytes", bytes}}, back{{"path", path}, {"bytes", before}};
    if (running > 0) on.set({"running", running}), back.set({"running", running});
    plan.step(fmt::format("grow {} from {} to {}", path, print_size(before), print_size(bytes)),
              {"ct-image-grow", std::move(on)}, Action{"ct-image-shrink", std::move(back)});
}

}  // namespace lodge
