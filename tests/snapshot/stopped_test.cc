#include "tests/snapshot/vm_fixture.h"

namespace lodge {
namespace {

using Names = std::vector<std::string>;

TEST(Stopped, goes_back_and_forth) {
    DiskGuest vm;
    vm.write_disk(1);
    vm.snapshot("first");
    EXPECT_EQ(vm.key("parent"), "first");
    EXPECT_EQ(vm.key("lock"), "");
    EXPECT_EQ(vm.disk_snapshots(), Names{"first"});
    vm.write_disk(2);
    vm.set({"memory=64"});
    vm.snapshot("second");
    vm.rollback("first");
    EXPECT_TRUE(vm.disk_holds(1));
    EXPECT_EQ(vm.key("memory"), "32");
    EXPECT_EQ(vm.key("parent"), "first");
    vm.rollback("second");
    EXPECT_TRUE(vm.disk_holds(2));
    EXPECT_EQ(vm.key("memory"), "64");
    vm.delete_snapshot("first");
    EXPECT_EQ(vm.disk_snapshots(), Names{"second"});
    EXPECT_FALSE(vm.guest().config.snapshot("second")->has("parent"));
    vm.rollback("second");
    EXPECT_TRUE(vm.disk_holds(2));
}

TEST(Stopped, what_cannot_be_is_said_before_anything_happens) {
    DiskGuest vm;
    vm.snapshot("first");
    EXPECT_NE(error_of([&] { vm.snapshot("first"); }).find("first already"), std::string::npos);
    EXPECT_NE(error_of([&] { vm.snapshot("1st"); }).find("is no name"), std::string::npos);
    EXPECT_NE(error_of([&] { vm.snapshot("pending"); }).find("is no name"), std::string::npos);
    EXPECT_NE(error_of([&] { vm.snapshot("ram", true); }).find("not running"), std::string::npos);
    EXPECT_NE(error_of([&] { vm.rollback("none"); }).find("it has first"), std::string::npos);
    vm.make_image("vm-101-disk-1.raw", "raw", "1M");
    vm.set({"scsi1=local:101/vm-101-disk-1.raw"});
    EXPECT_NE(error_of([&] { vm.snapshot("second"); })
                  .find("scsi1 (local:101/vm-101-disk-1.raw) is raw, which has no snapshots; lodge "
                        "disk move 101 scsi1 --format qcow2"),
              std::string::npos);
    EXPECT_EQ(vm.disk_snapshots(), Names{"first"});
    EXPECT_EQ(vm.key("lock"), "");
}

TEST(Stopped, a_disk_snapshot_that_nobody_knows_is_not_touched) {
    DiskGuest vm;
    vm.program({"/usr/bin/qemu-img", "snapshot", "-c", "first", vm.disk()});
    EXPECT_NE(error_of([&] { vm.snapshot("first"); }).find("take another name"), std::string::npos);
    EXPECT_EQ(vm.disk_snapshots(), Names{"first"});
}

TEST(Stopped, a_disk_that_came_later_is_kept_unused) {
    DiskGuest vm;
    vm.snapshot("first");
    vm.set({"scsi1=local:1"});
    vm.rollback("first");
    EXPECT_EQ(vm.key("scsi1"), "");
    EXPECT_EQ(vm.key("unused0"), "local:101/vm-101-disk-1.qcow2");
}

// Whatever step a snapshot breaks off at, it is undone without a trace; and one that nobody undid
// is seen, and goes by force.
TEST(Stopped, breaks_off_without_a_trace) {
    DiskGuest vm;
    const std::string path = vm.engine.store.path("qemu-server", 101);
    const std::string before = *vm.host().read(path);
    const Plan whole = vm.guest().kind->snapshot(vm.engine, vm.guest(), {{"name", "first"}});
    for (size_t cut = 0; cut <= whole.steps.size(); ++cut) {
        Plan plan = whole;
        plan.steps.resize(cut);
        plan.step("break off", {"run", {{"argv", std::vector<std::string>{"/bin/false"}}}});
        EXPECT_NE(error_of([&] { vm.carry_out(plan); }), "no error");
        EXPECT_EQ(vm.guest().config.current.get("lock"), std::nullopt) << cut;
        if (cut < whole.steps.size()) {
            EXPECT_EQ(vm.guest().config.snapshots().size(), 0u) << cut;
            EXPECT_TRUE(vm.disk_snapshots().empty()) << cut;
        }
        vm.host().write(path, before);
        vm.program({"/usr/bin/rm", "-f", vm.disk()});
        vm.make_image("vm-101-disk-0.qcow2", "qcow2", "16M");
    }
}

TEST(Stopped, a_crash_leaves_what_can_be_seen_and_removed) {
    for (const size_t cut : {size_t{1}, size_t{2}}) {
        DiskGuest vm;
        Plan plan = vm.guest().kind->snapshot(vm.engine, vm.guest(), {{"name", "first"}});
        plan.steps.resize(cut);
        vm.carry_out(plan);
        EXPECT_EQ(vm.key("lock"), "snapshot");
        EXPECT_EQ(vm.guest().config.snapshot("first")->get("snapstate"), "prepare");
        EXPECT_NE(error_of([&] { vm.rollback("first"); }).find("locked"), std::string::npos);
        vm.delete_snapshot("first", true);
        EXPECT_EQ(vm.key("lock"), "");
        EXPECT_TRUE(vm.guest().config.snapshots().empty());
        EXPECT_TRUE(vm.disk_snapshots().empty());
    }
}

TEST(Stopped, a_delete_that_fails_leaves_the_snapshot_whole) {
    DiskGuest vm;
    vm.write_disk(1);
    vm.snapshot("first");
    vm.write_disk(2);
    Plan plan = vm.guest().kind->delete_snapshot(vm.engine, vm.guest(), {{"name", "first"}});
    plan.steps.resize(1);
    plan.step("break off", {"run", {{"argv", std::vector<std::string>{"/bin/false"}}}});
    EXPECT_NE(error_of([&] { vm.carry_out(plan); }), "no error");
    EXPECT_FALSE(vm.guest().config.snapshot("first")->has("snapstate"));
    vm.rollback("first");
    EXPECT_TRUE(vm.disk_holds(1));
}

TEST(Stopped, half_deleted_is_deleted_again) {
    DiskGuest vm;
    vm.snapshot("first");
    Plan plan = vm.guest().kind->delete_snapshot(vm.engine, vm.guest(), {{"name", "first"}});
    plan.steps.resize(2);
    vm.carry_out(plan);
    EXPECT_EQ(vm.guest().config.snapshot("first")->get("snapstate"), "delete");
    vm.delete_snapshot("first");
    EXPECT_TRUE(vm.guest().config.snapshots().empty());
    EXPECT_EQ(vm.key("lock"), "");
}

TEST(Stopped, a_rollback_that_broke_off_is_completed_by_another) {
    DiskGuest vm;
    vm.write_disk(1);
    vm.snapshot("first");
    vm.write_disk(2);
    Plan plan = vm.guest().kind->rollback(vm.engine, vm.guest(), {{"name", "first"}});
    plan.steps.resize(1);
    vm.carry_out(plan);
    EXPECT_EQ(vm.key("lock"), "rollback");
    vm.rollback("first");
    EXPECT_EQ(vm.key("lock"), "");
    EXPECT_TRUE(vm.disk_holds(1));
}

}  // namespace
}  // namespace lodge
