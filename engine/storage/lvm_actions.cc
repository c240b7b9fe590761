#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/fd.h"
#include "engine/storage/lvm_thin.h"
#include "engine/storage/volume_files.h"
#include "engine/units.h"

// The verbs of logical volumes. Each looks at what there is first, so that it minds neither being
// done again nor an undo that comes before its step.

namespace lodge {
namespace {

std::string full_name(const Values& on, const char* key = "name") {
    for (const std::string& part : {on.text("group"), on.text(key)})
        if (!is_lvm_name(part))
            fail(Exit::usage, "'{}' is no name that LVM allows", printable(part));
    return on.text("group") + "/" + on.text(key);
}

// Lvm is the group that a step works on.
class Lvm {
  public:
    Lvm(Work& work, const Values& on) : host_(work.engine().host), group_(on.text("group")) {}
    void run(std::vector<std::string> words, const std::string& what) {
        run_lvm(host_, std::move(words), what);
    }
    // Looks anew.
    std::vector<LogicalVolume> volumes() { return list_logical_volumes(host_, group_); }
    bool has(const std::string& name) { return find_volume(volumes(), name) != nullptr; }

  private:
    const Host& host_;
    std::string group_;
};

// Lines of shell, of the words that are run.
using Lines = std::vector<std::vector<std::string>>;
std::string shell(const Lines& lines) {
    std::string text;
    for (const auto& words : lines)
        text += (text.empty() ? "" : "\n") + shell_line(words);
    return text;
}
void run_all(Lvm& lvm, const Lines& lines, const std::string& what) {
    for (const auto& words : lines)
        lvm.run(words, what);
}

void expect_absent(Work& work, const Values& on) {
    const std::string name = full_name(on);
    if (Lvm(work, on).has(on.text("name")))
        fail(Exit::refused, "there is a logical volume {} already", name);
}
std::string absent_shell(const Values& on) {
    return "! lvs " + shell_quote(full_name(on)) + " 2> /dev/null";
}

Lines create_lines(const Values& on) {
    return {{"lvcreate", "-y", "-ay", "-V", on.text("bytes") + "b", "--name", on.text("name"),
             "--thinpool", full_name(on, "pool")}};
}
void create(Work& work, const Values& on) {
    Lvm lvm(work, on);
    run_all(lvm, create_lines(on), "make the logical volume " + full_name(on));
}
std::string create_shell(const Values& on) {
    return shell(create_lines(on));
}

// Writable and active, unlike what LVM makes of a snapshot by itself.
Lines clone_lines(const Values& on) {
    (void)full_name(on);
    return {
        {"lvcreate", "-y", "-n", on.text("name"), "-prw", "-kn", "-s", full_name(on, "source")}};
}
void clone(Work& work, const Values& on) {
    Lvm lvm(work, on);
    run_all(lvm, clone_lines(on), "make the logical volume " + full_name(on));
}
std::string clone_shell(const Values& on) {
    return shell(clone_lines(on));
}

Lines snapshot_lines(const Values& on) {
    (void)full_name(on);
    return {{"lvcreate", "-y", "-n", on.text("name"), "-pr", "-ky", "-s", full_name(on, "source")}};
}
void make_snapshot(Work& work, const Values& on) {
    Lvm lvm(work, on);
    run_all(lvm, snapshot_lines(on), "make the snapshot " + full_name(on));
}
std::string snapshot_shell(const Values& on) {
    return shell(snapshot_lines(on));
}

// What takes a volume's place until it has its name.
std::string place_of(const Values& on) {
    return "lodge_" + on.text("name");
}
Lines rollback_lines(const Values& on) {
    return {{"lvcreate", "-y", "-n", place_of(on), "-prw", "-kn", "-s", full_name(on, "snapshot")},
            {"lvremove", "-f", "-y", full_name(on)},
            {"lvrename", on.text("group"), place_of(on), on.text("name")}};
}
// The copy of the snapshot is made first: a crash leaves the disk as it was, or its copy, and the
// same step once more goes on from either.
void roll_back(Work& work, const Values& on) {
    Lvm lvm(work, on);
    const std::string what = fmt::format("bring {} back", full_name(on));
    const std::string place = on.text("group") + "/" + place_of(on);
    const Lines lines = rollback_lines(on);
    auto volumes = lvm.volumes();
    const bool there = find_volume(volumes, on.text("name")) != nullptr;
    bool copied = find_volume(volumes, place_of(on)) != nullptr;
    if (!find_volume(volumes, on.text("snapshot")) && !(copied && !there))
        fail(Exit::not_found, "cannot {}: {} is not there", what, full_name(on, "snapshot"));
    if (copied && there) {
        lvm.run({"lvremove", "-f", "-y", place}, what);
        copied = false;
    }
    if (!copied) lvm.run(lines[0], what);
    if (there) {
        try {
            lvm.run(lines[1], what);
        } catch (const Error&) {
            lvm.run({"lvremove", "-f", "-y", place}, what);
            throw;
        }
    }
    lvm.run(lines[2], what);
}
std::string rollback_shell(const Values& on) {
    return shell(rollback_lines(on));
}

void remove(Work& work, const Values& on) {
    Lvm lvm(work, on);
    const std::string what = "remove the logical volume " + full_name(on);
    const auto volumes = lvm.volumes();
    if (on.flag("snapshots"))
        for (const LogicalVolume& one : volumes)
            if (one.kind == 'V' && one.name.starts_with(lvm_snapshot_name(on.text("name"), "")))
                lvm.run({"lvremove", "-f", "-y", on.text("group") + "/" + one.name}, what);
    if (find_volume(volumes, on.text("name")))
        lvm.run({"lvremove", "-f", "-y", full_name(on)}, what);
}
std::string remove_shell(const Values& on) {
    std::string text = shell_line({"lvremove", "-f", "-y", full_name(on)});
    if (on.flag("snapshots"))
        text += "  # and before: " + on.text("group") + "/" +
                lvm_snapshot_name(on.text("name"), "") + "*";
    return text;
}

void drop(Work& work, const Values& on) {
    if (is_named_by_guest(work.engine(), static_cast<int>(on.integer("guest")),
                          on.text("volume"))) {
        work.say("kept " + on.text("volume") + ": the guest's configuration names it");
        return;
    }
    remove(work, on);
}

void rename(Work& work, const Values& on) {
    Lvm lvm(work, on);
    const std::string from = full_name(on, "from"), to = full_name(on, "to");
    const auto volumes = lvm.volumes();
    if (!find_volume(volumes, on.text("from")) && find_volume(volumes, on.text("to"))) return;
    lvm.run({"lvrename", on.text("group"), on.text("from"), on.text("to")},
            fmt::format("rename {} to {}", from, to));
}
std::string rename_shell(const Values& on) {
    return shell_line({"lvrename", on.text("group"), on.text("from"), on.text("to")});
}

Lines protect_lines(const Values& on) {
    return {{"lvchange", "-y", "-an", "-pr", "-ky", full_name(on)}};
}
void protect(Work& work, const Values& on) {
    Lvm lvm(work, on);
    run_all(lvm, protect_lines(on), "make read-only " + full_name(on));
}
std::string protect_shell(const Values& on) {
    return shell(protect_lines(on));
}
Lines unprotect_lines(const Values& on) {
    return {{"lvchange", "-y", "-prw", "-kn", full_name(on)},
            {"lvchange", "-y", "-ay", full_name(on)}};
}
void unprotect(Work& work, const Values& on) {
    Lvm lvm(work, on);
    const auto volumes = lvm.volumes();
    const LogicalVolume* volume = find_volume(volumes, on.text("name"));
    if (!volume || (volume->writable && !volume->skips_activation && volume->active)) return;
    // lvchange refuses to set what is set already.
    const Lines lines = unprotect_lines(on);
    if (!volume->writable || volume->skips_activation)
        lvm.run(lines[0], "make writable " + full_name(on));
    lvm.run(lines[1], "make writable " + full_name(on));
}
std::string unprotect_shell(const Values& on) {
    return shell(unprotect_lines(on));
}

Lines resize_lines(const Values& on) {
    if (on.flag("shrink"))
        return {{"lvreduce", "-f", "-y", "-L", on.text("bytes") + "b", full_name(on)}};
    return {{"lvextend", "-L", on.text("bytes") + "b", full_name(on)}};
}
// How many bytes the ext4 in it takes; 0 for none. Blocks and their size: struct ext4_super_block
// in fs/ext4/ext4.h.
int64_t ext4_bytes(const std::string& path) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::array<unsigned char, 96> head{};
    if (!fd ||
        ::pread(fd.get(), head.data(), head.size(), 1024) != static_cast<ssize_t>(head.size()))
        return 0;
    const auto number = [&](size_t at) {
        return static_cast<int64_t>(head[at]) | static_cast<int64_t>(head[at + 1]) << 8 |
               static_cast<int64_t>(head[at + 2]) << 16 | static_cast<int64_t>(head[at + 3]) << 24;
    };
    if (head[56] != 0x53 || head[57] != 0xef || number(24) > 6) return 0;
    return number(4) << (10 + number(24));
}
void resize(Work& work, const Values& on) {
    Lvm lvm(work, on);
    const auto volumes = lvm.volumes();
    const LogicalVolume* volume = find_volume(volumes, on.text("name"));
    if (!volume) fail(Exit::not_found, "there is no logical volume {}", full_name(on));
    const int64_t bytes = on.integer("bytes");
    // An undo may come before its step, and LVM calls what it would leave alone a mistake.
    if (on.flag("shrink") ? volume->size <= bytes : volume->size >= bytes) return;
    if (on.flag("file-system") && ext4_bytes("/dev/" + full_name(on)) > bytes) {
        work.say(full_name(on) + " stays larger: its file system has grown already");
        return;
    }
    run_all(lvm, resize_lines(on),
            fmt::format("make {} {} large", full_name(on), print_size(bytes)));
}
std::string resize_shell(const Values& on) {
    return shell(resize_lines(on));
}

Lines activate_lines(const Values& on) {
    return {{"lvchange", "-ay", "-K", full_name(on)}};
}
void activate(Work& work, const Values& on) {
    Lvm lvm(work, on);
    run_all(lvm, activate_lines(on), "activate " + full_name(on));
}
std::string activate_shell(const Values& on) {
    return shell(activate_lines(on));
}

constexpr ActionKind kinds[] = {
    // group name
    {"lvm-absent", expect_absent, absent_shell},
    // group pool name bytes
    {"lvm-create", create, create_shell},
    // group name volume guest: removes what a broken-off plan made, unless the guest has it by now
    {"lvm-drop", drop, remove_shell},
    // group source name
    {"lvm-clone", clone, clone_shell},
    {"lvm-snapshot", make_snapshot, snapshot_shell},
    // group name snapshot
    {"lvm-rollback", roll_back, rollback_shell},
    // group name [snapshots]
    {"lvm-remove", remove, remove_shell},
    // group from to
    {"lvm-rename", rename, rename_shell},
    // group name
    {"lvm-protect", protect, protect_shell},
    {"lvm-unprotect", unprotect, unprotect_shell},
    // group name bytes [shrink] [file-system: not below that of an ext4 in it]
    {"lvm-resize", resize, resize_shell},
    // group name
    {"lvm-activate", activate, activate_shell},
};

}  // namespace

std::span<const ActionKind> lvm_actions() {
    return kinds;
}

}  // namespace lodge
