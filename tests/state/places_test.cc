// Disks, links and storages: what is looked at only when it is shown.
#include <gtest/gtest.h>

#include <thread>

#include "engine/network/tap.h"
#include "engine/state/mounts.h"
#include "engine/state/reach.h"
#include "tests/state/fake_machine.h"

namespace lodge {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view some_mounts =
    "22 1 0:21 / /proc rw,relatime - proc proc rw\n"
    "27 1 254:1 / / rw,relatime shared:1 master:2 - ext4 /dev/vda1 rw\n"
    "30 27 254:1 /srv /bind rw - ext4 /dev/vda1 rw\n"
    "31 27 0:50 / /mnt/with\\040blank rw - nfs4 server:/a\\134b rw\n"
    "32 27 0:51 / /mnt/sub rw - fuse.sshfs x rw\n"
    "33 32 0:52 / /mnt/sub/deep rw - btrfs /dev/sdb1 rw\n"
    "rubbish\n\n";

TEST(Mounts, are_taken_apart) {
    const auto mounts = parse_mounts(some_mounts);
    ASSERT_EQ(mounts.size(), 6u);
    EXPECT_EQ(mounts[1].device, "254:1");
    EXPECT_EQ(mounts[1].source, "/dev/vda1");
    EXPECT_EQ(mounts[3].point, "/mnt/with blank");
    EXPECT_EQ(mounts[3].source, "server:/a\\b");
    EXPECT_TRUE(mounts[3].may_hang());
    EXPECT_TRUE(mounts[4].may_hang());
    EXPECT_FALSE(mounts[5].may_hang());
    EXPECT_EQ(mount_of(mounts, "/mnt/sub/deep/x")->type, "btrfs");
    EXPECT_EQ(mount_of(mounts, "/mnt/subway")->type, "ext4");
    EXPECT_EQ(mount_of(mounts, "/mnt/sub")->type, "fuse.sshfs");
    EXPECT_EQ(mount_of({}, "/x"), nullptr);
}

TEST(Reach, an_answer_is_there_later) {
    Reach reach;
    const auto now = std::chrono::steady_clock::now();
    bool answered = reach.answers("/", now);
    EXPECT_FALSE(answered);
    for (int i = 0; i < 2000 && !answered; ++i) {
        std::this_thread::sleep_for(5ms);
        answered = reach.answers("/", now + 1s);
    }
    EXPECT_TRUE(answered);
    EXPECT_TRUE(reach.answers("/", now + 5s));
    EXPECT_FALSE(reach.answers("/", now + 60s));
}

class Places : public testing::Test {
  protected:
    FakeMachine machine;
    State state{machine.eyes()};
    const std::string here = machine.scratch.path();
};

TEST_F(Places, disks_with_what_is_on_them) {
    machine.put("/sys/block/nvme0n1/size", "1000\n");
    machine.put("/sys/block/nvme0n1/device/model", "Fast One   \n");
    machine.put("/sys/block/nvme0n1/queue/rotational", "0\n");
    machine.put("/sys/block/nvme0n1/removable", "0\n");
    machine.put("/sys/block/nvme0n1/nvme0n1p2/partition", "2\n");
    machine.put("/sys/block/sda/size", "2000\n");
    machine.put("/sys/block/sda/device/model", "Slow One\n");
    machine.put("/sys/block/sda/queue/rotational", "1\n");
    machine.put("/sys/block/sr0/size", "0\n");
    machine.put("/sys/block/sr0/device/model", "DVD\n");
    machine.put("/sys/block/loop0/size", "8\n");
    machine.put("/sys/block/dm-0/slaves/nvme0n1p2/x", "");
    machine.put("/sys/block/dm-0/slaves/sda/x", "");
    std::filesystem::create_directories(machine.host.system("/sys/dev/block"));
    std::filesystem::create_symlink("../../devices/virtual/block/dm-0",
                                    machine.host.system("/sys/dev/block/253:0"));
    machine.put("/proc/self/mountinfo",
                "27 1 259:2 / " + here + " rw - ext4 /dev/nvme0n1p2 rw\n" + "28 1 253:0 / " + here +
                    "/.. rw - xfs /dev/mapper/vg-data rw\n" + "29 1 0:9 / " + here +
                    " rw - tmpfs tmpfs rw\n" + "30 1 9:9 / " + here +
                    " rw - ext4 /dev/strange rw\n" + "31 1 0:8 / /nowhere rw - nfs a:/b rw\n");
    machine.put("/proc/diskstats", "259 0 nvme0n1 1 0 10 0 1 0 20 0 0 100 0\n");
    state.look_at_disks();
    machine.put("/proc/diskstats", "259 0 nvme0n1 1 0 30 0 1 0 20 0 0 600 0\n");
    machine.pass(1s);
    const uint64_t before = state.generation(State::Part::disks);
    state.look_at_disks();
    EXPECT_GT(state.generation(State::Part::disks), before);
    const auto& disks = state.seen().disks;
    ASSERT_EQ(disks.size(), 2u);
    EXPECT_EQ(disks[0].name, "nvme0n1");
    EXPECT_EQ(disks[0].model, "Fast One");
    EXPECT_EQ(disks[0].size, 512000);
    EXPECT_EQ(disks[0].read, 20 * 512.0);
    EXPECT_EQ(disks[0].write, 0.0);
    EXPECT_EQ(disks[0].busy, 0.5);
    EXPECT_TRUE(disks[1].rotational);
    EXPECT_FALSE(disks[1].read.has_value());
    ASSERT_EQ(disks[0].file_systems.size(), 2u);
    EXPECT_EQ(disks[0].file_systems[0].device, "/dev/nvme0n1p2");
    EXPECT_GT(disks[0].file_systems[0].total, 0);
    ASSERT_EQ(disks[1].file_systems.size(), 1u);
    EXPECT_EQ(disks[1].file_systems[0].type, "xfs");
    ASSERT_EQ(state.seen().other_file_systems.size(), 1u);
    EXPECT_EQ(state.seen().other_file_systems[0].device, "/dev/strange");
}

TEST_F(Places, storages_and_who_uses_their_volumes) {
    const std::string other = here + "/other";
    machine.host.write_volatile(machine.host.config_folder() + "/storage.cfg",
                                "dir: big\n\tpath " + other +
                                    "\n\tcontent images,iso\n\nzfspool: tank\n\tpool tank\n\n"
                                    "dir: off\n\tpath /x\n\tdisable\n");
    machine.host.write_volatile(other + "/images/101/vm-101-disk-0.raw", std::string(5000, 'x'));
    machine.host.write_volatile(other + "/template/iso/debian.iso", "iso");
    machine.guest(101,
                  "name: web\nide2: big:iso/debian.iso,media=cdrom\n"
                  "scsi0: big:101/vm-101-disk-0.raw,size=5000\nunused0: gone:101/x.raw\n"
                  "[before]\nscsi0: file=big:101/vm-101-disk-0.raw\n");
    state.look();
    state.look_at_storages();
    const auto& storages = state.seen().storages;
    ASSERT_EQ(storages.size(), 4u);
    EXPECT_EQ(storages[0].id, "local");
    EXPECT_EQ(storages[1].id, "big");
    EXPECT_EQ(storages[1].path, other);
    EXPECT_EQ(storages[1].contents, (std::vector<std::string>{"images", "iso"}));
    ASSERT_TRUE(storages[1].active());
    EXPECT_GT(storages[1].space->total, 0);
    ASSERT_EQ(storages[1].volumes.size(), 2u);
    const VolumeView& disk = storages[1].volumes[0];
    EXPECT_EQ(disk.info.id, "big:101/vm-101-disk-0.raw");
    EXPECT_EQ(disk.info.size, 5000);
    EXPECT_EQ(disk.info.owner, 101);
    EXPECT_GT(disk.time, 0);
    ASSERT_EQ(disk.users.size(), 2u);
    EXPECT_EQ(disk.users[0].key, "scsi0");
    EXPECT_EQ(disk.users[1].snapshot, "before");
    EXPECT_EQ(storages[1].volumes[1].users[0].key, "ide2");
    EXPECT_NE(storages[2].trouble.find("cannot use yet"), std::string::npos);
    EXPECT_NE(storages[3].trouble.find("disabled"), std::string::npos);
    // A new volume is seen, though not at each look.
    machine.host.write_volatile(other + "/template/iso/other.iso", "iso");
    state.look_at_storages();
    EXPECT_EQ(state.seen().storages[1].volumes.size(), 2u);
    machine.pass(600s);
    state.look_at_storages();
    EXPECT_EQ(state.seen().storages[1].volumes.size(), 3u);
}

TEST_F(Places, a_storage_of_another_machine_is_not_waited_for) {
    machine.host.write_volatile(machine.host.config_folder() + "/storage.cfg",
                                "dir: share\n\tpath " + here + "\n\tcontent iso\n");
    machine.put("/proc/self/mountinfo", "27 1 0:44 / " + here + " rw - nfs4 server:/export rw\n");
    state.look_at_storages();
    EXPECT_EQ(state.seen().storages[1].trouble,
              here + " (nfs4 from server:/export) does not answer");
    for (int i = 0; i < 2000 && !state.seen().storages[1].active(); ++i) {
        std::this_thread::sleep_for(5ms);
        state.look_at_storages();
    }
    EXPECT_TRUE(state.seen().storages[1].active());
}

TEST_F(Places, links_of_the_real_kernel) {
    state.look_at_links();
    EXPECT_EQ(state.seen().link_trouble, "");
    const auto find = [&](const std::string& name) -> const LinkView* {
        for (const LinkView& link : state.seen().links)
            if (link.name == name) return &link;
        return nullptr;
    };
    const LinkView* lo = find("lo");
    ASSERT_NE(lo, nullptr);
    EXPECT_EQ(lo->kind, "loopback");
    EXPECT_EQ(lo->mac, "");
    EXPECT_EQ(lo->guest, 0);
    if (::geteuid() != 0 || ::access("/dev/net/tun", R_OK) != 0) return;
    const std::string name = fmt::format("tap{}i3", 1000000 + ::getpid());
    if (name.size() > 15) return;
    std::vector<std::string> notes;
    TapWish wish;
    wish.name = name;
    Fd tap;
    try {
        tap = make_tap(wish, notes);
    } catch (const Error&) {
        GTEST_SKIP() << "no tap here";
    }
    machine.pass(1s);
    state.look_at_links();
    const LinkView* made = find(name);
    ASSERT_NE(made, nullptr);
    EXPECT_EQ(made->kind, "tap");
    EXPECT_TRUE(made->enabled);
    EXPECT_EQ(made->guest, 1000000 + ::getpid());
    EXPECT_EQ(made->guest_key, "net3");
    EXPECT_EQ(made->mac.size(), 17u);
    EXPECT_EQ(find("lo")->in.has_value(), true);
}

}  // namespace
}  // namespace lodge
