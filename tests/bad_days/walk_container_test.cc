#include "engine/cgroup.h"
#include "engine/container/container.h"
#include "engine/container/facts.h"
#include "engine/container/life.h"
#include "engine/units.h"
#include "tests/bad_days/walk.h"
#include "tests/support/container.h"

// Commands on containers, killed at every step; and what else happens to them on bad days.

namespace lodge {
namespace {

using Texts = std::vector<std::string>;
const Texts starts = {"begin", "undo"};
const Texts ends = {"done", "undone"};
const Texts forward = {"begin", "done"};
const Texts every = {"begin", "done", "undo"};
const Texts crash = {"begin", "done", "done with guests"};

class ContainerDays : public testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "only root makes containers without systemd";
        if (!host_.program("busybox")) GTEST_SKIP() << "busybox-static is not installed";
        if (group_roots(host_).version1.empty() && group_roots(host_).version2.empty())
            GTEST_SKIP() << "this machine has no control groups";
        if (!ids_.ready()) GTEST_SKIP() << "this kernel gives us no mount namespace";
        loops_ = host_.exists("/dev/loop-control");
    }
    // Of no test's container is anything left in the kernel.
    void TearDown() override {
        for (const auto& [controller, root] : group_roots(host_).version1)
            EXPECT_FALSE(host_.exists(root + "/" + guests_group(host_))) << root;
    }
    ScratchEngine scratch_;
    const Host& host_ = scratch_.host;
    OwnIds ids_{scratch_.folder.path()};
    bool loops_ = false;
};

const Values image{{"disk", "0.03125"}};

void one(Walk& walk) {
    walk.make_container(101);
}
void one_image(Walk& walk) {
    walk.make_container(101, image);
}
void running(Walk& walk) {
    one(walk);
    walk.start(101);
}
bool runs(Walk& walk) {
    return walk.state(101) == "running";
}
bool has_ended(Walk& walk) {
    return !walk.runs(101) && !walk.host.exists(guest_run_folder(walk.host, 101));
}
bool has(Walk& walk, int id, const std::string& text) {
    return walk.config(id).find(text) != std::string::npos;
}
void snapshot(Walk& walk, const std::string& name) {
    walk.carry_out(walk.ct().snapshot(walk.engine, walk.guest(101), {{"name", name}}));
}

TEST_F(ContainerDays, Create) {
    const auto plan = [](Walk& walk) {
        return walk.ct().create(walk.engine, 101, {{"template", "demo"}, {"net", "none"}});
    };
    crash_walk({[](Walk&) {}, plan, [](Walk& walk) { return walk.has_guest(101); }}, every);
}

TEST_F(ContainerDays, CreateInAnImage) {
    if (!loops_) GTEST_SKIP() << "this kernel has no loop devices";
    const auto plan = [](Walk& walk) {
        return walk.ct().create(walk.engine, 101,
                                {{"template", "demo"}, {"net", "none"}, {"disk", "0.03125"}});
    };
    crash_walk({[](Walk&) {}, plan, [](Walk& walk) { return walk.has_guest(101); }}, every);
}

TEST_F(ContainerDays, CreateFromAFolder) {
    const auto before = [](Walk& walk) {
        walk.host.write(walk.scratch.folder.path() + "/tree/etc/file", "words");
    };
    const auto plan = [](Walk& walk) {
        return walk.ct().create(
            walk.engine, 101,
            {{"template", walk.scratch.folder.path() + "/tree"}, {"net", "none"}});
    };
    crash_walk({before, plan, [](Walk& walk) { return walk.has_guest(101); }}, starts);
}

TEST_F(ContainerDays, Start) {
    const auto plan = [](Walk& walk) { return walk.ct().start(walk.engine, walk.guest(101), {}); };
    crash_walk({one, plan, runs}, {"begin", "done", "undo", "done with guests"});
}

TEST_F(ContainerDays, StartOfAnImage) {
    if (!loops_) GTEST_SKIP() << "this kernel has no loop devices";
    const auto plan = [](Walk& walk) { return walk.ct().start(walk.engine, walk.guest(101), {}); };
    crash_walk({one_image, plan, runs}, {"begin", "done with guests"});
}

TEST_F(ContainerDays, ShutdownAndStop) {
    const auto shutdown = [](Walk& walk) {
        return walk.ct().shutdown(walk.engine, walk.guest(101), {{"timeout", 0}, {"force", true}});
    };
    crash_walk({running, shutdown, has_ended}, forward);
    const auto stop = [](Walk& walk) {
        return walk.ct().stop(walk.engine, walk.guest(101), {{"force", true}});
    };
    crash_walk({running, stop, has_ended}, forward);
}

TEST_F(ContainerDays, Pause) {
    const auto plan = [](Walk& walk) {
        return walk.ct().suspend(walk.engine, walk.guest(101), {});
    };
    crash_walk({running, plan, [](Walk& walk) { return walk.state(101) == "paused"; }}, every);
}

TEST_F(ContainerDays, SetWhileItRuns) {
    const auto plan = [](Walk& walk) {
        return walk.ct().set(walk.engine, walk.guest(101),
                             {{"values", Texts{"memory=48", "tty=3", "mp0=local:1,mp=/srv"}}});
    };
    crash_walk({running, plan, [](Walk& walk) { return has(walk, 101, "memory: 48"); }}, every);
}

TEST_F(ContainerDays, SnapshotOfARunningOne) {
    const auto plan = [](Walk& walk) {
        return walk.ct().snapshot(walk.engine, walk.guest(101), {{"name", "one"}});
    };
    crash_walk({running, plan, [](Walk& walk) { return has(walk, 101, "[one]"); }}, every);
}

TEST_F(ContainerDays, SnapshotOfAnImage) {
    if (!loops_) GTEST_SKIP() << "this kernel has no loop devices";
    const auto plan = [](Walk& walk) {
        return walk.ct().snapshot(walk.engine, walk.guest(101), {{"name", "one"}});
    };
    crash_walk({one_image, plan, [](Walk& walk) { return has(walk, 101, "[one]"); }}, every);
}

TEST_F(ContainerDays, Rollback) {
    for (auto* const make : {&one, &one_image}) {
        if (make == &one_image && !loops_) continue;
        const auto before = [make](Walk& walk) {
            (*make)(walk);
            snapshot(walk, "one");
            walk.carry_out(
                walk.ct().set(walk.engine, walk.guest(101), {{"values", Texts{"cores=1"}}}));
        };
        const auto plan = [](Walk& walk) {
            return walk.ct().rollback(walk.engine, walk.guest(101), {{"name", "one"}});
        };
        crash_walk({before, plan, [](Walk& walk) { return !has(walk, 101, "cores: 1"); }}, every);
    }
}

TEST_F(ContainerDays, DeleteSnapshot) {
    const auto before = [](Walk& walk) {
        one(walk);
        snapshot(walk, "one");
        snapshot(walk, "two");
    };
    const auto plan = [](Walk& walk) {
        return walk.ct().delete_snapshot(walk.engine, walk.guest(101), {{"name", "one"}});
    };
    crash_walk({before, plan, [](Walk& walk) { return !has(walk, 101, "[one]"); }}, every);
}

TEST_F(ContainerDays, Clone) {
    const auto plan = [](Walk& walk) {
        return walk.ct().clone(walk.engine, walk.guest(101), {{"id", 102}});
    };
    crash_walk({one, plan, [](Walk& walk) { return walk.has_guest(102); }}, starts);
    if (!loops_) return;
    crash_walk({one_image, plan, [](Walk& walk) { return walk.has_guest(102); }}, ends);
}

TEST_F(ContainerDays, Template) {
    const auto plan = [](Walk& walk) {
        return walk.ct().make_template(walk.engine, walk.guest(101), {});
    };
    crash_walk({one, plan, [](Walk& walk) { return has(walk, 101, "template: 1"); }}, every);
}

TEST_F(ContainerDays, Resize) {
    if (!loops_) GTEST_SKIP() << "this kernel has no loop devices";
    const auto plan = [](Walk& walk) {
        return ct_resize_plan(walk.engine, walk.guest(101),
                              {{"key", "rootfs"}, {"size", "0.0625"}});
    };
    crash_walk({one_image, plan, [](Walk& walk) { return has(walk, 101, "size=64M"); }}, every);
}

TEST_F(ContainerDays, MountAndUnmount) {
    const auto mount = [](Walk& walk) { return ct_mount_plan(walk.engine, walk.guest(101), {}); };
    const auto is_mounted = [](Walk& walk) {
        return walk.host.exists(ct_mount_place(walk.host, 101) + "/bin/busybox");
    };
    const auto unmount = [](Walk& walk) {
        return ct_unmount_plan(walk.engine, walk.guest(101), {});
    };
    const auto away = [&](Walk& walk) { return !is_mounted(walk) && !has(walk, 101, "lock: "); };
    crash_walk({one, mount, is_mounted}, every);
    const auto before = [&](Walk& walk) {
        one(walk);
        walk.carry_out(mount(walk));
    };
    crash_walk({before, unmount, away}, forward);
}

TEST_F(ContainerDays, Push) {
    const auto plan = [](Walk& walk) {
        const std::string file = walk.scratch.folder.path() + "/given";
        walk.host.write(file, "words");
        return ct_push_plan(walk.engine, walk.guest(101), {{"file", file}, {"path", "/root/"}});
    };
    const auto there = [](Walk& walk) {
        const std::string root =
            walk.host.state_folder() + "/images/101/subvol-101-disk-0.subvol/root";
        return walk.host.list(root) == Texts{"given"};
    };
    crash_walk({one, plan, there}, every);
}

TEST_F(ContainerDays, Destroy) {
    const auto before = [](Walk& walk) {
        running(walk);
        snapshot(walk, "one");
    };
    const auto plan = [](Walk& walk) {
        return walk.ct().destroy(walk.engine, walk.guest(101), {{"force", true}});
    };
    crash_walk({before, plan, [](Walk& walk) { return !walk.has_guest(101); }}, forward);
}

TEST_F(ContainerDays, TwoCreatesAtOnce) {
    Walk walk;
    const Values words{{"template", "demo"}, {"net", "none"}};
    const Plan first = walk.ct().create(walk.engine, 101, words),
               second = walk.ct().create(walk.engine, 101, words);
    const int one_job = walk.engine.jobs.start(walk.engine, first);
    const int other_job = walk.engine.jobs.start(walk.engine, second);
    int made = 0;
    for (const int number : {one_job, other_job}) {
        const JobRecord record = walk.engine.jobs.follow(number, {});
        made += record.state == JobState::done ? 1 : 0;
        EXPECT_TRUE(record.state == JobState::done || record.exit == Exit::busy) << record.error;
    }
    EXPECT_EQ(made, 1);
    EXPECT_EQ(join(walk.faults(), "; "), "");
    walk.start(101);
    EXPECT_TRUE(runs(walk));
}

TEST_F(ContainerDays, AGroupThatWasTakenAwayIsNoTrouble) {
    Walk walk;
    running(walk);
    // Someone tidied up: the container's processes stand where they were put.
    for (const auto& [controller, root] : group_roots(walk.host).version1) {
        const std::string group = ct_group(walk.host, 101, controller);
        if (group.empty()) continue;
        for (const std::string& pid :
             split(walk.host.read(group + "/ns/cgroup.procs").value_or(""), '\n'))
            if (!pid.empty()) std::ofstream(root + "/cgroup.procs") << pid << std::flush;
        ::rmdir((group + "/ns").c_str());
        ::rmdir(group.c_str());
    }
    EXPECT_EQ(walk.lodge({"list"}).status, 0);
    EXPECT_EQ(walk.lodge({"show", "101"}).status, 0);
    EXPECT_TRUE(runs(walk));
    const Outcome set = walk.lodge({"set", "101", "memory=40"});
    EXPECT_TRUE(set.status == 0 || !set.trouble.empty());
    EXPECT_EQ(walk.lodge({"stop", "101", "--yes"}).status, 0);
    EXPECT_TRUE(has_ended(walk));
    walk.start(101);
    EXPECT_TRUE(runs(walk));
}

// A file of a user whose number the container does not have.
TEST_F(ContainerDays, NumbersThatAreNotThereAreSaidInWords) {
    Walk walk;
    const std::string tree = walk.scratch.folder.path() + "/tree";
    walk.host.write(tree + "/etc/file", "words");
    ASSERT_EQ(::chown((tree + "/etc/file").c_str(), 70000, 70000), 0);
    const Plan plan = walk.ct().create(walk.engine, 101, {{"template", tree}, {"net", "none"}});
    const int number = walk.engine.jobs.start(walk.engine, plan);
    const JobRecord record = walk.engine.jobs.follow(number, {});
    EXPECT_EQ(record.state, JobState::failed);
    EXPECT_NE(record.error.find("id map does not hold"), std::string::npos) << record.error;
    EXPECT_FALSE(walk.has_guest(101));
    EXPECT_EQ(join(walk.faults(), "; "), "");
}

}  // namespace
}  // namespace lodge
