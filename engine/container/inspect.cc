#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "engine/container/beneath.h"
#include "engine/container/container.h"
#include "engine/container/image_mount.h"
#include "engine/container/life.h"
#include "engine/container/volume_root.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/state/mounts.h"
#include "engine/units.h"
#include "engine/vm/change.h"

// A container's root file system, hung up for a person to look into. Programs in it run with no
// more rights than they have, and its device nodes open nothing, whoever goes in.

namespace lodge {
namespace {

// A mount that hangs nowhere, of a folder of ours.
Fd clone_mount(const std::string& folder) {
    return Fd(::open_tree(AT_FDCWD, folder.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
}

bool send_fd(int socket, int fd) {
    char byte = 'm';
    iovec data{&byte, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> space{};
    msghdr message{};
    message.msg_iov = &data, message.msg_iovlen = 1;
    message.msg_control = space.data(), message.msg_controllen = space.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
    return ::sendmsg(socket, &message, MSG_NOSIGNAL) == 1;
}

Fd receive_fd(int socket) {
    char byte = 0;
    iovec data{&byte, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> space{};
    msghdr message{};
    message.msg_iov = &data, message.msg_iovlen = 1;
    message.msg_control = space.data(), message.msg_controllen = space.size();
    if (::recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1) return Fd();
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    int fd = -1;
    if (header && header->cmsg_type == SCM_RIGHTS) std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return Fd(fd);
}

// The same of a folder that only a container's monitor sees: a mount is taken in its own namespace,
// where a process goes that is a copy of ours.
Fd clone_mount_of(const ProcessId& monitor, const std::string& folder) {
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) return Fd();
    const Fd ours(pair[0]);
    Fd theirs(pair[1]);
    const Fd space(
        ::open(fmt::format("/proc/{}/ns/mnt", monitor.pid).c_str(), O_RDONLY | O_CLOEXEC));
    if (!space) return Fd();
    const pid_t pid = ::fork();
    if (pid == 0) {
        if (::setns(space.get(), CLONE_NEWNS) != 0) ::_exit(errno);
        const int tree = ::open_tree(AT_FDCWD, folder.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        if (tree < 0) ::_exit(errno);
        ::_exit(send_fd(theirs.get(), tree) ? 0 : errno);
    }
    theirs.reset();
    Fd tree = pid < 0 ? Fd() : receive_fd(ours.get());
    int status = 0;
    while (pid > 0 && ::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!tree && WIFEXITED(status)) errno = WEXITSTATUS(status);
    return tree;
}

bool make_harmless(const Fd& mount, bool read_only) {
    mount_attr wish{};
    wish.attr_set = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | (read_only ? MOUNT_ATTR_RDONLY : 0);
    return ::syscall(SYS_mount_setattr, mount.get(), "", AT_EMPTY_PATH, &wish, sizeof wish) == 0;
}

// A line of "volumes": key, place inside, path of the volume, which may have spaces.
struct Hanging {
    std::string key, inside, path;
};

Hanging parse_hanging(const std::string& line) {
    const auto first = line.find('\t'), second = line.find('\t', first + 1);
    if (second == std::string::npos) fail(Exit::failed, "a bad line of a plan: {}", line);
    return {line.substr(0, first), line.substr(first + 1, second - first - 1),
            line.substr(second + 1)};
}

Fd take_mount(const Host& host, int id, const Hanging& one, bool read_only) {
    if (!is_image_volume(one.path)) return clone_mount(one.path);
    if (const auto monitor = ct_process(host, id))
        return clone_mount_of(*monitor, guest_run_folder(host, id) + "/disk/" + one.key);
    ImageMount image(one.path, read_only ? "ro" : "");
    if (!image)
        fail(Exit::missing, "cannot mount {}: {}", one.path, image_trouble(errno, image.words()));
    return image.take();
}

void hang(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const auto id = static_cast<int>(on.integer("guest"));
    const std::string& place = on.text("place");
    Fd top;
    for (const std::string& line : on.list("volumes")) {
        const Hanging one = parse_hanging(line);
        const std::string what = fmt::format("cannot mount {} at {}", one.path, place);
        const Fd mount = take_mount(host, id, one, on.flag("read-only"));
        if (!mount || !make_harmless(mount, on.flag("read-only"))) fail_errno(errno, what);
        Fd target = top ? open_beneath(top, one.inside, O_PATH | O_DIRECTORY, Links::inside)
                        : Fd(::open(place.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (!target && top && errno == ENOENT) {
            work.say(fmt::format("{} is left out: there is no {} inside", one.key, one.inside));
            continue;
        }
        if (!target || ::move_mount(mount.get(), "", target.get(), "",
                                    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0)
            fail_errno(errno, what);
        if (!top) top = open_folder(place + "/.");
    }
}

std::string hang_shell(const Values& on) {
    std::string text;
    for (const std::string& line : on.list("volumes")) {
        const Hanging one = parse_hanging(line);
        text += (text.empty() ? "" : "\n") +
                shell_line({"mount", "-o",
                            std::string(one.path.starts_with("/dev/") ? "nodev"
                                        : one.path.ends_with(".raw")  ? "loop"
                                                                      : "bind") +
                                ",nodev,nosuid" + (on.flag("read-only") ? ",ro" : ""),
                            one.path, on.text("place") + one.inside});
    }
    return text;
}

// What is mounted at the place and below it, the last first.
std::vector<std::string> mounts_at(const Host& host, const std::string& place) {
    std::vector<std::string> found;
    for (const Mount& mount :
         parse_mounts(host.read(host.system("/proc/self/mountinfo")).value_or("")))
        if (mount.point == place || mount.point.starts_with(place + "/"))
            found.push_back(mount.point);
    std::reverse(found.begin(), found.end());
    return found;
}

void take_down(Work& work, const Values& on) {
    const std::string& place = on.text("place");
    for (const std::string& one : mounts_at(work.engine().host, place)) {
        if (::umount2(one.c_str(), UMOUNT_NOFOLLOW | (on.flag("force") ? MNT_DETACH : 0)) == 0)
            continue;
        if (errno == EINVAL || errno == ENOENT) continue;  // gone meanwhile
        if (errno == EBUSY)
            fail(
                Exit::busy,
                "cannot unmount {}: somebody uses it, such as a shell that is in it; --force takes "
                "it away all the same",
                one);
        fail_errno(errno, "cannot unmount " + one);
    }
}
std::string take_down_shell(const Values& on) {
    return shell_line({"umount", "-R", on.text("place")});
}

constexpr ActionKind kinds[] = {
    // guest place volumes… ("key\tplace inside\tpath", the root first) [read-only]
    {"ct-mount", hang, hang_shell},
    // place [force]
    {"ct-unmount", take_down, take_down_shell},
};

Plan plan_for(const Guest& guest, std::string_view verb) {
    Plan plan;
    plan.title = fmt::format("{} the root of {}", verb, guest_words(guest));
    plan.guests = {guest.id};
    if (guest.kind->name() != "ct")
        fail(Exit::refused, "cannot {}: it is no container", plan.title);
    return plan;
}

std::string hanging_line(Engine& engine, const std::string& key, const Properties& parts) {
    const std::string volume = parts.text("volume");
    const std::string path = volume.starts_with('/') ? volume : engine.storages.info(volume).path;
    return fmt::format("{}\t{}\t{}", key, key == "rootfs" ? "" : parts.text("mp"), path);
}

}  // namespace

std::span<const ActionKind> ct_inspect_actions() {
    return kinds;
}

std::string ct_mount_place(const Host& host, int id) {
    return fmt::format("{}/mount/{}", host.run_folder(), id);
}

Plan ct_mount_plan(Engine& engine, const Guest& guest, const Values& words) {
    Plan plan = plan_for(guest, "mount");
    if (!engine.host.is_root())
        fail(Exit::refused, "cannot {}: only root mounts; lodge pull copies files", plan.title);
    refuse_if_held(guest, "mount the root of");
    const std::string place = ct_mount_place(engine.host, guest.id);
    const auto root = guest.config.properties("rootfs");
    if (!root || root->text("volume").empty())
        fail(Exit::refused, "cannot {}: it has none", plan.title);
    std::vector<std::string> volumes{hanging_line(engine, "rootfs", *root)};
    for (const std::string& key : guest.config.indexed("mp"))
        if (const auto parts = guest.config.properties(key);
            parts && !parts->text("volume").starts_with('/') && !parts->text("mp").empty())
            volumes.push_back(hanging_line(engine, key, *parts));
    Edit edit;
    edit.set = {"lock=mounted"};
    edit.digest = guest.config.digest();
    add_config_step(plan, "nobody changes or starts it meanwhile", guest.id, "lxc", edit,
                    guest.config);
    // Whoever else is on this machine stays out.
    const std::string above = place.substr(0, place.rfind('/'));
    plan.step("make a place that only root walks", {"mkdir", {{"path", above}, {"mode", "700"}}},
              Action{"rmdir", {{"path", above}}});
    plan.step("in it one for this guest", {"mkdir", {{"path", place}, {"mode", "700"}}},
              Action{"rmdir", {{"path", place}}});
    Values on{{"guest", guest.id}, {"place", place}};
    on.set({"volumes", volumes});
    if (words.flag("read-only")) on.set({"read-only", true});
    plan.step("mount its volumes there", {"ct-mount", std::move(on)},
              Action{"ct-unmount", {{"place", place}, {"force", true}}});
    plan.afterwards = fmt::format("{} is mounted at {}; lodge unmount {} takes it away",
                                  guest_words(guest), place, guest.id);
    return plan;
}

Plan ct_unmount_plan(Engine& engine, const Guest& guest, const Values& words) {
    Plan plan = plan_for(guest, "unmount");
    const std::string place = ct_mount_place(engine.host, guest.id);
    const bool locked = guest.config.current.get("lock") == "mounted";
    if (!locked && mounts_at(engine.host, place).empty())
        fail(Exit::refused, "cannot {}: it is not mounted", plan.title);
    Values on{{"place", place}};
    if (words.flag("force")) on.set({"force", true});
    plan.step("unmount all at " + place, {"ct-unmount", std::move(on)});
    plan.step("remove the place", {"rmdir", {{"path", place}}});
    plan.step("remove the one above, if it was the last",
              {"rmdir", {{"path", place.substr(0, place.rfind('/'))}}});
    if (locked) {
        Edit edit;
        edit.erase = {"lock"};
        plan.step("it may be changed and started again", config_set_action(guest.id, "lxc", edit));
    }
    plan.no_way_back_from(0);
    plan.afterwards = guest_words(guest) + " is not mounted any more";
    return plan;
}

}  // namespace lodge
