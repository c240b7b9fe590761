#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "engine/container/beneath.h"
#include "engine/container/container.h"
#include "engine/container/facts.h"
#include "engine/container/life.h"
#include "engine/container/user_namespace.h"
#include "engine/container/volume_root.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/units.h"

// Files into a container and out of it. Who has root inside may change links and folders while we
// work: each path is walked by the kernel from the container's root, and never out of it.

namespace lodge {
namespace {

constexpr size_t piece = 1 << 20;

std::string name_of(const std::string& path) {
    return path.substr(path.rfind('/') + 1);
}
std::string folder_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == std::string::npos || slash == 0 ? "/" : path.substr(0, slash);
}

// What is written aside, and takes its name at the end; removed when it does not come to that.
class NewFile {
  public:
    NewFile(const Fd& folder, std::string name) : folder_(folder), name_(std::move(name)) {
        ::unlinkat(folder_.get(), name_.c_str(), 0);
        fd_.reset(::openat(folder_.get(), name_.c_str(),
                           O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    }
    ~NewFile() {
        if (fd_) ::unlinkat(folder_.get(), name_.c_str(), 0);
    }
    NewFile(const NewFile&) = delete;
    NewFile& operator=(const NewFile&) = delete;
    const Fd& file() const { return fd_; }
    bool become(const std::string& name, bool over) {
        if (::fsync(fd_.get()) != 0 || ::renameat2(folder_.get(), name_.c_str(), folder_.get(),
                                                   name.c_str(), over ? 0 : RENAME_NOREPLACE) != 0)
            return false;
        fd_.reset();
        return true;
    }

  private:
    const Fd& folder_;
    std::string name_;
    Fd fd_;
};

std::string half_name(const std::string& name) {
    return "." + name + ".lodge-new";
}

void pour(Work& work, const Fd& in, const Fd& out, int64_t size, const std::string& what) {
    std::string bytes(piece, '\0');
    for (int64_t done = 0;;) {
        work.check();
        const ssize_t got = ::read(in.get(), bytes.data(), bytes.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) fail_errno(errno, "cannot " + what);
        if (got == 0) return;
        for (ssize_t put = 0; put < got;) {
            const ssize_t wrote =
                ::write(out.get(), bytes.data() + put, static_cast<size_t>(got - put));
            if (wrote < 0 && errno == EINTR) continue;
            if (wrote < 0) fail_errno(errno, "cannot " + what);
            put += wrote;
        }
        done += got;
        work.progress(done, size, "bytes");
    }
}

// Who works: this machine's root, who gives files to mapped users as they are numbered here; or the
// container's root, for anyone else, and where the container runs, for what is mounted in it may
// know no other numbers than its own.
class Inside {
  public:
    Inside(Work& work, const Guest& guest)
        : map_(id_map_of(work.engine().host, guest.config)),
          shifts_(map_.empty() ||
                  (work.engine().host.is_root() && !ct_process(work.engine().host, guest.id))) {}
    void run(Work& work, const std::function<void(Work&)>& does) const {
        if (shifts_) return does(work);
        run_in_user_namespace(work, map_, does);
    }
    uid_t root_uid() const { return shifts_ ? map_.outside_uid(0).value_or(0) : 0; }
    gid_t root_gid() const { return shifts_ ? map_.outside_gid(0).value_or(0) : 0; }

  private:
    IdMap map_;
    bool shifts_;
};

Guest guest_on(Work& work, const Values& on) {
    return load_guest(work.engine(), static_cast<int>(on.integer("guest")));
}

std::string push_words(const Values& on) {
    return fmt::format("copy {} to {} in the container", printable(on.text("source")),
                       printable(on.text("path")));
}

void push(Work& work, const Values& on) {
    const Guest guest = guest_on(work, on);
    const std::string what = push_words(on);
    const Fd in(::open(on.text("source").c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat source {};
    if (!in || ::fstat(in.get(), &source) != 0) fail_errno(errno, "cannot " + what);
    if (!S_ISREG(source.st_mode)) fail(Exit::refused, "cannot {}: it is no plain file", what);
    const Inside inside(work, guest);
    const Fd root = open_ct_root(work.engine(), guest);
    inside.run(work, [&](Work& within) {
        std::string path = on.text("path");
        if (path.ends_with('/') || open_beneath(root, path, O_PATH | O_DIRECTORY, Links::inside))
            path += (path.ends_with('/') ? "" : "/") + name_of(on.text("source"));
        const Fd folder =
            open_beneath(root, folder_of(path), O_RDONLY | O_DIRECTORY, Links::inside);
        if (!folder) fail_errno(errno, fmt::format("cannot {}: {}", what, folder_of(path)));
        const std::string name = name_of(path);
        uid_t uid = inside.root_uid();
        gid_t gid = inside.root_gid();
        mode_t mode = source.st_mode & 0777;
        struct stat there {};
        if (::fstatat(folder.get(), name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0) {
            if (!S_ISREG(there.st_mode))
                fail(Exit::refused, "cannot {}: what is there is no plain file", what);
            uid = there.st_uid, gid = there.st_gid, mode = there.st_mode & 07777;
        }
        NewFile half(folder, half_name(name));
        if (!half.file()) fail_errno(errno, "cannot " + what);
        pour(within, in, half.file(), source.st_size, what);
        if (::fchown(half.file().get(), uid, gid) != 0 || ::fchmod(half.file().get(), mode) != 0 ||
            !half.become(name, true))
            fail_errno(errno, "cannot " + what);
    });
}
std::string push_shell(const Values& on) {
    return fmt::format("# {}, as its root's (a file that is there keeps owner and mode)",
                       push_words(on));
}

// The undo of a push that was killed: what it wrote aside.
void unpush(Work& work, const Values& on) {
    const Guest guest = guest_on(work, on);
    const Inside inside(work, guest);
    const Fd root = open_ct_root(work.engine(), guest);
    inside.run(work, [&](Work&) {
        std::string path = on.text("path");
        if (path.ends_with('/') || open_beneath(root, path, O_PATH | O_DIRECTORY, Links::inside))
            path += "/" + name_of(on.text("source"));
        const Fd folder =
            open_beneath(root, folder_of(path), O_RDONLY | O_DIRECTORY, Links::inside);
        if (folder) ::unlinkat(folder.get(), half_name(name_of(path)).c_str(), 0);
    });
}
std::string unpush_shell(const Values& on) {
    return fmt::format("# remove what was half written beside {}", printable(on.text("path")));
}

std::string pull_words(const Values& on) {
    return fmt::format("copy {} of the container to {}", printable(on.text("path")),
                       printable(on.text("file")));
}

void pull(Work& work, const Values& on) {
    const Guest guest = guest_on(work, on);
    const std::string what = pull_words(on);
    const std::string& file = on.text("file");
    const Fd folder(::open(folder_of(file).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder) fail_errno(errno, "cannot " + what);
    NewFile half(folder, half_name(name_of(file)));
    if (!half.file()) fail_errno(errno, "cannot " + what);
    const Fd root = open_ct_root(work.engine(), guest);
    Inside(work, guest).run(work, [&](Work& within) {
        // Looked at before it is opened: opening a pipe or a device may do something.
        const Fd place = open_beneath(root, on.text("path"), O_PATH, Links::inside);
        struct stat found {};
        if (!place || ::fstat(place.get(), &found) != 0) fail_errno(errno, "cannot " + what);
        if (S_ISDIR(found.st_mode))
            fail(Exit::refused,
                 "cannot {}: it is a folder; lodge exec {} -- tar -C {} -c . | tar -x takes it",
                 what, guest.id, shell_quote(on.text("path")));
        if (!S_ISREG(found.st_mode)) fail(Exit::refused, "cannot {}: it is no plain file", what);
        const Fd in(::open(fmt::format("/proc/self/fd/{}", place.get()).c_str(),
                           O_RDONLY | O_CLOEXEC | O_NOCTTY));
        if (!in) fail_errno(errno, "cannot " + what);
        pour(within, in, half.file(), found.st_size, what);
        // No set-id bits: whoever made it is somebody else here.
        if (::fchmod(half.file().get(), found.st_mode & 0777) != 0)
            fail_errno(errno, "cannot " + what);
    });
    if (!half.become(name_of(file), on.flag("force"))) {
        if (errno == EEXIST)
            fail(Exit::refused, "cannot {}: there is a file already; --force writes over it", what);
        fail_errno(errno, "cannot " + what);
    }
}
std::string pull_shell(const Values& on) {
    return "# " + pull_words(on);
}
void unpull(Work& work, const Values& on) {
    const std::string& file = on.text("file");
    work.engine().host.remove(folder_of(file) + "/" + half_name(name_of(file)));
}
std::string unpull_shell(const Values& on) {
    const std::string& file = on.text("file");
    return shell_line({"rm", "-f", folder_of(file) + "/" + half_name(name_of(file))});
}

constexpr ActionKind kinds[] = {
    // guest source path
    {"ct-push", push, push_shell},
    {"ct-unpush", unpush, unpush_shell},
    // guest path file [force]
    {"ct-pull", pull, pull_shell},
    {"ct-unpull", unpull, unpull_shell},
};

std::string full_path(const std::string& file) {
    std::error_code trouble;
    const auto path = std::filesystem::absolute(file, trouble).lexically_normal();
    if (trouble) fail_errno(trouble.value(), "cannot find " + printable(file));
    return path.string();
}

std::string path_inside(const std::string& path) {
    if (path.empty() || path.front() != '/')
        fail(Exit::usage, "'{}' is no path inside the container: it begins with '/'",
             printable(path));
    return path;
}

Plan plan_for(const Guest& guest, std::string title) {
    if (guest.kind->name() != "ct")
        fail(Exit::refused, "cannot {}: {} is no container; scp and its kind reach it", title,
             guest_words(guest));
    Plan plan;
    plan.title = std::move(title);
    plan.guests = {guest.id};
    return plan;
}

}  // namespace

std::span<const ActionKind> ct_file_actions() {
    return kinds;
}

Fd open_ct_root(Engine& engine, const Guest& guest) {
    const Host& host = engine.host;
    if (const auto monitor = ct_process(host, guest.id))
        if (const auto init = ct_init(host, *monitor)) {
            Fd root(::open(fmt::format("/proc/{}/root/.", init->pid).c_str(),
                           O_RDONLY | O_DIRECTORY | O_CLOEXEC));
            // The number may have become another process's meanwhile.
            const auto again = ct_init(host, *monitor);
            if (root && again && again->pid == init->pid && again->start == init->start)
                return root;
        }
    const auto parts = guest.config.properties("rootfs");
    const std::string volume = parts ? parts->text("volume") : "";
    if (volume.empty()) fail(Exit::refused, "{} has no root file system", guest_words(guest));
    return open_volume_root(volume.front() == '/' ? volume : engine.storages.info(volume).path);
}

Plan ct_push_plan(Engine&, const Guest& guest, const Values& words) {
    const std::string source = full_path(words.text("file"));
    const std::string path = path_inside(words.text("path", "/root/"));
    Plan plan = plan_for(guest, fmt::format("copy {} to {}:{}", printable(source),
                                            guest_words(guest), printable(path)));
    refuse_if_held(guest, "copy files to");
    struct stat found {};
    if (::stat(source.c_str(), &found) != 0) fail_errno(errno, "cannot " + plan.title);
    if (S_ISDIR(found.st_mode))
        fail(Exit::refused,
             "cannot {}: it is a folder; tar -C {} -c . | lodge exec {} -- tar -C {} -x takes it",
             plan.title, shell_quote(source), guest.id, shell_quote(path));
    const Values on{{"guest", guest.id}, {"source", source}, {"path", path}};
    plan.step("write it there, whole or not at all", {"ct-push", on}, Action{"ct-unpush", on});
    return plan;
}

Plan ct_pull_plan(Engine& engine, const Guest& guest, const Values& words) {
    const std::string path = path_inside(words.text("path"));
    std::string file = full_path(words.text("file", "."));
    struct stat found {};
    if (file.ends_with('/') || (::stat(file.c_str(), &found) == 0 && S_ISDIR(found.st_mode)))
        file += (file.ends_with('/') ? "" : "/") + name_of(path);
    Plan plan = plan_for(guest, fmt::format("copy {}:{} to {}", guest_words(guest), printable(path),
                                            printable(file)));
    if (engine.host.exists(file) && !words.flag("force"))
        fail(Exit::refused, "cannot {}: there is a file already; --force writes over it",
             plan.title);
    Values on{{"guest", guest.id}, {"path", path}, {"file", file}};
    if (words.flag("force")) on.set({"force", true});
    plan.step("read it, whole or not at all", {"ct-pull", on}, Action{"ct-unpull", on});
    return plan;
}

}  // namespace lodge
