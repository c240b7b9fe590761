#include "engine/container/lxc_config.h"

#include <algorithm>

#include "engine/container/entry_words.h"
#include "engine/error.h"
#include "engine/raw_lxc.h"
#include "engine/units.h"

// The configuration that liblxc reads: lxc.container.conf(5).

namespace lodge {
namespace {

// A path or an option as a line of fstab(5) has it.
std::string fstab_word(std::string_view text) {
    std::string word;
    for (const char c : text) {
        if (c == ' ' || c == '\t' || c == '\n' || c == '\\')
            word += fmt::format("\\{:03o}", static_cast<unsigned char>(c));
        else
            word += c;
    }
    return word;
}

// A path below the root of the container, as liblxc wants it: without the first '/'.
std::string below_root(std::string_view key, std::string_view path) {
    for (const std::string& part : split(path, '/'))
        if (part == "..")
            fail(Exit::refused, "{}: '{}' leads out of the container", key, printable(path));
    while (path.starts_with('/'))
        path.remove_prefix(1);
    while (path.ends_with('/'))
        path.remove_suffix(1);
    return std::string(path);
}

// Maker writes the configuration, a concern after the other.
class Maker {
  public:
    Maker(const Config& config, int id, const LxcFacts& facts)
        : config_(config), id_(id), facts_(facts) {
        if (const auto features = config.properties("features")) features_ = *features;
    }

    LxcConfig make() {
        basics();
        groups();
        security();
        mounts();
        for (const std::string& key : config_.indexed("dev"))
            device(key);
        for (const std::string& key : config_.indexed("mp"))
            mount_point(key);
        for (const std::string& one : facts_.net)
            out_.config += one + "\n";
        raw_lines();
        return std::move(out_);
    }

  private:
    void line(std::string_view key, std::string_view value) {
        out_.config += fmt::format("{} = {}\n", key, value);
    }
    template <class... A>
    void warn(fmt::format_string<A...> words, A&&... args) {
        out_.warnings.push_back(fmt::format(words, std::forward<A>(args)...));
    }
    bool feature(std::string_view name) const { return features_ && features_->flag(name); }
    bool has_raw(std::string_view key) const { return config_.current.has(key); }
    bool unprivileged() const { return !facts_.map.empty(); }

    std::string folder_of(std::string_view key, const std::string& volume) const {
        if (const auto found = facts_.volumes.find(volume); found != facts_.volumes.end())
            return found->second;
        const auto why = facts_.volume_problems.find(volume);
        fail(Exit::not_found, "{}: {} cannot be used: {}", key, printable(volume),
             why == facts_.volume_problems.end() ? "it is not there" : why->second);
    }

    bool is_image(const std::string& volume) const { return facts_.images.contains(volume); }

    // Where the monitor mounts the image of the key.
    std::string image_place(std::string_view key, const std::string& volume,
                            const Properties& parts) {
        std::string options = parts.flag("ro") ? "ro" : "rw";
        for (const std::string& one : split(parts.text("mountoptions"), ';'))
            if (is_mount_option(one)) options += "," + one;
        if (parts.has("acl")) options += parts.flag("acl") ? ",acl" : ",noacl";
        if (parts.flag("quota"))
            warn("{}: quota inside the container is not kept: its size is what holds", key);
        out_.mounts += fmt::format("{} {} {}\n", key, options, facts_.images.at(volume));
        return fmt::format("{}/disk/{}", facts_.run_folder, key);
    }

    void basics() {
        const std::string hostname = config_.string_of("hostname");
        line("lxc.uts.name", hostname.empty() ? fmt::format("CT{}", id_) : hostname);
        static constexpr std::pair<std::string_view, std::string_view> archs[] = {
            {"amd64", "x86_64"}, {"i386", "i686"}, {"armhf", "armv7l"}, {"arm64", "aarch64"}};
        const std::string arch = config_.string_of("arch");
        for (const auto& [ours, theirs] : archs)
            if (ours == arch) line("lxc.arch", theirs);
        if (arch.starts_with("riscv")) warn("arch: this machine's liblxc knows no {}", arch);
        root();
        for (const std::string& range : print_id_map(facts_.map))
            line("lxc.idmap", range);
        terminals();
        line("lxc.log.file", facts_.log_folder + "/lxc.log");
        line("lxc.log.level", config_.flag("debug") ? "DEBUG" : "ERROR");
        if (const auto entry = config_.current.get("entrypoint")) {
            line("lxc.init.cmd", *entry);
            if (entry->find_first_of("'\"\\") != std::string::npos)
                out_.init = print_entry_words(entry_words(*entry));
        }
        if (const auto env = config_.current.get("env"))
            for (const std::string& one : split(*env, '\0'))
                line("lxc.environment", one);
    }

    void root() {
        const auto parts = config_.properties("rootfs");
        if (!parts || parts->text("volume").empty())
            fail(Exit::refused, "it has no root file system: lodge set {} rootfs=…", id_);
        const std::string volume = parts->text("volume");
        const bool image = is_image(volume);
        line("lxc.rootfs.path", "dir:" + (image ? image_place("rootfs", volume, *parts)
                                                : folder_of("rootfs", volume)));
        line("lxc.rootfs.mount", facts_.run_folder + "/rootfs");
        const std::string options = mount_options("rootfs", *parts, image);
        if (!options.empty()) line("lxc.rootfs.options", options);
    }

    void terminals() {
        line("lxc.pty.max", "1024");
        line("lxc.tty.max", config_.string_of("tty").empty() ? "2" : config_.string_of("tty"));
        if (!config_.flag("console")) return line("lxc.console.path", "none");
        // Every byte once, whether someone is attached or not.
        line("lxc.console.logfile", facts_.log_folder + "/serial0.log");
    }

    void groups() {
        const std::string group = fmt::format("{}/{}", facts_.group, id_);
        if (!facts_.groups1.empty() || !facts_.groups2.empty()) {
            line("lxc.cgroup.dir.monitor", group + ".monitor");
            line("lxc.cgroup.dir.monitor.pivot", group + ".end");
            line("lxc.cgroup.dir.container", group);
            // The limits stand one above what the container can see and change.
            line("lxc.cgroup.dir.container.inner", "ns");
            if (!facts_.root) line("lxc.cgroup.relative", "1");
        }
        device_groups();
        for (const GroupLimit& limit : ct_limits(config_, id_, facts_, out_.warnings))
            put_limit(limit);
    }

    void put_limit(const GroupLimit& limit) {
        const bool version1 = facts_.groups1.contains(limit.controller);
        line((version1 ? "lxc.cgroup." : "lxc.cgroup2.") + limit.file, limit.value);
    }

    // What is not named cannot be opened, whoever made its node.
    void device_groups() {
        if (!facts_.root) return;
        if (!facts_.groups1.contains("devices") && facts_.groups2.empty()) {
            warn("devices are not held back: this machine has no control group for devices");
            return;
        }
        static constexpr std::string_view usual[] = {"c *:* m",    "b *:* m", "c 1:3 rwm",  // null
                                                     "c 1:5 rwm",                           // zero
                                                     "c 1:7 rwm",                           // full
                                                     "c 1:8 rwm",     // random
                                                     "c 1:9 rwm",     // urandom
                                                     "c 5:0 rwm",     // tty
                                                     "c 5:1 rwm",     // console
                                                     "c 5:2 rwm",     // ptmx
                                                     "c 136:* rwm"};  // pts
        put_limit({"devices", "devices.deny", "a"});
        for (const std::string_view one : usual)
            put_limit({"devices", "devices.allow", std::string(one)});
        if (feature("fuse")) put_limit({"devices", "devices.allow", "c 10:229 rwm"});
    }

    void security() {
        if (!unprivileged())
            line("lxc.cap.drop", "mac_admin mac_override sys_time sys_module sys_rawio");
        if (facts_.apparmor && !has_raw("lxc.apparmor.profile")) apparmor();
        if (!facts_.apparmor && has_raw("lxc.apparmor.profile"))
            warn("lxc.apparmor.profile: this machine has no AppArmor");
        seccomp();
        if (feature("mknod"))
            warn("features: mknod is not there: Lodge answers no system calls for a container");
        if (features_ && features_->has("mount") && unprivileged())
            warn(
                "features: mount={} has no effect: the kernel lets only a privileged container "
                "mount them",
                features_->text("mount"));
    }

    void apparmor() {
        if (!facts_.apparmor_parser) {
            warn("AppArmor does not confine it: apt install apparmor");
            return line("lxc.apparmor.profile", "unconfined");
        }
        line("lxc.apparmor.profile", "generated");
        line("lxc.apparmor.allow_nesting", feature("nesting") ? "1" : "0");
        if (features_ && features_->has("mount"))
            for (const std::string& kind : split(features_->text("mount"), ';'))
                line("lxc.apparmor.raw", fmt::format("mount fstype={},", kind));
    }

    // The format of liblxc's policy files, version 2.
    void seccomp() {
        if (has_raw("lxc.seccomp.profile")) return;
        if (!facts_.seccomp) {
            warn("no system call is refused: this kernel has no seccomp filters");
            return;
        }
        out_.seccomp =
            "2\ndenylist\nreject_force_umount\n[all]\nkexec_load errno 1\nkexec_file_load errno "
            "1\nopen_by_handle_at errno 1\ninit_module errno 1\nfinit_module errno "
            "1\ndelete_module errno 1\n";
        // Keys are not of a namespace: programs take "there is no such call" for an answer.
        if (unprivileged() && !feature("keyctl")) out_.seccomp += "keyctl errno 38\n";
        line("lxc.seccomp.profile", facts_.run_folder + "/seccomp");
        if (feature("nesting")) line("lxc.seccomp.allow_nesting", "1");
    }

    void mounts() {
        line("lxc.mount.auto", feature("force_rw_sys") ? "proc:mixed sys:rw cgroup:mixed"
                                                       : "proc:mixed sys:mixed cgroup:mixed");
        line("lxc.autodev", "1");
        if (feature("fuse")) {
            line("lxc.mount.entry", "/dev/fuse dev/fuse none bind,create=file,optional 0 0");
            line("lxc.mount.entry",
                 "/sys/fs/fuse/connections sys/fs/fuse/connections none bind,optional 0 0");
        }
        if (feature("nesting")) {
            // The kernel lets a container inside mount proc and sysfs only where whole ones are.
            if (!unprivileged())
                warn(
                    "features: nesting in a privileged container opens this machine's /proc and "
                    "/sys to it");
            line("lxc.mount.entry", "proc dev/.lxc/proc proc create=dir,optional 0 0");
            line("lxc.mount.entry", "sys dev/.lxc/sys sysfs create=dir,optional 0 0");
        }
    }

    void device(const std::string& key) {
        const auto parts = config_.properties(key);
        if (!parts) return;
        const std::string path = parts->text("path");
        const auto found = facts_.devices.find(path);
        if (found == facts_.devices.end())
            fail(Exit::not_found, "{}: this machine has no device {}", key, printable(path));
        const LxcFacts::Device& device = found->second;
        const std::string inside = below_root(key, path);
        if (!facts_.root) {
            if (parts->has("gid") || parts->has("uid") || parts->has("mode"))
                warn("{}: owner and mode of {} stay as they are: only root can make a device", key,
                     path);
            return line("lxc.mount.entry", fmt::format("{} {} none bind,create=file 0 0",
                                                       fstab_word(path), fstab_word(inside)));
        }
        const auto uid = outside(key, "uid", *parts, false);
        const auto gid = outside(key, "gid", *parts, true);
        const std::string mode = parts->has("mode") ? parts->text("mode") : "0660";
        const std::string name = path.starts_with("/dev/") ? path.substr(5) : inside;
        out_.devices += fmt::format("{} {} {} {} {} {} {}\n", device.kind, device.major,
                                    device.minor, uid, gid, mode, name);
        put_limit({"devices", "devices.allow",
                   fmt::format("{} {}:{} {}", device.kind, device.major, device.minor,
                               parts->flag("deny-write") ? "r" : "rw")});
        line("lxc.mount.entry",
             fmt::format("{}/dev/{} {} none bind,create=file 0 0", fstab_word(facts_.run_folder),
                         fstab_word(name), fstab_word(inside)));
    }

    uint32_t outside(const std::string& key, std::string_view part, const Properties& parts,
                     bool gid) const {
        const auto inside = static_cast<uint32_t>(parts.has(part) ? parts.integer(part) : 0);
        const auto number = gid ? facts_.map.outside_gid(inside) : facts_.map.outside_uid(inside);
        if (!number)
            fail(Exit::refused, "{}: {}={} is no number that the container has", key, part, inside);
        return *number;
    }

    void mount_point(const std::string& key) {
        const auto parts = config_.properties(key);
        if (!parts || parts->text("volume").empty() || parts->text("mp").empty())
            fail(Exit::refused, "{}: it names no volume or no place: {}", key,
                 printable(config_.string_of(key)));
        const std::string volume = parts->text("volume");
        const bool folder = volume.starts_with('/') && !volume.starts_with("/dev/");
        const bool image = !folder && is_image(volume);
        const std::string from = folder  ? volume
                                 : image ? image_place(key, volume, *parts)
                                         : folder_of(key, volume);
        std::string options = folder ? "rbind,create=dir" : "bind,create=dir";
        if (const std::string more = mount_options(key, *parts, image); !more.empty())
            options += "," + more;
        line("lxc.mount.entry",
             fmt::format("{} {} none {} 0 0", fstab_word(from),
                         fstab_word(below_root(key, parts->text("mp"))), options));
    }

    static bool is_mount_option(std::string_view option) {
        static constexpr std::string_view known[] = {"noatime", "nodev",    "noexec",
                                                     "nosuid",  "lazytime", "discard"};
        return std::find(std::begin(known), std::end(known), option) != std::end(known);
    }

    // Those of the mount that the container gets; an image has its own as well.
    std::string mount_options(std::string_view key, const Properties& parts, bool image) {
        std::vector<std::string> options;
        if (parts.flag("ro")) options.emplace_back("ro");
        if (parts.has("mountoptions"))
            for (const std::string& one : split(parts.text("mountoptions"), ';')) {
                if (one == "discard" && image) continue;
                if (is_mount_option(one) && one != "discard")
                    options.push_back(one);
                else
                    warn("{}: mountoptions={} is of no use for {}", key, printable(one),
                         image ? "an image" : "a folder");
            }
        if (!image && (parts.has("acl") || parts.flag("quota")))
            warn("{}: acl and quota are those of the file system that its folder is on", key);
        if (parts.has("idmap"))
            warn("{}: idmap={} is not there: its numbers are mapped as the container's", key,
                 printable(parts.text("idmap")));
        return join(options, ",");
    }

    // Last, so that they have the last word.
    void raw_lines() {
        for (const auto& [key, value] : config_.current.entries()) {
            if (!key.starts_with("lxc.") || key == "lxc.idmap" || key.starts_with("lxc.cgroup"))
                continue;
            if (key.starts_with("lxc.apparmor.") && !facts_.apparmor) continue;
            if (const std::string why = raw_lxc_problem(key); !why.empty())
                warn("{} is not taken: {}", printable(key), why);
            else if (key == "lxc.ephemeral")
                warn("lxc.ephemeral is not taken: a guest goes by lodge destroy only");
            else if (key == "lxc.environment.hooks" || key == "lxc.kmsg")
                warn("{} is not taken: this machine's liblxc knows it not", key);
            else
                line(key == "lxc.environment.runtime" ? "lxc.environment" : key, value);
        }
    }

    const Config& config_;
    const int id_;
    const LxcFacts& facts_;
    std::optional<Properties> features_;
    LxcConfig out_;
};

}  // namespace

LxcConfig lxc_config(const Config& config, int id, const LxcFacts& facts) {
    return Maker(config, id, facts).make();
}

namespace {

struct Elsewhere {
    std::string_view key;  // "onboot", or a part: "mp.size"
    std::string_view who;
};
constexpr Elsewhere elsewhere[] = {
    {"cmode", "the console command follows it"},
    {"description", "it is for people"},
    {"hookscript", "the start and the stop run it"},
    {"hostfwd", "the network's start follows it"},
    {"lock", "commands look at it"},
    {"mp.backup", "the backup looks at it"},
    {"mp.keepattrs", "a folder keeps its owner and mode in any case"},
    {"mp.replicate", "there is no other machine to copy to"},
    {"mp.shared", "there is no other machine that could have it"},
    {"mp.size", "the volume has its size"},
    {"nameserver", "the start writes it inside"},
    {"net", "the network's start makes its lines"},
    {"onboot", "the keeper follows it at boot"},
    {"ostype", "what the start writes inside follows it"},
    {"parent", "the tree of snapshots is made of it"},
    {"protection", "commands look at it"},
    {"rootfs.replicate", "there is no other machine to copy to"},
    {"rootfs.shared", "there is no other machine that could have it"},
    {"rootfs.size", "the volume has its size"},
    {"searchdomain", "the start writes it inside"},
    {"snapstate", "the snapshot's own mark"},
    {"snaptime", "the snapshot's own mark"},
    {"startup", "the keeper follows it at boot"},
    {"tags", "they are for people"},
    {"template", "commands look at it"},
    {"timezone", "the start writes it inside"},
    {"unprivileged", "the map of numbers comes of it"},
    {"unused", "it is a volume that the container does not use"},
};

}  // namespace

std::string_view ct_key_elsewhere(std::string_view key) {
    for (const Elsewhere& one : elsewhere)
        if (one.key == key || (key.starts_with(one.key) && key[one.key.size()] == '.'))
            return one.who;
    return {};
}

}  // namespace lodge
