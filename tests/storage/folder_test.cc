#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/storage/image.h"
#include "engine/units.h"
#include "tests/storage/support.h"

namespace lodge {
namespace {

class FolderTest : public testing::Test {
  protected:
    const Storage& local() { return scratch_.engine.storages.get("local"); }
    void run(const Plan& plan) { scratch_.engine.jobs.run_here(scratch_.engine, plan); }
    std::string path(const std::string& below) {
        return scratch_.host.state_folder() + "/" + below;
    }
    VolumeInfo info(const std::string& id) { return scratch_.engine.storages.info(id); }
    std::string disk(int guest, int64_t bytes, const std::string& format) {
        Plan plan;
        const std::string id = local().plan_allocate(plan, guest, bytes, format);
        run(plan);
        return id;
    }
    // The plan as text, with the test's own folder taken out.
    std::string shell(const Plan& plan) {
        std::string text = plan_as_shell(plan, scratch_.engine.actions);
        replace_all(text, scratch_.folder.path(), "");
        return text;
    }

    ScratchEngine scratch_;
};

TEST_F(FolderTest, MakesDisksUnderTheNextFreeNumber) {
    Plan plan;
    plan.title = "two disks";
    EXPECT_EQ(local().plan_allocate(plan, 101, 32 << 20, "qcow2"), "local:101/vm-101-disk-0.qcow2");
    EXPECT_EQ(local().plan_allocate(plan, 101, 1 << 20, "raw"), "local:101/vm-101-disk-1.raw");
    EXPECT_EQ(shell(plan),
              "# two disks\n"
              "\n"
              "# keep the place of local:101/vm-101-disk-0.qcow2\n"
              "mkdir -p /var/lib/lodge/images/101 && "
              "(set -C; : > /var/lib/lodge/images/101/vm-101-disk-0.qcow2)\n"
              "# undo: test -s /var/lib/lodge/images/101/vm-101-disk-0.qcow2 || "
              "rm -f /var/lib/lodge/images/101/vm-101-disk-0.qcow2\n"
              "\n"
              "# make the disk local:101/vm-101-disk-0.qcow2 of 32M\n"
              "qemu-img create -q -f qcow2 -o preallocation=metadata "
              "/var/lib/lodge/images/101/vm-101-disk-0.qcow2 33554432\n"
              "# undo: rm -f /var/lib/lodge/images/101/vm-101-disk-0.qcow2\n"
              "\n"
              "# keep the place of local:101/vm-101-disk-1.raw\n"
              "mkdir -p /var/lib/lodge/images/101 && "
              "(set -C; : > /var/lib/lodge/images/101/vm-101-disk-1.raw)\n"
              "# undo: test -s /var/lib/lodge/images/101/vm-101-disk-1.raw || "
              "rm -f /var/lib/lodge/images/101/vm-101-disk-1.raw\n"
              "\n"
              "# make the disk local:101/vm-101-disk-1.raw of 1M\n"
              "qemu-img create -q -f raw /var/lib/lodge/images/101/vm-101-disk-1.raw 1048576\n"
              "# undo: rm -f /var/lib/lodge/images/101/vm-101-disk-1.raw\n");
    run(plan);
    const VolumeInfo first = info("local:101/vm-101-disk-0.qcow2");
    EXPECT_EQ(first.size, 32 << 20);
    EXPECT_EQ(first.format, "qcow2");
    EXPECT_EQ(first.owner, 101);
    EXPECT_EQ(info("local:101/vm-101-disk-1.raw").size, 1 << 20);
    EXPECT_EQ(disk(101, 1 << 20, "raw"), "local:101/vm-101-disk-2.raw");
    EXPECT_EQ(local().list().size(), 3u);
}

TEST_F(FolderTest, TwoPlansForOneNameNeverHarmEachOther) {
    Plan first, second;
    const std::string id = local().plan_allocate(first, 101, 1 << 20, "raw");
    EXPECT_EQ(local().plan_allocate(second, 101, 2 << 20, "raw"), id);
    run(first);
    EXPECT_NE(words_of_error([&] { run(second); }), "");
    EXPECT_EQ(info(id).size, 1 << 20);  // not undone with the second plan
}

TEST_F(FolderTest, FailedPlansLeaveNothing) {
    Plan plan;
    local().plan_allocate(plan, 101, 1 << 20, "qcow2");
    plan.step("this fails", {"remove", {{"path", "/proc/version"}}});
    EXPECT_NE(words_of_error([&] { run(plan); }), "");
    EXPECT_FALSE(scratch_.host.exists(path("images/101")));
}

TEST_F(FolderTest, NamesThatClimbOutAreRefused) {
    for (const std::string bad :
         {"../etc/passwd", "101/../102/vm-102-disk-0.raw", "/etc/passwd", "iso/../../x.iso",
          "101/vm-101-disk-0.raw/", "iso/", "iso/..", "iso/a/b.iso", "099/vm-99-disk-0.raw",
          "101/passwd", "nothing/x", "", "iso/a,b.iso", "101/vm 101.raw", "iso/\x1b[2J.iso"})
        EXPECT_THROW(local().path(bad), Error) << bad;
    EXPECT_EQ(local().path("iso/Debian 12.iso"), path("template/iso/Debian 12.iso"));
    EXPECT_EQ(local().path("100/base-100-disk-0.qcow2/101/vm-101-disk-0.qcow2"),
              path("images/101/vm-101-disk-0.qcow2"));
}

TEST_F(FolderTest, LinksOutOfTheStorageAreRefused) {
    scratch_.host.make_folder(path("images/101"));
    scratch_.host.write(scratch_.folder.path() + "/secret.raw", "secret");
    ASSERT_EQ(::symlink((scratch_.folder.path() + "/secret.raw").c_str(),
                        path("images/101/vm-101-disk-0.raw").c_str()),
              0);
    EXPECT_NE(words_of_error([&] { info("local:101/vm-101-disk-0.raw"); }).find("leads out"),
              std::string::npos);
    EXPECT_TRUE(local().list().empty());
    ASSERT_EQ(::symlink(scratch_.folder.path().c_str(), path("images/102").c_str()), 0);
    Plan plan;
    EXPECT_THROW(local().plan_allocate(plan, 102, 1 << 20, "raw"), Error);
    EXPECT_THROW(info("local:101/vm-101-disk-9.raw"), Error);
}

TEST_F(FolderTest, GrowsAndShrinksByPlan) {
    for (const std::string format : {"raw", "qcow2"}) {
        const std::string id = disk(101, 4 << 20, format);
        Plan plan;
        local().plan_resize(plan, info(id), 8 << 20);
        run(plan);
        EXPECT_EQ(info(id).size, 8 << 20) << format;
        Plan undone;
        local().plan_resize(undone, info(id), 16 << 20);
        undone.step("this fails", {"remove", {{"path", "/proc/version"}}});
        EXPECT_NE(words_of_error([&] { run(undone); }), "");
        EXPECT_EQ(info(id).size, 8 << 20) << format;
        Plan shrink;
        local().plan_resize(shrink, info(id), 2 << 20);
        EXPECT_FALSE(shrink.steps[0].undo);
        run(shrink);
        EXPECT_EQ(info(id).size, 2 << 20) << format;
    }
    Plan plan;
    EXPECT_THROW(local().plan_resize(plan, info("local:101/vm-101-disk-0.raw"), 1000), Error);
}

TEST_F(FolderTest, ImportsOtherFormatsWithTheirContent) {
    const std::string raw = scratch_.folder.path() + "/disk.img";
    std::string content(3 << 20, '\0');
    for (size_t i = 0; i < content.size(); i += 4096)
        content[i] = static_cast<char>(i >> 12);
    scratch_.host.write(raw, content);
    int number = 0;
    for (const std::string format : {"raw", "qcow2", "vmdk", "vhdx", "vdi", "vpc"}) {
        const std::string source = scratch_.folder.path() + "/disk." + format;
        qemu_img({"convert", "-f", "raw", "-O", format, raw, source});
        Plan plan;
        const std::string id = local().plan_import(plan, 101, source, "", "qcow2");
        EXPECT_EQ(id, fmt::format("local:101/vm-101-disk-{}.qcow2", number++));
        run(plan);
        const std::string back = scratch_.folder.path() + "/back.raw";
        qemu_img({"convert", "-f", "qcow2", "-O", "raw", info(id).path, back});
        const std::string copied = scratch_.host.read(back).value_or("");
        EXPECT_EQ(copied.substr(0, content.size()), content) << format;
    }
}

TEST_F(FolderTest, ImagesThatLeadToOtherFilesAreRefused) {
    const std::string top = scratch_.folder.path();
    scratch_.host.write(top + "/secret", std::string(1 << 20, 's'));
    qemu_img({"create", "-f", "qcow2", "-b", top + "/secret", "-F", "raw", top + "/backed.qcow2"});
    qemu_img({"create", "-f", "qcow2", "-o", "data_file=" + top + "/data.raw", top + "/split.qcow2",
              "1M"});
    scratch_.host.write(top + "/flat.vmdk",
                        "# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\n"
                        "createType=\"monolithicFlat\"\n\nRW 2048 FLAT \"" +
                            std::string("/etc/") + "../etc/passwd\" 0\n");
    scratch_.host.make_folder(top + "/else");
    scratch_.host.write(top + "/else/part.raw", std::string(1 << 20, 'x'));
    scratch_.host.write(top + "/else.vmdk",
                        "# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\n"
                        "createType=\"monolithicFlat\"\n\nRW 2048 FLAT \"else/part.raw\" 0\n");
    scratch_.host.write(top + "/notes.txt", "no disk at all");
    ASSERT_EQ(::mkfifo((top + "/fifo").c_str(), 0600), 0);
    for (const std::string name : {"backed.qcow2", "split.qcow2", "flat.vmdk", "else.vmdk", "fifo",
                                   "notes.txt", "nothing"}) {
        Plan plan;
        const std::string words =
            words_of_error([&] { local().plan_import(plan, 101, top + "/" + name, "", "qcow2"); });
        EXPECT_EQ(words.rfind("cannot import", 0) == 0 || words.rfind("cannot read", 0) == 0, true)
            << name << ": " << words;
        EXPECT_TRUE(plan.steps.empty()) << name;
    }
    // Named as what it is not: a raw image stays raw, whatever it begins with.
    Plan plan;
    EXPECT_NO_THROW(local().plan_import(plan, 101, top + "/backed.qcow2", "raw", "raw"));
}

TEST_F(FolderTest, AnImageThatTurnsHostileAfterTheLookIsRefused) {
    const std::string top = scratch_.folder.path();
    scratch_.host.write(top + "/secret", std::string(1 << 20, 's'));
    qemu_img({"create", "-f", "qcow2", top + "/disk.qcow2", "1M"});
    Plan plan;
    local().plan_import(plan, 101, top + "/disk.qcow2", "", "raw");
    qemu_img({"create", "-f", "qcow2", "-b", top + "/secret", "-F", "raw", top + "/disk.qcow2"});
    EXPECT_NE(words_of_error([&] { run(plan); }).find("difference to another image"),
              std::string::npos);
    EXPECT_FALSE(scratch_.host.exists(path("images/101")));
}

TEST_F(FolderTest, BasesAndLinkedClones) {
    const std::string id = disk(100, 4 << 20, "qcow2");
    Plan make;
    const std::string base = local().plan_make_base(make, info(id));
    EXPECT_EQ(base, "local:100/base-100-disk-0.qcow2");
    run(make);
    struct stat facts {};
    ASSERT_EQ(::stat(path("images/100/base-100-disk-0.qcow2").c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, 0444u);

    Plan link;
    const std::string clone = local().plan_linked_clone(link, 101, info(base));
    EXPECT_EQ(clone, "local:100/base-100-disk-0.qcow2/101/vm-101-disk-0.qcow2");
    run(link);
    EXPECT_EQ(info(clone).size, 4 << 20);
    EXPECT_EQ(info(clone).backing, base);
    EXPECT_EQ(image_info(scratch_.host, info(clone).path).backing, "../100/base-100-disk-0.qcow2");
    const auto all = local().list();
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[1].id, clone);

    Plan drop;
    EXPECT_NE(words_of_error([&] { local().plan_delete(drop, info(base)); }).find(clone),
              std::string::npos);
    local().plan_delete(drop, info(clone));
    run(drop);
    Plan drop_base;
    local().plan_delete(drop_base, info(base));
    run(drop_base);
    EXPECT_FALSE(scratch_.host.exists(path("images/100")));
}

TEST_F(FolderTest, UndoOfABaseBringsTheDiskBack) {
    const std::string id = disk(100, 4 << 20, "raw");
    Plan make;
    local().plan_make_base(make, info(id));
    make.step("this fails", {"remove", {{"path", "/proc/version"}}});
    EXPECT_NE(words_of_error([&] { run(make); }), "");
    EXPECT_EQ(info(id).size, 4 << 20);
    struct stat facts {};
    ASSERT_EQ(::stat(info(id).path.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, 0640u);
}

TEST_F(FolderTest, SnapshotsOfAQcow2) {
    const std::string id = disk(101, 4 << 20, "qcow2");
    Plan make;
    local().plan_snapshot(make, info(id), "before");
    run(make);
    EXPECT_EQ(image_info(scratch_.host, info(id).path).snapshots,
              std::vector<std::string>{"before"});
    EXPECT_NE(words_of_error([&] { run(make); }), "");  // a second of the same name
    Plan copy;
    const std::string copied = local().plan_copy(copy, 102, info(id), "before", "raw");
    run(copy);
    EXPECT_EQ(info(copied).size, 4 << 20);
    Plan back;
    local().plan_rollback(back, info(id), "before");
    local().plan_delete_snapshot(back, info(id), "before");
    local().plan_delete_snapshot(back, info(id), "before");
    run(back);
    EXPECT_TRUE(image_info(scratch_.host, info(id).path).snapshots.empty());
    Plan raw;
    EXPECT_THROW(local().plan_snapshot(raw, info(disk(101, 1 << 20, "raw")), "x"), Error);
}

TEST_F(FolderTest, OtherKindsAreListedAndRefused) {
    scratch_.host.write(scratch_.host.config_folder() + "/storage.cfg",
                        "zfspool: tank\n\tpool rpool/data\n\tcontent images\n\nstrange: odd\n\n"
                        "dir: away\n\tpath /nowhere\n\tis_mountpoint 1\n\n"
                        "dir: off\n\tpath /tmp\n\tdisable\n");
    Storages& storages = scratch_.engine.storages;
    ASSERT_EQ(storages.all().size(), 5u);  // local stands besides
    EXPECT_EQ(storages.get("tank").why_unusable(),
              "storage tank is of kind zfspool (a ZFS pool), which this version cannot use yet");
    EXPECT_NE(storages.get("odd").why_unusable(), "");
    EXPECT_EQ(storages.get("away").why_unusable(), "storage away: nothing is mounted at /nowhere");
    EXPECT_EQ(storages.get("off").why_unusable(), "storage off is disabled in storage.cfg");
    EXPECT_THROW(storages.info("tank:vm-100-disk-0"), Error);
    EXPECT_EQ(storages.default_for("images").id(), "local");
    EXPECT_THROW(storages.get("none"), Error);
}

// A file system of 8 MiB, where the test may mount one.
class SmallDisk {
  public:
    explicit SmallDisk(const std::string& at) : at_(at) {
        mounted_ = ::mount("tmpfs", at.c_str(), "tmpfs", 0, "size=8m") == 0;
    }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;
    ~SmallDisk() {
        if (mounted_) ::umount2(at_.c_str(), MNT_DETACH);
    }
    bool mounted() const { return mounted_; }

  private:
    std::string at_;
    bool mounted_ = false;
};

TEST_F(FolderTest, FullDisk) {
    const std::string small = scratch_.folder.path() + "/small";
    scratch_.host.make_folder(small);
    const SmallDisk mount(small);
    if (!mount.mounted()) GTEST_SKIP() << "no right to mount a small file system";
    scratch_.host.write(
        scratch_.host.config_folder() + "/storage.cfg",
        "dir: small\n\tpath " + small + "\n\tcontent images\n\tpreallocation full\n");
    const Storage& storage = scratch_.engine.storages.get("small");

    // Known beforehand: refused before anything is made.
    Plan big;
    EXPECT_NE(words_of_error([&] {
                  storage.plan_allocate(big, 101, 64 << 20, "raw");
              }).find("has only 8.0M left"),
              std::string::npos)
        << words_of_error([&] { storage.plan_allocate(big, 101, 64 << 20, "raw"); });
    const std::string source = scratch_.folder.path() + "/source.raw";
    scratch_.host.write(source, std::string(12 << 20, 'x'));
    EXPECT_NE(words_of_error([&] {
                  storage.plan_import(big, 101, source, "raw", "raw");
              }).find("has only"),
              std::string::npos);

    // Known only in the middle: what was half made goes, the words say why.
    Plan plan;
    storage.plan_allocate(plan, 101, 6 << 20, "raw");
    storage.plan_allocate(plan, 101, 6 << 20, "raw");
    const std::string words = words_of_error([&] { run(plan); });
    EXPECT_NE(words.find("is full"), std::string::npos) << words;
    EXPECT_FALSE(scratch_.host.exists(small + "/images/101"));
    scratch_.host.write(source, std::string(6 << 20, 'x'));
    Plan copies;
    storage.plan_import(copies, 101, source, "raw", "raw");
    storage.plan_import(copies, 101, source, "raw", "qcow2");
    const std::string copy_words = words_of_error([&] { run(copies); });
    EXPECT_NE(copy_words.find("is full"), std::string::npos) << copy_words;
    EXPECT_FALSE(scratch_.host.exists(small + "/images/101"));
}

TEST_F(FolderTest, WhatIsNoMultipleOfASectorIsCopiedAsItIs) {
    scratch_.host.write(path("images/100/vm-100-disk-0.raw"), std::string(2251, 't'));
    Plan plan;
    const std::string copy =
        local().plan_copy(plan, 101, info("local:100/vm-100-disk-0.raw"), "", "raw");
    run(plan);
    EXPECT_EQ(scratch_.host.read(info(copy).path), std::string(2251, 't'));
}

// A qemu-img that writes half and then takes its time.
TEST(ImageJob, CancelEndsQemuImgAndRemovesTheHalf) {
    ScratchFolder folder;
    auto places = ScratchEngine::places(folder.path());
    places.program_folders.insert(places.program_folders.begin(), folder.path() + "/bin");
    Host host(places);
    host.write(folder.path() + "/bin/qemu-img",
               "#!/bin/sh\nfor word; do last=$word; test -f \"$word\" && target=$word; done\n"
               "echo '    (42.00/100%)'\necho half > \"$target\"\nexec sleep 60\n",
               0755);
    Engine engine(host, all_actions(), guest_kinds());
    Plan plan;
    engine.storages.get("local").plan_allocate(plan, 101, 1 << 20, "raw");
    const int number = engine.jobs.start(engine, plan);
    const std::string made = host.state_folder() + "/images/101/vm-101-disk-0.raw";
    for (int i = 0; i < 2000 && engine.jobs.load(number).done != 42; ++i)
        ::usleep(5000);
    EXPECT_EQ(engine.jobs.load(number).unit, "%");
    for (int i = 0; i < 2000 && host.read(made).value_or("").empty(); ++i)
        ::usleep(5000);
    EXPECT_EQ(host.read(made), "half\n");
    engine.jobs.cancel(number);
    const JobRecord record = engine.jobs.follow(number, {});
    EXPECT_EQ(record.state, JobState::cancelled);
    EXPECT_FALSE(host.exists(host.state_folder() + "/images/101"));
}

}  // namespace
}  // namespace lodge
