#include "engine/storage/lvm_thin.h"

#include <gtest/gtest.h>

#include <fstream>

#include "engine/storage/lvm.h"
#include "engine/units.h"
#include "tests/storage/support.h"

namespace lodge {
namespace {

// What lvs prints of a pool as a Proxmox node has it.
std::string printed() {
    std::ifstream file(TESTS_FOLDER "/fuzz/corpus/lvs/pve");
    return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Lvs, TakesItsAnswerApart) {
    const auto volumes = parse_lvs(printed());
    ASSERT_EQ(volumes.size(), 6u);
    const LogicalVolume* pool = find_volume(volumes, "data");
    ASSERT_TRUE(pool);
    EXPECT_EQ(pool->kind, 't');
    EXPECT_TRUE(pool->zeroes);
    EXPECT_EQ(pool->used(), 2684354560);
    EXPECT_DOUBLE_EQ(pool->metadata_percent, 11.5);
    const LogicalVolume* snapshot = find_volume(volumes, "snap_vm-101-disk-0_before");
    ASSERT_TRUE(snapshot);
    EXPECT_FALSE(snapshot->writable);
    EXPECT_FALSE(snapshot->active);
    EXPECT_TRUE(snapshot->skips_activation);
    EXPECT_EQ(snapshot->origin, "vm-101-disk-0");
    EXPECT_TRUE(find_volume(volumes, "vm-101-disk-0")->open);
    EXPECT_FALSE(find_volume(volumes, "vm-103-disk-0"));
}

TEST(Lvs, RefusesWhatIsNoAnswer) {
    for (const char* text : {"", "[]", "{\"report\":1}", "  WARNING: nothing"})
        EXPECT_NE(words_of_error([&] { parse_lvs(text); }).find("not understood"),
                  std::string::npos)
            << text;
}

TEST(Lvs, NamesThatWouldBeOptionsOrFoldersAreNone) {
    for (const char* name : {"", ".", "..", "-y", "a/b", "a b", "a;b", "a'b", "\xc3\xa4"})
        EXPECT_FALSE(is_lvm_name(name)) << name;
    EXPECT_TRUE(is_lvm_name("snap_vm-101-disk-0_be.fore+1"));
    EXPECT_EQ(lvm_owner("vm-101-disk-0"), 101);
    EXPECT_EQ(lvm_owner("base-100-disk-0"), 100);
    EXPECT_EQ(lvm_owner("vm-101-cloudinit"), 101);
    for (const char* name : {"vm-101", "vm-101-", "vm-99-disk-0", "vm-0101-disk-0", "root",
                             "snap_vm-101-disk-0_a", "vm-101-disk-0/../x"})
        EXPECT_EQ(lvm_owner(name), std::nullopt) << name;
}

// LVM's lvs as a program that says what is in a file; the others write down how they are called.
class LvmThinTest : public testing::Test {
  protected:
    LvmThinTest() {
        std::filesystem::create_directories(bin_);
        put("lvs.json", printed());
        script("lvs", "cat " + top_ + "/lvs.json");
        for (const char* name :
             {"lvcreate", "lvremove", "lvextend", "lvreduce", "lvrename", "lvchange"})
            script(name, "echo " + std::string(name) + " \"$@\" >> " + top_ + "/calls");
    }
    static Host::Places places(const ScratchFolder& folder) {
        auto places = ScratchEngine::places(folder.path());
        places.program_folders.insert(places.program_folders.begin(), folder.path() + "/bin");
        places.uid = 0;
        return places;
    }
    void put(const std::string& name, const std::string& text) {
        std::ofstream(top_ + "/" + name) << text;
    }
    void script(const std::string& name, const std::string& line) {
        const std::string path = bin_ + "/" + name;
        std::ofstream(path) << "#!/bin/sh\n" << line << "\n";
        std::filesystem::permissions(path, std::filesystem::perms(0755));
    }
    std::string calls() {
        std::string text = host_.read(top_ + "/calls").value_or("");
        host_.remove(top_ + "/calls");
        return text;
    }
    std::string shell(const Plan& plan) {
        std::string text = plan_as_shell(plan, engine_.actions);
        replace_all(text, top_, "");
        return text;
    }
    void run(const Plan& plan) { engine_.jobs.run_here(engine_, plan); }

    ScratchFolder folder_;
    const std::string top_ = folder_.path(), bin_ = top_ + "/bin";
    Host host_{places(folder_)};
    Engine engine_{host_, all_actions(), guest_kinds()};
    LvmThinStorage storage_{host_, "local-lvm", {{"vgname", "pve"}, {"thinpool", "data"}}};
};

TEST_F(LvmThinTest, ListsThePoolAsProxmoxNamesIt) {
    const StorageSpace space = storage_.space();
    EXPECT_EQ(space.total, 10737418240);
    EXPECT_EQ(space.used, 2684354560);
    std::string ids;
    for (const VolumeInfo& volume : storage_.list())
        ids += fmt::format("{} {} {} {}\n", volume.id, volume.path, volume.owner, volume.backing);
    EXPECT_EQ(ids,
              "local-lvm:base-100-disk-0 /dev/pve/base-100-disk-0 100 \n"
              "local-lvm:vm-101-disk-0 /dev/pve/vm-101-disk-0 101 \n"
              "local-lvm:vm-102-disk-0 /dev/pve/vm-102-disk-0 102 local-lvm:base-100-disk-0\n");
    Plan plan;
    plan.title = "activate";
    storage_.plan_activation(plan, storage_.info("vm-101-disk-0"));
    EXPECT_TRUE(plan.steps.empty());
    storage_.plan_activation(plan, storage_.info("vm-102-disk-0"));
    run(plan);
    EXPECT_EQ(calls(), "lvchange -ay -K pve/vm-102-disk-0\n");
    EXPECT_EQ(words_of_error([&] { storage_.info("vm-104-disk-0"); }),
              "there is no volume local-lvm:vm-104-disk-0 (/dev/pve/vm-104-disk-0 is not there)");
    EXPECT_NE(words_of_error([&] { storage_.info("../../etc/passwd"); }), "");
    EXPECT_NE(words_of_error([&] { storage_.info("root"); }), "");
}

TEST_F(LvmThinTest, MakesVolumesUnderTheNextFreeNumber) {
    Plan plan;
    plan.title = "two disks";
    EXPECT_EQ(storage_.plan_allocate(plan, 101, 1 << 30, "qcow2", ""), "local-lvm:vm-101-disk-1");
    EXPECT_EQ(storage_.plan_allocate(plan, 101, 1 << 20, "raw", "cloudinit"),
              "local-lvm:vm-101-cloudinit");
    EXPECT_EQ(storage_.plan_allocate(plan, 100, 1 << 20, "raw", ""), "local-lvm:vm-100-disk-1");
    EXPECT_NE(shell(plan).find("# there is no local-lvm:vm-101-disk-1 yet\n"
                               "! lvs pve/vm-101-disk-1 2> /dev/null\n"
                               "\n"
                               "# make the volume local-lvm:vm-101-disk-1 of 1G\n"
                               "lvcreate -y -ay -V 1073741824b --name vm-101-disk-1 --thinpool "
                               "pve/data\n"
                               "# undo: lvremove -f -y pve/vm-101-disk-1\n"),
              std::string::npos)
        << shell(plan);
    run(plan);
    EXPECT_EQ(calls(),
              "lvcreate -y -ay -V 1073741824b --name vm-101-disk-1 --thinpool pve/data\n"
              "lvcreate -y -ay -V 1048576b --name vm-101-cloudinit --thinpool pve/data\n"
              "lvcreate -y -ay -V 1048576b --name vm-100-disk-1 --thinpool pve/data\n");
}

TEST_F(LvmThinTest, NeverTouchesAVolumeThatCameMeanwhile) {
    Plan plan;
    plan.title = "a disk";
    storage_.plan_allocate(plan, 101, 1 << 20, "raw", "");
    std::string text = printed();
    replace_all(text, "vm-102-disk-0", "vm-101-disk-1");
    put("lvs.json", text);
    EXPECT_NE(
        words_of_error([&] { run(plan); }).find("there is a logical volume pve/vm-101-disk-1"),
        std::string::npos);
    EXPECT_EQ(calls(), "");
}

TEST_F(LvmThinTest, WarnsOfAPoolThatPromisesMoreThanItHas) {
    Plan plan;
    storage_.plan_allocate(plan, 101, int64_t{1} << 30, "raw", "");
    ASSERT_EQ(plan.warnings.size(), 1u);
    EXPECT_NE(plan.warnings[0].find("may grow to"), std::string::npos);
    std::string text = printed();
    replace_all(text, "25.00", "93.20");
    put("lvs.json", text);
    Plan other;
    storage_.plan_allocate(other, 101, int64_t{1} << 30, "raw", "");
    EXPECT_NE(other.warnings[0].find("93 % full (its metadata 12 %)"), std::string::npos)
        << other.warnings[0];
}

TEST_F(LvmThinTest, SnapshotsAreVolumesBesideTheDisk) {
    const VolumeInfo disk = storage_.info("vm-101-disk-0");
    EXPECT_TRUE(storage_.has_snapshot(disk, "before"));
    EXPECT_FALSE(storage_.has_snapshot(disk, "after"));
    Plan plan;
    plan.title = "snapshot";
    storage_.plan_snapshot(plan, disk, "after");
    run(plan);
    EXPECT_EQ(calls(), "lvcreate -y -n snap_vm-101-disk-0_after -pr -ky -s pve/vm-101-disk-0\n");
    Plan back;
    back.title = "back";
    storage_.plan_rollback(back, disk, "before");
    const std::string words =
        "lvcreate -y -n lodge_vm-101-disk-0 -prw -kn -s pve/snap_vm-101-disk-0_before\n"
        "lvremove -f -y pve/vm-101-disk-0\n"
        "lvrename pve lodge_vm-101-disk-0 vm-101-disk-0\n";
    EXPECT_NE(shell(back).find(words), std::string::npos) << shell(back);
    run(back);
    EXPECT_EQ(calls(), words);
    Plan gone;
    gone.title = "gone";
    storage_.plan_delete(gone, disk);
    run(gone);
    EXPECT_EQ(calls(),
              "lvremove -f -y pve/snap_vm-101-disk-0_before\n"
              "lvremove -f -y pve/vm-101-disk-0\n");
}

TEST_F(LvmThinTest, ARollbackThatBrokeOffGoesOnFromWhereItWas) {
    Plan back;
    back.title = "back";
    storage_.plan_rollback(back, storage_.info("vm-101-disk-0"), "before");
    // The disk is removed, its copy has no name yet.
    std::string text = printed();
    replace_all(text, "\"vm-101-disk-0\", \"lv_attr\"", "\"lodge_vm-101-disk-0\", \"lv_attr\"");
    put("lvs.json", text);
    run(back);
    EXPECT_EQ(calls(), "lvrename pve lodge_vm-101-disk-0 vm-101-disk-0\n");
    // The copy is there, the disk too: the copy may be half of one.
    replace_all(text, "vm-102-disk-0", "vm-101-disk-0");
    put("lvs.json", text);
    run(back);
    EXPECT_EQ(calls(),
              "lvremove -f -y pve/lodge_vm-101-disk-0\n"
              "lvcreate -y -n lodge_vm-101-disk-0 -prw -kn -s pve/snap_vm-101-disk-0_before\n"
              "lvremove -f -y pve/vm-101-disk-0\n"
              "lvrename pve lodge_vm-101-disk-0 vm-101-disk-0\n");
}

TEST_F(LvmThinTest, BasesAndTheirClones) {
    Plan plan;
    plan.title = "base";
    EXPECT_NE(words_of_error([&] {
                  storage_.plan_make_base(plan, storage_.info("vm-101-disk-0"));
              }).find("it has the snapshot before"),
              std::string::npos);
    EXPECT_EQ(storage_.plan_make_base(plan, storage_.info("vm-102-disk-0")),
              "local-lvm:base-102-disk-0");
    EXPECT_EQ(storage_.plan_linked_clone(plan, 103, storage_.info("base-100-disk-0")),
              "local-lvm:vm-103-disk-0");
    run(plan);
    EXPECT_EQ(calls(),
              "lvrename pve vm-102-disk-0 base-102-disk-0\n"
              "lvchange -y -an -pr -ky pve/base-102-disk-0\n"
              "lvcreate -y -n vm-103-disk-0 -prw -kn -s pve/base-100-disk-0\n");
}

TEST_F(LvmThinTest, GrowsAndIsTakenBack) {
    Plan plan;
    plan.title = "grow";
    const VolumeInfo disk = storage_.info("vm-101-disk-0");
    storage_.plan_resize(plan, disk, int64_t{5} << 30);
    plan.step("and then it fails", {"run", {{"argv", "/bin/false"}}});
    EXPECT_NE(words_of_error([&] { run(plan); }), "");
    // lvs says the same size all the time, so that there is nothing to take back.
    EXPECT_EQ(calls(), "lvextend -L 5368709120b pve/vm-101-disk-0\n");
    EXPECT_NE(shell(plan).find("# undo: lvreduce -f -y -L 4294967296b pve/vm-101-disk-0"),
              std::string::npos);
}

TEST_F(LvmThinTest, FillsAVolumeThatReadsZero) {
    qemu_img({"create", "-q", "-f", "qcow2", top_ + "/source.qcow2", "1M"});
    Plan plan;
    plan.title = "import";
    EXPECT_EQ(storage_.plan_import(plan, 105, ImageSource{top_ + "/source.qcow2", ""}, "qcow2"),
              "local-lvm:vm-105-disk-0");
    EXPECT_NE(shell(plan).find("--target-is-zero"), std::string::npos) << shell(plan);
    EXPECT_NE(shell(plan).find("-O raw"), std::string::npos);
    std::string text = printed();
    replace_all(text, "twi-aotz--", "twi-aot---");
    put("lvs.json", text);
    Plan careful;
    storage_.plan_import(careful, 105, ImageSource{top_ + "/source.qcow2", ""}, "raw");
    EXPECT_EQ(shell(careful).find("--target-is-zero"), std::string::npos);
}

TEST_F(LvmThinTest, SaysWhatIsMissing) {
    std::filesystem::remove(bin_ + "/lvs");
    if (!host_.program("lvs")) {
        EXPECT_EQ(storage_.why_unusable(),
                  "storage local-lvm needs the program lvs (package lvm2)");
    }
    script("lvs", "echo '  Volume group \"pve\" not found' >&2; exit 5");
    EXPECT_NE(words_of_error([&] { storage_.list(); }).find("\"pve\" not found"),
              std::string::npos);
    const LvmThinStorage bad(host_, "x1", {{"vgname", "-pve"}, {"thinpool", "data"}});
    EXPECT_EQ(bad.why_unusable(), "storage x1: vgname '-pve' is no name that LVM allows");
    const LvmThinStorage none(host_, "x1", {{"vgname", "pve"}});
    EXPECT_EQ(none.why_unusable(), "storage x1 has no thinpool in storage.cfg");
    const LvmThinStorage other(host_, "x1", {{"vgname", "pve"}, {"thinpool", "root"}});
    put("lvs.json", printed());
    script("lvs", "cat " + top_ + "/lvs.json");
    EXPECT_NE(words_of_error([&] { other.space(); }).find("pve/root is no thin pool"),
              std::string::npos);
}

}  // namespace
}  // namespace lodge
