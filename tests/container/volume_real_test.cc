#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/container/image_mount.h"
#include "engine/container/volume.h"
#include "engine/container/volume_root.h"
#include "tests/container/real.h"

// What containers lie on: raw images and btrfs, for real; files in and out, and a look inside.

namespace lodge {
namespace {

namespace fs = std::filesystem;
using Texts = std::vector<std::string>;

class RealVolumes : public RealContainer {
  protected:
    void SetUp() override {
        RealContainer::SetUp();
        if (!ready_) return;
        if (!fs::exists("/dev/loop-control")) {
            ready_ = false;
            GTEST_SKIP() << "this kernel has no loop devices";
        }
    }
    Guest again(int id = 101) { return load_guest(scratch_.engine, id); }
    Guest make_image(const Texts& values = {}) { return make(false, values, {{"disk", "0.0625"}}); }
    std::string image() const { return host_.state_folder() + "/images/101/vm-101-disk-0.raw"; }
    std::string text_file(const std::string& name, const std::string& content) const {
        const std::string path = scratch_.folder.path() + "/" + name;
        std::ofstream(path) << content;
        return path;
    }
    std::string why_not(const std::function<void()>& does) {
        try {
            does();
        } catch (const Error& error) {
            return error.what();
        }
        return "";
    }
    // Loop devices that have a file of this test.
    Texts loops() const {
        Texts found;
        for (const auto& entry : fs::directory_iterator("/sys/block")) {
            const std::string file = host_.read_line(entry.path().string() + "/loop/backing_file");
            if (file.starts_with(scratch_.folder.path())) found.push_back(file);
        }
        return found;
    }
    bool soon_no_loops() const {
        for (int i = 0; i < 500 && !loops().empty(); ++i)
            ::usleep(10000);
        return loops().empty();
    }
};

TEST_F(RealVolumes, AnImageIsARootWhoseSizeHolds) {
    const Guest guest = make_image();
    EXPECT_EQ(guest.config.string_of("rootfs"), "local:101/vm-101-disk-0.raw,size=64M");
    EXPECT_TRUE(soon_no_loops());
    start(guest);
    EXPECT_EQ(state(), GuestState::running);
    EXPECT_EQ(loops(), Texts{image()});
    EXPECT_EQ(inside("id -u; stat -c %u /root"), "0\n0\n");
    // More than it has: the program is told, and nothing of this machine is taken.
    EXPECT_NE(inside("dd if=/dev/zero of=/root/big bs=1M count=200 2>&1").find("No space"),
              std::string::npos);
    struct stat found {};
    ASSERT_EQ(::stat(image().c_str(), &found), 0);
    EXPECT_LE(found.st_blocks * 512, 65 << 20);
    inside("rm /root/big; echo kept >/root/file");
    // Nobody mounts it a second time.
    EXPECT_NE(why_not([&] { open_volume_root(image()); }).find("mounted already"),
              std::string::npos);
    stop(guest);
    EXPECT_TRUE(soon_no_loops());
    start(guest);
    EXPECT_EQ(inside("cat /root/file"), "kept\n");
    carry(kind().shutdown(scratch_.engine, guest, {{"timeout", 60}}));
    EXPECT_TRUE(soon_no_loops());
}

TEST_F(RealVolumes, AKilledMonitorLeavesNoLoopDevice) {
    const Guest guest = make_image();
    start(guest);
    const auto monitor = ct_process(host_, 101);
    ASSERT_TRUE(monitor);
    const Fd pidfd = open_process(host_, *monitor);
    signal_process(pidfd, SIGKILL);
    ASSERT_TRUE(wait_end(pidfd, std::chrono::seconds(30)));
    ::waitpid(monitor->pid, nullptr, 0);
    EXPECT_EQ(state(), GuestState::stopped);
    EXPECT_TRUE(soon_no_loops());
    start(guest);
    EXPECT_EQ(state(), GuestState::running);
}

TEST_F(RealVolumes, ImagesHaveSnapshotsAndClones) {
    const Guest guest = make_image();
    start(guest);
    inside("echo one >/root/file");
    carry(kind().snapshot(scratch_.engine, guest, {{"name", "before"}}));
    inside("echo two >/root/file");
    carry(kind().clone(scratch_.engine, again(), {{"id", 102}, {"name", "copy"}}));
    carry(kind().rollback(scratch_.engine, again(), {{"name", "before"}, {"start", true}}));
    EXPECT_EQ(inside("cat /root/file"), "one\n");
    EXPECT_EQ(again(102).config.string_of("rootfs"), "local:102/vm-102-disk-0.raw,size=64M");
    carry(kind().start(scratch_.engine, again(102), {}));
    Program look;
    look.argv = {host_.need_program("lodge-lxc"),
                 "attach",
                 host_.run_folder() + "/guest",
                 "102",
                 "--",
                 "/bin/cat",
                 "/root/file"};
    EXPECT_EQ(run_program(look, std::chrono::seconds(20)).output, "two\n");
    carry(kind().delete_snapshot(scratch_.engine, again(), {{"name", "before"}}));
    EXPECT_EQ(host_.list(host_.state_folder() + "/images/101"), Texts{"vm-101-disk-0.raw"});
}

TEST_F(RealVolumes, ImagesGrow) {
    const Guest guest = make_image();
    const auto inner_size = [&] {
        const Fd root = open_volume_root(image());
        struct statvfs space {};
        ::fstatvfs(root.get(), &space);
        return static_cast<int64_t>(space.f_blocks * space.f_frsize);
    };
    const int64_t before = inner_size();
    carry(ct_resize_plan(scratch_.engine, guest, {{"key", "rootfs"}, {"size", "+0.0625"}}));
    EXPECT_EQ(again().config.string_of("rootfs"), "local:101/vm-101-disk-0.raw,size=128M");
    EXPECT_GT(inner_size(), before + (48 << 20));
    EXPECT_NE(
        why_not([&] {
            (void)ct_resize_plan(scratch_.engine, again(), {{"key", "rootfs"}, {"size", "0.0625"}});
        }).find("only grows"),
        std::string::npos);
    {
        // Somebody looks into it: what is below must not be moved meanwhile.
        const Fd looks = open_volume_root(image());
        const std::string why = why_not([&] {
            carry(
                ct_resize_plan(scratch_.engine, again(), {{"key", "rootfs"}, {"size", "+0.0625"}}));
        });
        EXPECT_NE(why.find("is mounted"), std::string::npos) << why;
        EXPECT_EQ(fs::file_size(image()), 128U << 20);
    }
    start(again());
    EXPECT_EQ(state(), GuestState::running);
    // A kernel lets it grow in use only where we may raise limits (CAP_SYS_RESOURCE).
    const std::string status = host_.read("/proc/self/status").value_or("");
    const auto at = status.find("CapEff:");
    const bool may =
        (std::strtoull(status.substr(at + 8, 17).c_str(), nullptr, 16) >> 24 & 1U) != 0;
    const std::string why = why_not([&] {
        carry(ct_resize_plan(scratch_.engine, again(), {{"key", "rootfs"}, {"size", "+0.0625"}}));
    });
    EXPECT_EQ(why.empty(), may) << why;
    EXPECT_EQ(state(), GuestState::running);
    stop(again());
    start(again());
    EXPECT_EQ(state(), GuestState::running);
}

TEST_F(RealVolumes, MorePlacesOfAnySort) {
    const Guest guest = make_image({"mp0=local:0.0625,mp=/srv"});
    EXPECT_EQ(guest.config.string_of("mp0"), "local:101/vm-101-disk-1.raw,mp=/srv,size=64M");
    start(guest);
    EXPECT_EQ(inside("echo here >/srv/file && cat /srv/file"), "here\n");
    stop(guest);
    carry(kind().set(scratch_.engine, again(), {{"values", Texts{"mp1=local:0.0625,mp=/more"}}}));
    carry(kind().set(scratch_.engine, again(), {{"delete", Texts{"mp0"}}}));
    EXPECT_EQ(again().config.string_of("unused0"), "local:101/vm-101-disk-1.raw");
    carry(ct_volume_delete_plan(scratch_.engine, again(), {{"key", "unused0"}}));
    EXPECT_EQ(host_.list(host_.state_folder() + "/images/101"),
              (Texts{"vm-101-disk-0.raw", "vm-101-disk-2.raw"}));
}

TEST_F(RealVolumes, FilesGoInAndOut) {
    for (const bool image : {false, true}) {
        SCOPED_TRACE(image);
        const Guest guest = image ? make_image() : make(false);
        const std::string file = text_file("given", "words\n"), back = text_file("back", "old\n");
        const auto push = [&](const std::string& path) {
            carry(ct_push_plan(scratch_.engine, again(), {{"file", file}, {"path", path}}));
        };
        const auto pull = [&](const std::string& path) {
            carry(ct_pull_plan(scratch_.engine, again(),
                               {{"path", path}, {"file", back}, {"force", true}}));
            return host_.read(back).value_or("");
        };
        push("/root/");
        EXPECT_EQ(pull("/root/given"), "words\n");
        start(guest);
        EXPECT_EQ(inside("cat /root/given; stat -c %u:%g /root/given"), "words\n0:0\n");
        // What is mounted inside is seen as inside.
        push("/run/given");
        EXPECT_EQ(inside("cat /run/given"), "words\n");
        inside("chown 7:8 /run/given && chmod 600 /run/given && echo more >/run/given");
        EXPECT_EQ(pull("/run/given"), "more\n");
        push("/run/given");
        EXPECT_EQ(inside("stat -c %u:%g:%a /run/given"), "7:8:600\n");
        // No link leads out, and nothing but plain files is read or replaced.
        inside(
            "ln -s /../../../../../../../../etc/hostname /root/out; mkfifo /root/pipe; "
            "ln -s /proc/1/root/etc /root/magic; echo inner >/etc/hostname");
        EXPECT_EQ(pull("/root/out"), "inner\n");
        EXPECT_NE(why_not([&] { pull("/root/pipe"); }).find("no plain file"), std::string::npos);
        EXPECT_NE(why_not([&] { push("/root/out"); }).find("no plain file"), std::string::npos);
        EXPECT_NE(why_not([&] { pull("/root/magic/passwd"); }), "");
        EXPECT_NE(why_not([&] { pull("/etc"); }).find("it is a folder"), std::string::npos);
        EXPECT_EQ(inside("ls -a /root | grep lodge-new; ls -a /run | grep lodge-new"), "");
        carry(kind().destroy(scratch_.engine, again(), {{"force", true}}));
    }
}

TEST_F(RealVolumes, ARootIsMountedForALook) {
    for (const bool image : {false, true}) {
        SCOPED_TRACE(image);
        const Guest guest = image ? make_image({"mp0=local:0.0625,mp=/var"}) : make(false);
        const std::string place = ct_mount_place(host_, 101);
        for (const bool running : {false, true}) {
            SCOPED_TRACE(running);
            if (running) start(again());
            if (running) inside("echo seen >/etc/seen");
            carry(ct_mount_plan(scratch_.engine, again(), {}));
            EXPECT_TRUE(fs::exists(place + "/bin/busybox"));
            EXPECT_EQ(fs::exists(place + "/etc/seen"), running);
            EXPECT_EQ(fs::exists(place + "/var/lost+found"), image);
            const Sighting seen = kind().look(scratch_.engine, again());
            EXPECT_EQ(seen.notes, Texts{"mounted at " + place});
            EXPECT_NE(why_not([&] {
                          (void)kind().destroy(scratch_.engine, again(), {});
                      }).find("lodge unmount 101"),
                      std::string::npos);
            struct statvfs space {};
            ASSERT_EQ(::statvfs(place.c_str(), &space), 0);
            EXPECT_EQ(space.f_flag & (ST_NOSUID | ST_NODEV), ST_NOSUID | ST_NODEV);
            {
                const Fd busy(::open((place + "/etc").c_str(), O_RDONLY | O_CLOEXEC));
                EXPECT_NE(why_not([&] {
                              carry(ct_unmount_plan(scratch_.engine, again(), {}));
                          }).find("somebody uses it"),
                          std::string::npos);
            }
            carry(ct_unmount_plan(scratch_.engine, again(), {}));
            EXPECT_FALSE(fs::exists(place));
            EXPECT_FALSE(again().config.current.has("lock"));
            EXPECT_TRUE(running || soon_no_loops());
        }
        carry(kind().destroy(scratch_.engine, again(), {{"force", true}}));
        EXPECT_TRUE(soon_no_loops());
    }
}

TEST_F(RealVolumes, AFullStorageIsRolledBack) {
    const std::string folder = scratch_.folder.path() + "/small";
    host_.make_folder(folder);
    ASSERT_EQ(::mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=6m"), 0);
    host_.write(host_.config_folder() + "/storage.cfg",
                "dir: small\n\tpath " + folder + "\n\tcontent images,rootdir\n");
    scratch_.engine.storages.forget();
    const std::string tree = scratch_.folder.path() + "/tree";
    host_.make_folder(tree + "/etc");
    std::string noise(9 << 20, '\0');
    uint32_t seed = 7;
    for (char& c : noise)
        c = static_cast<char>((seed = seed * 1664525U + 1013904223U) >> 24);
    for (const bool image : {false, true}) {
        SCOPED_TRACE(image);
        host_.write(tree + "/etc/noise", noise);
        Values words{{"template", tree}, {"net", "none"}, {"storage", "small"}};
        if (image) words.set({"disk", "0.0625"});
        const std::string why = why_not([&] { carry(kind().create(scratch_.engine, 101, words)); });
        EXPECT_NE(why, "");
        EXPECT_FALSE(host_.exists(scratch_.engine.store.path("lxc", 101)));
        EXPECT_TRUE(soon_no_loops());
        EXPECT_TRUE(host_.list(folder + "/images").empty()) << join(host_.list(folder), " ");
    }
    ::umount2(folder.c_str(), MNT_DETACH);
}

// A btrfs in a file.
class RealBtrfs : public RealVolumes {
  protected:
    void SetUp() override {
        RealVolumes::SetUp();
        if (!ready_) return;
        const std::string file = scratch_.folder.path() + "/btrfs.raw";
        std::ofstream(file).close();
        fs::resize_file(file, 256 << 20);
        Program make;
        make.argv = {host_.program("mkfs.btrfs").value_or(""), "-q", file};
        if (make.argv[0].empty() || run_program(make, std::chrono::seconds(60)).status != 0) {
            ready_ = false;
            GTEST_SKIP() << "mkfs.btrfs is not installed (btrfs-progs)";
        }
        ImageMount mount(file, "");
        host_.make_folder(top_);
        if (!mount || !mount.attach(top_)) {
            ready_ = false;
            GTEST_SKIP() << "this kernel has no btrfs";
        }
        host_.write(host_.config_folder() + "/storage.cfg",
                    "dir: pool\n\tpath " + top_ + "\n\tcontent images,rootdir\n");
        scratch_.engine.storages.forget();
    }
    void TearDown() override {
        RealContainer::TearDown();
        ::umount2(top_.c_str(), MNT_DETACH);
    }
    int btrfs(const Texts& words) const {
        Program program;
        program.argv = {"/usr/bin/btrfs"};
        program.argv.insert(program.argv.end(), words.begin(), words.end());
        return run_program(program, std::chrono::seconds(60)).status;
    }
    bool is_subvolume(const std::string& path) const {
        struct stat found {};
        return ::stat(path.c_str(), &found) == 0 && found.st_ino == 256;
    }
    int64_t used() const {
        struct statvfs space {};
        ::sync();
        ::statvfs(top_.c_str(), &space);
        return static_cast<int64_t>((space.f_blocks - space.f_bfree) * space.f_frsize);
    }
    Guest make_on_pool(const Texts& values = {}) {
        return make(false, values, {{"storage", "pool"}, {"disk", "0.0625"}});
    }
    const std::string top_ = scratch_.folder.path() + "/pool";
    const std::string root_ = top_ + "/images/101/subvol-101-disk-0.subvol";
};

TEST_F(RealBtrfs, SnapshotsAndClonesShareWhatIsTheSame) {
    const Guest guest = make_on_pool();
    EXPECT_EQ(guest.config.string_of("rootfs"), "pool:101/subvol-101-disk-0.subvol,size=64M");
    EXPECT_TRUE(is_subvolume(root_));
    start(guest);
    inside("dd if=/dev/urandom of=/root/big bs=1M count=20 2>/dev/null; echo one >/root/file");
    const int64_t before = used();
    carry(kind().snapshot(scratch_.engine, guest, {{"name", "before"}}));
    carry(kind().clone(scratch_.engine, again(), {{"id", 102}, {"snapshot", "before"}}));
    EXPECT_LT(used(), before + (8 << 20));
    EXPECT_TRUE(is_subvolume(root_ + "@before"));
    // Nobody changes a snapshot.
    EXPECT_LT(::open((root_ + "@before/new").c_str(), O_WRONLY | O_CREAT, 0600), 0);
    EXPECT_EQ(errno, EROFS);
    inside("echo two >/root/file");
    carry(kind().rollback(scratch_.engine, again(), {{"name", "before"}, {"start", true}}));
    EXPECT_EQ(inside("cat /root/file"), "one\n");
    EXPECT_TRUE(is_subvolume(root_));
    carry(kind().start(scratch_.engine, again(102), {}));
    carry(kind().delete_snapshot(scratch_.engine, again(), {{"name", "before"}}));
    EXPECT_EQ(host_.list(top_ + "/images/101"), Texts{"subvol-101-disk-0.subvol"});
    carry(kind().destroy(scratch_.engine, again(102), {{"force", true}}));
    EXPECT_EQ(host_.list(top_ + "/images"), Texts{"101"});
}

TEST_F(RealBtrfs, QuotasHoldAndFollow) {
    ASSERT_EQ(btrfs({"quota", "enable", top_}), 0);
    const Guest guest = make_on_pool();
    start(guest);
    EXPECT_NE(inside("dd if=/dev/urandom of=/root/big bs=1M count=120 conv=fsync 2>&1")
                  .find("quota exceeded"),
              std::string::npos);
    inside("rm /root/big");
    stop(again());
    carry(ct_resize_plan(scratch_.engine, again(), {{"key", "rootfs"}, {"size", "0.125"}}));
    start(again());
    EXPECT_EQ(inside("dd if=/dev/urandom of=/root/big bs=1M count=80 conv=fsync 2>/dev/null && "
                     "echo fits"),
              "fits\n");
    inside("rm /root/big");
    // What a snapshot brings back has its limit too.
    carry(kind().snapshot(scratch_.engine, again(), {{"name", "before"}}));
    carry(kind().rollback(scratch_.engine, again(), {{"name", "before"}, {"start", true}}));
    EXPECT_NE(inside("dd if=/dev/urandom of=/root/big bs=1M count=160 conv=fsync 2>&1")
                  .find("quota exceeded"),
              std::string::npos);
}

}  // namespace
}  // namespace lodge
