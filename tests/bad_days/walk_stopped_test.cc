#include "engine/vm/demo.h"
#include "engine/vm/disks.h"
#include "tests/bad_days/walk.h"

// Commands on guests that do not run, killed at every step.

namespace lodge {
namespace {

using Texts = std::vector<std::string>;
const Texts every = {"begin", "done", "undo"};
const Texts starts = {"begin", "undo"};
const Texts ends = {"done", "undone"};

void one_guest(Walk& walk) {
    walk.make_guest(101);
}
bool has(Walk& walk, int id, const std::string& text) {
    return walk.config(id).find(text) != std::string::npos;
}
void snapshot(Walk& walk, const std::string& name) {
    walk.carry_out(walk.vm().snapshot(walk.engine, walk.guest(101), {{"name", name}}));
}
void second_storage(Walk& walk) {
    const std::string folder = walk.scratch.folder.path() + "/two";
    walk.host.make_folder(folder);
    walk.host.write(walk.host.config_folder() + "/storage.cfg",
                    "dir: two\n\tpath " + folder + "\n\tcontent images\n");
    walk.engine.storages.forget();
}

TEST(CrashWalk, Create) {
    const auto plan = [](Walk& walk) {
        const bool firmware = walk.host.exists("/usr/share/OVMF/OVMF_CODE_4M.fd");
        return walk.vm().create(walk.engine, 101,
                                {{"name", "new"},
                                 {"disk", "16M"},
                                 {"uefi", firmware},
                                 {"tpm", true},
                                 {"user", "me"},
                                 {"net", "none"}});
    };
    crash_walk({[](Walk&) {}, plan, [](Walk& walk) { return walk.has_guest(101); }}, starts);
}

TEST(CrashWalk, CreateRaw) {
    const auto plan = [](Walk& walk) {
        return walk.vm().create(
            walk.engine, 101,
            {{"name", "new"}, {"disk", "16M"}, {"format", "raw"}, {"net", "none"}});
    };
    crash_walk({[](Walk&) {}, plan, [](Walk& walk) { return walk.has_guest(101); }}, ends);
}

TEST(CrashWalk, SetStopped) {
    const auto plan = [](Walk& walk) {
        return walk.vm().set(walk.engine, walk.guest(101),
                             {{"values", Texts{"memory=48", "tags=a", "scsi1=local:1"}}});
    };
    crash_walk({one_guest, plan, [](Walk& walk) { return has(walk, 101, "memory: 48\n"); }}, every);
}

TEST(CrashWalk, Snapshot) {
    const auto plan = [](Walk& walk) {
        return walk.vm().snapshot(walk.engine, walk.guest(101), {{"name", "one"}});
    };
    const auto before = [](Walk& walk) {
        one_guest(walk);
        walk.carry_out(disk_create(walk.engine, walk.guest(101), {{"size", "8M"}}));
    };
    crash_walk({before, plan, [](Walk& walk) { return has(walk, 101, "[one]"); }}, starts);
}

TEST(CrashWalk, Rollback) {
    const auto before = [](Walk& walk) {
        one_guest(walk);
        snapshot(walk, "one");
        walk.carry_out(walk.vm().set(walk.engine, walk.guest(101), {{"values", Texts{"cores=3"}}}));
    };
    const auto plan = [](Walk& walk) {
        return walk.vm().rollback(walk.engine, walk.guest(101), {{"name", "one"}});
    };
    crash_walk({before, plan, [](Walk& walk) { return !has(walk, 101, "cores: 3"); }}, every);
}

TEST(CrashWalk, DeleteSnapshot) {
    const auto before = [](Walk& walk) {
        one_guest(walk);
        snapshot(walk, "one");
        snapshot(walk, "two");
    };
    const auto plan = [](Walk& walk) {
        return walk.vm().delete_snapshot(walk.engine, walk.guest(101), {{"name", "one"}});
    };
    crash_walk({before, plan, [](Walk& walk) { return !has(walk, 101, "[one]"); }}, every);
}

TEST(CrashWalk, CloneWhole) {
    const auto plan = [](Walk& walk) {
        return walk.vm().clone(walk.engine, walk.guest(101), {{"id", 102}, {"full", true}});
    };
    crash_walk({one_guest, plan, [](Walk& walk) { return walk.has_guest(102); }}, every);
}

TEST(CrashWalk, Template) {
    const auto plan = [](Walk& walk) {
        return walk.vm().make_template(walk.engine, walk.guest(101), {});
    };
    crash_walk({one_guest, plan, [](Walk& walk) { return has(walk, 101, "template: 1"); }}, every);
}

TEST(CrashWalk, CloneLinked) {
    const auto before = [](Walk& walk) {
        one_guest(walk);
        walk.carry_out(walk.vm().make_template(walk.engine, walk.guest(101), {}));
    };
    const auto plan = [](Walk& walk) {
        return walk.vm().clone(walk.engine, walk.guest(101), {{"id", 102}});
    };
    crash_walk({before, plan, [](Walk& walk) { return walk.has_guest(102); }}, every);
}

TEST(CrashWalk, DiskCreate) {
    const auto plan = [](Walk& walk) {
        return disk_create(walk.engine, walk.guest(101), {{"size", "8M"}});
    };
    crash_walk({one_guest, plan, [](Walk& walk) { return has(walk, 101, "scsi1: "); }}, every);
}

TEST(CrashWalk, DiskGrow) {
    const auto plan = [](Walk& walk) {
        return disk_resize(walk.engine, walk.guest(101), {{"key", "scsi0"}, {"size", "24M"}});
    };
    crash_walk({one_guest, plan, [](Walk& walk) { return has(walk, 101, "size=24M"); }}, every);
}

TEST(CrashWalk, DiskShrink) {
    const auto plan = [](Walk& walk) {
        return disk_resize(walk.engine, walk.guest(101),
                           {{"key", "scsi0"}, {"size", "8M"}, {"shrink", true}});
    };
    crash_walk({one_guest, plan, [](Walk& walk) { return has(walk, 101, "size=8M"); }}, every);
}

TEST(CrashWalk, DiskMove) {
    const auto before = [](Walk& walk) {
        one_guest(walk);
        second_storage(walk);
    };
    const auto plan = [](Walk& walk) {
        return disk_move(walk.engine, walk.guest(101),
                         {{"key", "scsi0"}, {"storage", "two"}, {"format", "raw"}});
    };
    crash_walk({before, plan, [](Walk& walk) { return has(walk, 101, "scsi0: two:"); }}, every);
}

TEST(CrashWalk, DiskImport) {
    const auto before = [](Walk& walk) {
        one_guest(walk);
        const std::string image = walk.scratch.folder.path() + "/image";
        walk.host.write(image, std::string(1 << 20, 'x'));
    };
    const auto plan = [](Walk& walk) {
        return disk_import(
            walk.engine, walk.guest(101),
            {{"file", walk.scratch.folder.path() + "/image"}, {"source-format", "raw"}});
    };
    crash_walk({before, plan, [](Walk& walk) { return has(walk, 101, "scsi1: "); }}, every);
}

TEST(CrashWalk, DiskDetachAndDelete) {
    const auto detach = [](Walk& walk) {
        return disk_detach(walk.engine, walk.guest(101), {{"key", "scsi0"}});
    };
    crash_walk({one_guest, detach, [](Walk& walk) { return has(walk, 101, "unused0: "); }}, every);
    const auto remove = [](Walk& walk) {
        return disk_delete(walk.engine, walk.guest(101), {{"key", "scsi0"}});
    };
    crash_walk({one_guest, remove, [](Walk& walk) { return walk.volumes().empty(); }}, every);
}

TEST(CrashWalk, Destroy) {
    const auto before = [](Walk& walk) {
        one_guest(walk);
        walk.carry_out(disk_create(walk.engine, walk.guest(101), {{"size", "8M"}}));
        snapshot(walk, "one");
    };
    const auto plan = [](Walk& walk) {
        return walk.vm().destroy(walk.engine, walk.guest(101), {});
    };
    crash_walk({before, plan, [](Walk& walk) { return !walk.has_guest(101); }}, every);
}

TEST(CrashWalk, Demo) {
    if (Walk walk; demo_kernels(walk.host).empty()) GTEST_SKIP() << "no kernel in /boot";
    const auto make = [](Walk& walk) { return demo_plan(walk.engine, {{"no-start", true}}); };
    crash_walk({[](Walk&) {}, make, [](Walk& walk) { return walk.has_guest(100); }}, {"begin"});
    const auto before = [&](Walk& walk) { walk.carry_out(make(walk)); };
    const auto remove = [](Walk& walk) { return demo_remove_plan(walk.engine, {}); };
    crash_walk({before, remove, [](Walk& walk) { return !walk.has_guest(100); }}, {"done"});
}

}  // namespace
}  // namespace lodge
