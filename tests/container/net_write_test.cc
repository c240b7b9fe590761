#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "engine/container/net.h"
#include "engine/container/root_folder.h"
#include "engine/error.h"
#include "engine/store.h"
#include "tests/support/cases.h"
#include "tests/support/scratch.h"

namespace lodge {
namespace {

namespace fs = std::filesystem;

// A root file system, and beside it a folder that nothing inside may reach.
class CtNetWrite : public testing::Test {
  protected:
    void SetUp() override {
        fs::create_directories(root + "/etc/network");
        fs::create_directories(root + "/usr/sbin");
        fs::create_directories(outside);
        put(root + "/usr/sbin/ifup", "");
        put(root + "/usr/lib/os-release", "ID=debian\n");
        fs::create_symlink("../usr/lib/os-release", root + "/etc/os-release");
        facts.id = 102;
        facts.bridges = {"vmbr0"};
        facts.nameservers = {"192.0.2.53"};
    }
    static void put(const std::string& path, const std::string& text) {
        fs::create_directories(fs::path(path).parent_path());
        std::ofstream(path) << text;
    }
    std::vector<std::string> write(const std::string& more = "") {
        const Config config = Config::parse(
            "hostname: web\nnet0: name=eth0,bridge=vmbr0,ip=192.0.2.10/24,gw=192.0.2.1\n" + more,
            container_schema(), "102.conf");
        return write_ct_net_files(config, facts, root, owner);
    }
    std::string inside(const std::string& path) const { return cases::read(root + path); }
    bool nothing_outside() const { return fs::is_empty(outside); }

    ScratchFolder folder;
    const std::string root = folder.path() + "/rootfs", outside = folder.path() + "/outside";
    CtNetFacts facts;
    CtOwner owner{::geteuid(), ::getegid()};
};

TEST_F(CtNetWrite, writes_what_the_system_reads) {
    put(root + "/etc/hosts", "192.0.2.77 printer\n");
    EXPECT_TRUE(write().empty());
    EXPECT_EQ(inside("/etc/hostname"), "web\n");
    EXPECT_NE(inside("/etc/hosts").find("192.0.2.77 printer\n"), std::string::npos);
    EXPECT_NE(inside("/etc/hosts").find("192.0.2.10 web\n"), std::string::npos);
    EXPECT_NE(inside("/etc/network/interfaces").find("address 192.0.2.10"), std::string::npos);
    EXPECT_NE(inside("/etc/resolv.conf").find("nameserver 192.0.2.53"), std::string::npos);
    for (const auto& entry : fs::recursive_directory_iterator(root))
        EXPECT_EQ(entry.path().string().find(".lodge-new"), std::string::npos) << entry.path();
}

TEST_F(CtNetWrite, leaves_a_file_alone_that_is_right_already) {
    write();
    struct stat before {
    }, after{};
    ASSERT_EQ(::stat((root + "/etc/hosts").c_str(), &before), 0);
    write();
    ASSERT_EQ(::stat((root + "/etc/hosts").c_str(), &after), 0);
    EXPECT_EQ(before.st_ino, after.st_ino);
}

TEST_F(CtNetWrite, belongs_to_the_containers_root) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root gives files away";
    owner = {100000, 100001};
    put(root + "/etc/hosts", "mine\n");
    ASSERT_EQ(::chown((root + "/etc/hosts").c_str(), 100007, 100008), 0);
    ASSERT_EQ(::chmod((root + "/etc/hosts").c_str(), 0640), 0);
    fs::remove(root + "/usr/sbin/ifup");
    put(root + "/usr/lib/systemd/systemd-networkd", "");
    write();
    struct stat found {};
    ASSERT_EQ(::stat((root + "/etc/hostname").c_str(), &found), 0);
    EXPECT_EQ(found.st_uid, 100000U);
    EXPECT_EQ(found.st_gid, 100001U);
    ASSERT_EQ(::stat((root + "/etc/hosts").c_str(), &found), 0);
    EXPECT_EQ(found.st_uid, 100007U);
    EXPECT_EQ(found.st_mode & 07777, 0640U);
    ASSERT_EQ(::stat((root + "/etc/systemd/network").c_str(), &found), 0);
    EXPECT_EQ(found.st_uid, 100000U);
    EXPECT_TRUE(fs::exists(root + "/etc/systemd/network/eth0.network"));
}

TEST_F(CtNetWrite, heeds_the_marks_of_proxmox) {
    put(root + "/etc/.pve-ignore.hosts", "");
    put(root + "/etc/network/.pve-ignore.interfaces", "");
    put(root + "/etc/hosts", "mine\n");
    write();
    EXPECT_EQ(inside("/etc/hosts"), "mine\n");
    EXPECT_FALSE(fs::exists(root + "/etc/network/interfaces"));
    EXPECT_EQ(inside("/etc/hostname"), "web\n");
}

TEST_F(CtNetWrite, no_link_leads_out) {
    fs::create_symlink(outside + "/hosts", root + "/etc/hosts");
    fs::create_symlink("../../outside/hostname", root + "/etc/hostname");
    fs::remove(root + "/etc/network");
    fs::create_symlink("../../outside", root + "/etc/network");
    const auto notes = write();
    EXPECT_TRUE(nothing_outside());
    ASSERT_EQ(notes.size(), 3U);
    EXPECT_EQ(notes[1], "/etc/hosts inside is no plain file: it is left as it is");
    EXPECT_NE(notes[2].find("cannot write /etc/network/interfaces"), std::string::npos) << notes[2];
}

TEST_F(CtNetWrite, a_folder_that_is_a_link_stays_inside) {
    fs::remove(root + "/etc/network");
    fs::create_symlink("/opt/network", root + "/etc/network");
    fs::create_directories(root + "/opt/network");
    EXPECT_TRUE(write().empty());
    EXPECT_TRUE(fs::exists(root + "/opt/network/interfaces"));
}

TEST_F(CtNetWrite, an_etc_that_is_a_link_to_ours) {
    fs::remove_all(root + "/etc");
    fs::create_symlink("/etc", root + "/etc");  // a loop, seen from inside
    EXPECT_TRUE(write().empty());
    fs::remove(root + "/etc");
    fs::create_symlink("/proc/self/root" + outside, root + "/etc");
    EXPECT_TRUE(write().empty());
    EXPECT_TRUE(nothing_outside());
}

TEST_F(CtNetWrite, pipes_folders_and_huge_files_stay) {
    ASSERT_EQ(::mkfifo((root + "/etc/hostname").c_str(), 0600), 0);
    fs::create_directories(root + "/etc/hosts");
    put(root + "/etc/resolv.conf", "");
    fs::resize_file(root + "/etc/resolv.conf", 64 << 20);
    const auto notes = write();
    EXPECT_EQ(notes.size(), 3U);
    EXPECT_EQ(fs::file_size(root + "/etc/resolv.conf"), 64U << 20);
    EXPECT_TRUE(fs::exists(root + "/etc/network/interfaces"));
}

TEST_F(CtNetWrite, a_left_over_link_in_the_way_of_the_new_file) {
    fs::create_symlink(outside + "/new", root + "/etc/.hostname.lodge-new");
    write();
    EXPECT_TRUE(nothing_outside());
    EXPECT_EQ(inside("/etc/hostname"), "web\n");
}

TEST_F(CtNetWrite, says_when_there_is_no_such_folder) {
    const Config config = Config::parse("", container_schema(), "102.conf");
    EXPECT_THROW(write_ct_net_files(config, facts, root + "/nowhere", owner), Error);
}

TEST_F(CtNetWrite, tells_systems_apart) {
    const auto word = [&](const std::string& ostype = "") {
        const CtSystem system = look_at_ct_system(root, ostype);
        return system.family + " " + std::string(ct_manager_word(system.manager));
    };
    EXPECT_EQ(word(), "debian ifupdown");
    fs::remove(root + "/usr/sbin/ifup");
    EXPECT_EQ(word(), "debian none");
    put(root + "/lib/systemd/systemd-networkd", "");
    EXPECT_EQ(word(), "debian networkd");
    put(root + "/usr/lib/os-release", "NAME=\"x\"\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n");
    put(root + "/usr/sbin/netplan", "");
    EXPECT_EQ(word(), "ubuntu netplan");
    put(root + "/usr/lib/os-release", "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n");
    EXPECT_EQ(word(), "fedora networkd");
    put(root + "/usr/sbin/NetworkManager", "");
    EXPECT_EQ(word(), "fedora networkmanager");
    put(root + "/etc/sysconfig/network-scripts/ifcfg-eth0", "");
    EXPECT_EQ(word("centos"), "fedora ifcfg");
    fs::remove(root + "/etc/os-release");
    put(root + "/usr/lib/os-release", "");
    put(root + "/etc/alpine-release", "3.20\n");
    put(root + "/sbin/ifup", "");
    fs::remove(root + "/usr/sbin/netplan");
    EXPECT_EQ(word(), "alpine ifupdown");
    EXPECT_TRUE(look_at_ct_system(root, "").fixed_resolv);
    fs::create_symlink("../run/systemd/resolve/stub-resolv.conf", root + "/etc/resolv.conf");
    EXPECT_FALSE(look_at_ct_system(root, "").fixed_resolv);
}

}  // namespace
}  // namespace lodge
