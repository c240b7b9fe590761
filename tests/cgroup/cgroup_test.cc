#include "engine/cgroup.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "engine/container/use.h"
#include "engine/guest_user.h"
#include "engine/process.h"
#include "engine/units.h"
#include "tests/support/scratch.h"

namespace lodge {
namespace {

void expect_has(const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
}

// A machine whose /proc and /sys are a folder's.
struct FakeMachine {
    ScratchFolder folder;
    Host host{places()};
    Host::Places places() const {
        Host::Places places = ScratchEngine::places(folder.path());
        places.sysroot = folder.path();
        return places;
    }
    void file(const std::string& path, const std::string& content) const {
        host.write(folder.path() + path, content);
    }
    std::string read(const std::string& path) const { return host.read_line(folder.path() + path); }
};

TEST(Cgroup, version_2) {
    FakeMachine machine;
    machine.file("/proc/self/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n");
    machine.file("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n");
    machine.file("/sys/fs/cgroup/cgroup.subtree_control", "memory\n");
    Cgroup cgroup(machine.host, 101);
    const std::string below = cgroup.folder().substr(machine.folder.path().size());
    const std::string top = below.substr(0, below.rfind('/'));
    for (const char* name : {"/cpu.max", "/cpu.weight", "/cgroup.procs"})
        machine.file(below + name, "");
    machine.file(top + "/cgroup.subtree_control", "");
    CpuShare share;
    share.cpus = 1.5;
    share.units = 20000;
    EXPECT_EQ(cgroup.prepare(share), "");
    EXPECT_TRUE(cgroup.notes().empty()) << cgroup.notes().front();
    EXPECT_EQ(machine.read(below + "/cpu.max"), "150000 100000");
    EXPECT_EQ(machine.read(below + "/cpu.weight"), "10000");
    expect_has(machine.read("/sys/fs/cgroup/cgroup.subtree_control"), "+cpu");
    expect_has(machine.read(top + "/cgroup.subtree_control"), "+cpu");
    machine.file(below + "/cpu.max", "");
    machine.file(below + "/cpu.weight", "");
    cgroup.change({});
    EXPECT_EQ(machine.read(below + "/cpu.max"), "max 100000");
    EXPECT_EQ(machine.read(below + "/cpu.weight"), "100");
}

TEST(Cgroup, of_a_user_ends_at_logout_but_for_lingering) {
    FakeMachine machine;
    auto places = machine.places();
    EXPECT_EQ(ends_at_logout(Host(places)), "");
    places.uid = 4'000'000'000;  // nobody has it
    const Host host(places);
    EXPECT_EQ(ends_at_logout(host), "") << "no systemd of theirs runs";
    machine.file("/run/user/4000000000/systemd/private", "");
    expect_has(ends_at_logout(host), "loginctl enable-linger 4000000000");
    machine.file("/var/lib/systemd/linger/4000000000", "");
    EXPECT_EQ(ends_at_logout(host), "");
}

TEST(Cgroup, a_user_has_what_their_systemd_gives_over) {
    FakeMachine machine;
    auto places = machine.places();
    places.uid = 1000;
    const Host host(places);
    const std::string own = "/user.slice/user-1000.slice/user@1000.service";
    machine.file("/proc/self/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n");
    machine.file("/sys/fs/cgroup" + own + "/cgroup.controllers", "cpu memory pids\n");
    EXPECT_EQ(user_systemd_group(host), "") << "it does not run";
    machine.file("/run/user/1000/systemd/private", "");
    EXPECT_EQ(user_systemd_group(host), own);
    places.uid = 0;
    EXPECT_EQ(user_systemd_group(Host(places)), "");
}

TEST(Cgroup, version_1_moves_who_has_not_entered) {
    FakeMachine machine;
    machine.file("/proc/self/mounts", "cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n");
    Cgroup cgroup(machine.host, 101);
    const std::string below = cgroup.folder().substr(machine.folder.path().size());
    for (const char* name : {"/cpu.cfs_period_us", "/cpu.cfs_quota_us", "/cpu.shares", "/tasks"})
        machine.file(below + name, "");
    machine.file(below + "/cgroup.procs", "77\n");
    EXPECT_EQ(cgroup.prepare({}), cgroup.folder() + "/tasks");
    cgroup.enter({77}, {});
    EXPECT_EQ(machine.read(below + "/cgroup.procs"), "77");
    cgroup.enter({77, 78}, {});
    EXPECT_EQ(machine.read(below + "/cgroup.procs"), "78");
    EXPECT_TRUE(cgroup.notes().empty());
}

TEST(Cgroup, none) {
    FakeMachine machine;
    machine.file("/proc/self/mounts", "proc /proc proc rw 0 0\n");
    Cgroup cgroup(machine.host, 101);
    EXPECT_EQ(cgroup.prepare({}), "");
    EXPECT_TRUE(cgroup.notes().empty());
    CpuShare share;
    share.cpus = 2;
    share.units = 50;
    EXPECT_EQ(cgroup.prepare(share), "");
    ASSERT_EQ(cgroup.notes().size(), 1u);
    expect_has(cgroup.notes()[0], "cpulimit 2 and cpuunits 50 not enforced: the kernel offers no");
    cgroup.remove();
}

TEST(Cgroup, two_lodges_do_not_meet) {
    ScratchEngine one, two;
    EXPECT_NE(Cgroup(one.host, 101).scope_name(), Cgroup(two.host, 101).scope_name());
    Host::Places usual = ScratchEngine::places("");
    usual.uid = 0;
    usual.run = "/run/lodge";
    EXPECT_EQ(Cgroup(Host(usual), 101).scope_name(), "lodge-101.scope");
}

// The real kernel: a process that wants a whole processor gets a fifth of one.
TEST(Cgroup, limit_is_kept) {
    ScratchEngine scratch;
    Cgroup cgroup(scratch.host, 101);
    CpuShare share;
    share.cpus = 0.2;
    share.units = 512;
    Program busy;
    busy.argv = {"/bin/sh", "-c", "while :; do :; done"};
    busy.enter_group = cgroup.prepare(share);
    if (!cgroup.notes().empty()) GTEST_SKIP() << cgroup.notes().front();
    if (cgroup.folder().empty()) GTEST_SKIP() << "systemd keeps the groups here";
    const Fd nothing(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    const pid_t pid = start_detached(busy, nothing.get());
    const std::string inside = scratch.host.read(cgroup.folder() + "/cgroup.procs").value_or("");
    EXPECT_EQ(inside.empty(), busy.enter_group.empty()) << inside;
    cgroup.enter({pid}, share);
    EXPECT_TRUE(cgroup.notes().empty());
    ::usleep(1'000'000);
    const std::string stat =
        scratch.host.read("/proc/" + std::to_string(pid) + "/stat").value_or("");
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    int field = 2;
    double used = 0;
    for (const std::string& word : split(stat.substr(stat.rfind(')') + 2), ' '))
        if (++field == 14 || field == 15) used += std::stod(word);
    used /= static_cast<double>(::sysconf(_SC_CLK_TCK));
    EXPECT_LT(used, 0.45);
    EXPECT_TRUE(scratch.host.exists(cgroup.folder()));
    cgroup.remove();
    EXPECT_FALSE(scratch.host.exists(cgroup.folder()));
    cgroup.remove();
}

TEST(GuestUser, what_it_cannot_reach_is_named) {
    ScratchEngine scratch;
    if (!scratch.host.is_root()) GTEST_SKIP() << "only root has guests run as someone else";
    const auto user = guest_user(scratch.host);
    ASSERT_TRUE(user);
    const std::string top = scratch.folder.path();
    scratch.host.make_folder(top + "/closed", 0700);
    scratch.host.write(top + "/closed/a.iso", "x", 0644);
    scratch.host.write(top + "/b.iso", "x", 0600);
    scratch.host.write(top + "/c.iso", "x", 0644);
    expect_has(why_unreachable(user, top + "/closed/a.iso", false),
               "cannot pass the folder " + top + "/closed to");
    expect_has(why_unreachable(user, top + "/b.iso", false), "may not read");
    EXPECT_EQ(why_unreachable(user, top + "/c.iso", false), "");
    expect_has(why_unreachable(user, top + "/c.iso", true), "may not write");
    give_to(user, top + "/b.iso");
    EXPECT_EQ(why_unreachable(user, top + "/b.iso", true), "");
    // We are root again.
    EXPECT_EQ(why_unreachable({}, top + "/closed/a.iso", true), "");
    expect_has(why_unreachable(user, top + "/none", false), "No such file");
}

}  // namespace
}  // namespace lodge
