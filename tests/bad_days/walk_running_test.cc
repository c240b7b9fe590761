#include "engine/units.h"
#include "engine/vm/disks.h"
#include "engine/vm/vm.h"
#include "tests/bad_days/walk.h"

// Commands on guests with a real QEMU, killed at every step.

namespace lodge {
namespace {

using Texts = std::vector<std::string>;
const Texts forward = {"begin", "done"};
const Texts every = {"begin", "done", "undo"};
const Texts crash = {"begin", "done", "begin with guests", "done with guests"};
const Texts every_crash = {"begin", "done", "undo", "begin with guests", "done with guests"};

void one_guest(Walk& walk) {
    walk.make_guest(101);
}
void running_guest(Walk& walk) {
    walk.make_guest(101);
    walk.start(101);
}
bool has(Walk& walk, int id, const std::string& text) {
    return walk.config(id).find(text) != std::string::npos;
}
bool runs(Walk& walk) {
    return walk.state(101) == "running";
}
void let_run(Walk& walk) {
    if (!walk.runs(101)) walk.start(101);
}
bool has_ended(Walk& walk) {
    return !walk.runs(101) && !walk.host.exists(guest_run_folder(walk.host, 101));
}

TEST(CrashWalk, Start) {
    const auto plan = [](Walk& walk) { return walk.vm().start(walk.engine, walk.guest(101), {}); };
    crash_walk({one_guest, plan, runs}, every_crash);
}

TEST(CrashWalk, StartWithTpmAndCloudInit) {
    const auto before = [](Walk& walk) {
        walk.make_guest(
            101, {"tpmstate0=local:0.004,version=v2.0", "ide2=local:cloudinit", "ciuser=me"});
        walk.carry_out(walk.vm().set(walk.engine, walk.guest(101), {{"values", Texts{"cores=2"}}}));
    };
    const auto plan = [](Walk& walk) { return walk.vm().start(walk.engine, walk.guest(101), {}); };
    crash_walk({before, plan, runs}, forward);
}

TEST(CrashWalk, CreateAndStart) {
    const auto plan = [](Walk& walk) {
        return walk.vm().create(walk.engine, 101,
                                {{"values", Texts{"memory=32", "vga=none", "cpu=kvm64"}},
                                 {"disk", "16M"},
                                 {"net", "none"},
                                 {"start", true}});
    };
    crash_walk({[](Walk&) {}, plan, [](Walk& walk) { return walk.has_guest(101); }}, forward);
}

TEST(CrashWalk, Stop) {
    const auto plan = [](Walk& walk) { return walk.vm().stop(walk.engine, walk.guest(101), {}); };
    crash_walk({running_guest, plan, has_ended}, forward);
}

TEST(CrashWalk, Shutdown) {
    const auto plan = [](Walk& walk) {
        return walk.vm().shutdown(walk.engine, walk.guest(101), {{"timeout", 0}, {"force", true}});
    };
    crash_walk({running_guest, plan, has_ended}, forward);
}

TEST(CrashWalk, SetLive) {
    const auto plan = [](Walk& walk) {
        return walk.vm().set(walk.engine, walk.guest(101),
                             {{"values", Texts{"cores=2", "scsi1=local:0.01", "tags=a"}}});
    };
    crash_walk({running_guest, plan, [](Walk& walk) { return has(walk, 101, "scsi1: "); }},
               every_crash);
}

TEST(CrashWalk, SnapshotLive) {
    const auto plan = [](Walk& walk) {
        return walk.vm().snapshot(walk.engine, walk.guest(101), {{"name", "one"}});
    };
    crash_walk({running_guest, plan, [](Walk& walk) { return has(walk, 101, "[one]"); }}, forward);
}

TEST(CrashWalk, SnapshotWithMemory) {
    const auto plan = [](Walk& walk) {
        let_run(walk);
        return walk.vm().snapshot(walk.engine, walk.guest(101), {{"name", "one"}, {"ram", true}});
    };
    const auto achieved = [](Walk& walk) {
        if (!has(walk, 101, "[one]")) return false;
        let_run(walk);
        return runs(walk);
    };
    crash_walk({running_guest, plan, achieved}, every_crash);
}

TEST(CrashWalk, RollbackToMemory) {
    const auto before = [](Walk& walk) {
        running_guest(walk);
        walk.carry_out(
            walk.vm().snapshot(walk.engine, walk.guest(101), {{"name", "one"}, {"ram", true}}));
        walk.carry_out(walk.vm().set(walk.engine, walk.guest(101), {{"values", Texts{"tags=a"}}}));
    };
    const auto plan = [](Walk& walk) {
        return walk.vm().rollback(walk.engine, walk.guest(101), {{"name", "one"}});
    };
    const auto achieved = [](Walk& walk) {
        return !has(walk, 101, "tags: a") && !has(walk, 101, "lock: ") && runs(walk);
    };
    crash_walk({before, plan, achieved}, crash);
}

TEST(CrashWalk, DeleteSnapshotLive) {
    const auto before = [](Walk& walk) {
        running_guest(walk);
        walk.carry_out(
            walk.vm().snapshot(walk.engine, walk.guest(101), {{"name", "one"}, {"ram", true}}));
    };
    const auto plan = [](Walk& walk) {
        return walk.vm().delete_snapshot(walk.engine, walk.guest(101), {{"name", "one"}});
    };
    crash_walk({before, plan, [](Walk& walk) { return !has(walk, 101, "[one]"); }}, forward);
}

TEST(CrashWalk, SuspendToDisk) {
    const auto plan = [](Walk& walk) {
        let_run(walk);
        return walk.vm().suspend(walk.engine, walk.guest(101), {{"to-disk", true}});
    };
    const auto achieved = [](Walk& walk) {
        return walk.state(101) == "suspended" && walk.volumes().size() == 2;
    };
    crash_walk({running_guest, plan, achieved}, every_crash);
}

TEST(CrashWalk, GoOnFromDisk) {
    const auto before = [](Walk& walk) {
        running_guest(walk);
        walk.carry_out(walk.vm().suspend(walk.engine, walk.guest(101), {{"to-disk", true}}));
    };
    const auto plan = [](Walk& walk) { return walk.vm().start(walk.engine, walk.guest(101), {}); };
    const auto achieved = [](Walk& walk) { return runs(walk) && !has(walk, 101, "vmstate"); };
    crash_walk({before, plan, achieved}, crash);
}

// The steps are not all: this one ends in its middle, when the configuration has forgotten the
// memory and nobody can say whether the guest has moved on.
TEST(CrashWalk, GoOnFromDiskHalfDone) {
    Walk walk;
    running_guest(walk);
    walk.carry_out(walk.vm().suspend(walk.engine, walk.guest(101), {{"to-disk", true}}));
    const Plan plan = walk.vm().start(walk.engine, walk.guest(101), {});
    const auto record = walk.kill_job(plan, fmt::format("{}:begin", plan.steps.size() - 1));
    walk.engine.store.change("qemu-server", 101, walk.vm().schema(), [](Config& config) {
        for (const char* key : {"lock", "vmstate", "runningmachine", "runningcpu"})
            config.current.erase(key);
    });
    walk.kill_guests();
    const Outcome clean = walk.lodge({"job", "clean", std::to_string(record.number), "--yes"});
    EXPECT_EQ(clean.status, 0) << clean.output << clean.trouble;
    EXPECT_EQ(join(walk.faults(), "; "), "");
    walk.start(101);
    EXPECT_EQ(walk.state(101), "running");
}

TEST(CrashWalk, DestroyRunning) {
    const auto plan = [](Walk& walk) {
        return walk.vm().destroy(walk.engine, walk.guest(101), {{"force", true}});
    };
    crash_walk({running_guest, plan, [](Walk& walk) { return !walk.has_guest(101); }}, forward);
}

}  // namespace
}  // namespace lodge
