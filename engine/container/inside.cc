#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>

#include "engine/container/beneath.h"
#include "engine/container/container.h"
#include "engine/container/facts.h"
#include "engine/container/net.h"
#include "engine/container/root_folder.h"
#include "engine/container/rootfs.h"
#include "engine/container/user_namespace.h"
#include "engine/container/volume_root.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/process.h"
#include "engine/store.h"
#include "engine/units.h"

// What Lodge writes into a container's root file system. Nothing in it is trusted.

namespace lodge {
namespace {

// Root of the container, by whom the files are written: this machine's root gives them away;
// anyone else is the container's root in a user namespace.
void as_container_root(Work& work, const Values& on,
                       const std::function<void(Work&, CtOwner)>& does) {
    const IdMap map = parse_id_map(on.has("map") ? on.list("map") : std::vector<std::string>{});
    if (work.engine().host.is_root() || map.empty())
        return does(work, {map.outside_uid(0).value_or(0), map.outside_gid(0).value_or(0)});
    run_in_user_namespace(work, map, [&](Work& within) { does(within, {0, 0}); });
}

// shadow(5): name, hash, day of the last change, …
std::string with_password(const std::string& shadow, const std::string& hash, int64_t today) {
    std::vector<std::string> lines = split(shadow, '\n');
    for (std::string& line : lines) {
        auto fields = split(line, ':');
        if (fields[0] != "root" || fields.size() < 3) continue;
        fields[1] = hash;
        fields[2] = std::to_string(today);
        line = join(fields, ":");
        return join(lines, "\n");
    }
    return fmt::format("root:{}:{}:0:99999:7:::\n", hash, today) + shadow;
}

void let_in(Work& work, const Values& on) {
    const int64_t today = work.engine().host.now_seconds() / 86400;
    as_container_root(work, on, [&](Work&, CtOwner owner) {
        const RootFolder root(on.text("path"));
        if (const auto hash = on.get("password"))
            root.write("/etc/shadow",
                       with_password(root.read("/etc/shadow").value_or(""), *hash, today), 0640,
                       owner, true);
        if (on.has("keys"))
            root.write("/root/.ssh/authorized_keys", join(on.list("keys"), "\n") + "\n", 0600,
                       owner, false);
    });
}
std::string let_in_shell(const Values& on) {
    std::string text;
    if (on.has("password"))
        text = "# the hash of the password into " + on.text("path") + "/etc/shadow";
    if (on.has("keys"))
        text += fmt::format("{}# {} keys into {}/root/.ssh/authorized_keys",
                            text.empty() ? "" : "\n", on.list("keys").size(), on.text("path"));
    return text;
}

// The link /etc/localtime, whatever stands there.
void set_time_zone(const Host& host, const Fd& root, std::string zone, CtOwner owner) {
    if (zone.empty()) return;
    if (zone == "host") {
        std::error_code trouble;
        const std::string own =
            std::filesystem::read_symlink(host.system("/etc/localtime"), trouble).string();
        const size_t at = own.find("/zoneinfo/");
        if (at == std::string::npos) return;
        zone = own.substr(at + 10);
    }
    const Fd etc = open_beneath(root, "etc", O_RDONLY | O_DIRECTORY, Links::inside);
    if (!etc) return;
    constexpr const char* half = ".lodge-localtime";
    ::unlinkat(etc.get(), half, 0);
    if (::symlinkat(("/usr/share/zoneinfo/" + zone).c_str(), etc.get(), half) != 0 ||
        ::fchownat(etc.get(), half, owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW) != 0 ||
        ::renameat(etc.get(), half, etc.get(), "localtime") != 0)
        fail_errno(errno, "cannot set the time zone " + printable(zone));
}

// What changes from start to start: the name, the cards and their addresses, name servers.
void write_files(Work& work, const Values& on) {
    Engine& engine = work.engine();
    const Guest guest = load_guest(engine, static_cast<int>(on.integer("guest")));
    const LxcFacts facts = ct_facts(engine, guest);
    const auto parts = guest.config.properties("rootfs");
    const std::string volume = parts ? parts->text("volume") : "";
    const auto folder = facts.volumes.find(volume), image = facts.images.find(volume);
    if (folder == facts.volumes.end() && image == facts.images.end())
        return;  // the start itself says so
    const std::string path = folder == facts.volumes.end() ? image->second : folder->second;
    const CtNetFacts net = ct_net_facts(engine, guest);
    Values as{{"path", path}};
    if (const auto lines = print_id_map(facts.map); !lines.empty()) as.set({"map", lines});
    as_container_root(work, as, [&](Work& within, CtOwner owner) {
        const RootFolder root(open_volume_root(path), path);
        for (const std::string& note : write_ct_net_files(guest.config, net, root, owner))
            within.say(note);
        set_time_zone(engine.host, root.root(), guest.config.string_of("timezone"), owner);
    });
}
std::string write_files_shell(const Values& on) {
    return fmt::format(
        "# /etc/hostname, /etc/hosts, /etc/resolv.conf and the files for its cards, "
        "in the root of guest {}",
        on.text("guest"));
}

struct DemoFile {
    const char* path;
    const char* content;
    mode_t mode;
};
constexpr DemoFile demo_files[] = {
    {"/etc/inittab",
     "::sysinit:/etc/rc\n::respawn:/sbin/getty -n -l /bin/demo-shell -L 0 console linux\n"
     "::shutdown:/bin/true\n",
     0644},
    {"/etc/rc", "#!/bin/sh\nmount -t tmpfs tmpfs /run 2>/dev/null\nip link set lo up 2>/dev/null\n",
     0755},
    {"/bin/demo-shell",
     "#!/bin/sh\necho\necho \"A container of Lodge: $(hostname). poweroff ends it.\"\n"
     "cd /root && exec sh -l\n",
     0755},
    {"/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n", 0644},
    {"/etc/group", "root:x:0:\nnogroup:x:65534:\n", 0644},
    {"/etc/hosts", "127.0.0.1 localhost\n", 0644},
};

// busybox, its names, and the few files that its init reads.
void demo_root(Work& work, const Values& on) {
    const auto busybox = work.engine().host.read(on.text("busybox"));
    if (!busybox) fail(Exit::missing, "the program busybox vanished");
    as_container_root(work, on, [&](Work&, CtOwner owner) {
        const Fd top = open_volume_root(on.text("path"));
        const auto own = [&](const char* name) {
            if (::fchownat(top.get(), name, owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW) != 0)
                fail_errno(errno, std::string("cannot make ") + name);
        };
        for (const char* folder :
             {"bin", "sbin", "etc", "proc", "sys", "dev", "run", "tmp", "root", "var", "usr"}) {
            if (::mkdirat(top.get(), folder, 0755) != 0 && errno != EEXIST)
                fail_errno(errno, std::string("cannot make ") + folder);
            own(folder);
        }
        const RootFolder root(Fd(::dup(top.get())), on.text("path"));
        for (const DemoFile& file : demo_files)
            root.write(file.path, file.content, file.mode, owner, false);
        const Fd program =
            open_beneath(top, "bin/busybox", O_WRONLY | O_CREAT | O_EXCL, Links::refuse, 0755);
        std::string_view rest = *busybox;
        while (program && !rest.empty()) {
            const ssize_t done = ::write(program.get(), rest.data(), rest.size());
            if (done <= 0) fail_errno(errno, "cannot write busybox");
            rest.remove_prefix(static_cast<size_t>(done));
        }
        if (!program || ::fchmod(program.get(), 0755) != 0)
            fail_errno(errno, "cannot write busybox");
        own("bin/busybox");
        for (const char* name :
             {"bin/sh",       "bin/ls",     "bin/cat",    "bin/echo",      "bin/mount",
              "bin/umount",   "bin/ps",     "bin/id",     "bin/ip",        "bin/free",
              "bin/df",       "bin/vi",     "bin/grep",   "bin/sed",       "bin/sleep",
              "bin/hostname", "bin/true",   "bin/false",  "bin/kill",      "bin/rm",
              "bin/cp",       "bin/mv",     "bin/mkdir",  "bin/touch",     "bin/head",
              "bin/tail",     "bin/wc",     "bin/dd",     "bin/env",       "bin/ping",
              "bin/wget",     "bin/top",    "bin/test",   "bin/date",      "bin/uname",
              "bin/tar",      "bin/stty",   "bin/ln",     "bin/chmod",     "bin/chown",
              "bin/printf",   "sbin/init",  "sbin/getty", "sbin/poweroff", "sbin/reboot",
              "sbin/halt",    "sbin/udhcpc"}) {
            if (::symlinkat("/bin/busybox", top.get(), name) != 0 && errno != EEXIST)
                fail_errno(errno, std::string("cannot make ") + name);
            own(name);
        }
    });
}
std::string demo_root_shell(const Values& on) {
    return fmt::format("{0} --install -s {1}/bin\n# and {1}/etc/inittab, rc, passwd, group, hosts",
                       on.text("busybox"), shell_quote(on.text("path")));
}

// The numbers of a user whom only the image's own files know.
void image_user(Work& work, const Values& on) {
    const Engine& engine = work.engine();
    const auto [uid, gid] = user_in_folder(on.text("path"), on.text("user"));
    engine.store.change("lxc", static_cast<int>(on.integer("guest")), container_schema(),
                        [uid = uid, gid = gid](Config& config) {
                            config.current.add("lxc.init.uid", std::to_string(uid));
                            config.current.add("lxc.init.gid", std::to_string(gid));
                        });
}
std::string image_user_shell(const Values& on) {
    return fmt::format("# lxc.init.uid and lxc.init.gid: {} in {}/etc/passwd", on.text("user"),
                       on.text("path"));
}

constexpr ActionKind kinds[] = {
    // path [password] [keys…] [map…]
    {"ct-let-in", let_in, let_in_shell},
    // guest
    {"ct-files", write_files, write_files_shell},
    // path busybox [map…]
    {"ct-demo-root", demo_root, demo_root_shell},
    // guest path user
    {"ct-image-user", image_user, image_user_shell},
};

}  // namespace

std::span<const ActionKind> ct_inside_actions() {
    return kinds;
}

}  // namespace lodge
