#include "tests/container/real.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <thread>

// Containers of this machine's busybox, started for real.

namespace lodge {
namespace {

namespace fs = std::filesystem;

TEST_F(RealContainer, UnprivilegedRootIsNobodyHere) {
    const Guest guest = make(false);
    start(guest);
    EXPECT_EQ(state(), GuestState::running);
    struct stat found {};
    ASSERT_EQ(::stat(fmt::format("/proc/{}", init()).c_str(), &found), 0);
    EXPECT_EQ(found.st_uid, 100000u);
    EXPECT_EQ(inside("id -u; hostname"), "0\nweb\n");
    EXPECT_THROW(start(guest), Error);
    carry(kind().shutdown(scratch_.engine, guest, {{"timeout", 60}}));
    EXPECT_EQ(state(), GuestState::stopped);
    EXPECT_FALSE(fs::exists(guest_run_folder(host_, 101)));
}

TEST_F(RealContainer, PrivilegedRootIsRootWithFewerCapabilities) {
    const Guest guest = make(true);
    start(guest);
    struct stat found {};
    ASSERT_EQ(::stat(fmt::format("/proc/{}", init()).c_str(), &found), 0);
    EXPECT_EQ(found.st_uid, 0u);
    const std::string status = host_.read(fmt::format("/proc/{}/status", init())).value_or("");
    EXPECT_EQ(status.find("CapBnd:\t000001ffffffffff"), std::string::npos) << status;
    stop(guest);
    EXPECT_EQ(state(), GuestState::stopped);
}

TEST_F(RealContainer, LimitsHoldAndChangeWhileItRuns) {
    const Guest guest = make(false, {"cpulimit=0.5", "pids=40"});
    start(guest);
    const std::string group = ct_group(host_, 101, "memory");
    if (group.empty()) GTEST_SKIP() << "this machine has no control group for memory";
    const bool version1 = fs::exists(group + "/memory.limit_in_bytes");
    const std::string file = group + (version1 ? "/memory.limit_in_bytes" : "/memory.max");
    EXPECT_EQ(host_.read_line(file), std::to_string(64 << 20));
    EXPECT_EQ(host_.read_line(ct_group(host_, 101, "pids") + "/pids.max"), "40");
    // More than it may have: the kernel ends the one that takes it, not the container.
    inside("head -c 100000000 /dev/zero | tail -c 90000000 | wc -c");
    EXPECT_EQ(state(), GuestState::running);
    carry(kind().set(scratch_.engine, load_guest(scratch_.engine, 101),
                     {{"values", std::vector<std::string>{"memory=96"}}}));
    EXPECT_EQ(host_.read_line(file), std::to_string(96 << 20));
    carry(kind().set(scratch_.engine, load_guest(scratch_.engine, 101),
                     {{"values", std::vector<std::string>{"pids=30"}}}));
    EXPECT_EQ(host_.read_line(ct_group(host_, 101, "pids") + "/pids.max"), "30");
    EXPECT_NE(
        inside("i=0; while [ $i -lt 60 ]; do sleep 5 & i=$((i+1)); done 2>&1").find("can't fork"),
        std::string::npos);
    carry(kind().set(scratch_.engine, load_guest(scratch_.engine, 101),
                     {{"delete", std::vector<std::string>{"pids"}}}));
    EXPECT_EQ(host_.read_line(ct_group(host_, 101, "pids") + "/pids.max"), "max");
    carry(kind().set(scratch_.engine, load_guest(scratch_.engine, 101),
                     {{"values", std::vector<std::string>{"tty=4"}}}));
    EXPECT_EQ(load_guest(scratch_.engine, 101).config.pending.get("tty"), "4");
}

TEST_F(RealContainer, PausesAndGoesOn) {
    const Guest guest = make(false);
    start(guest);
    carry(kind().suspend(scratch_.engine, guest, {}));
    EXPECT_EQ(state(), GuestState::paused);
    EXPECT_THROW((void)kind().suspend(scratch_.engine, guest, {}), Error);
    carry(kind().resume(scratch_.engine, guest, {}));
    EXPECT_EQ(state(), GuestState::running);
    // A paused one is stopped all the same.
    carry(kind().suspend(scratch_.engine, guest, {}));
    stop(guest);
    EXPECT_EQ(state(), GuestState::stopped);
}

TEST_F(RealContainer, OneThatIgnoresTheRequestIsSaidSo) {
    const Guest guest = make(false, {"entrypoint=/bin/sleep 1000"});
    start(guest);
    try {
        carry(kind().shutdown(scratch_.engine, guest, {{"timeout", 1}}));
        FAIL() << "it ended";
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("takes no request to end"), std::string::npos)
            << error.what();
    }
    EXPECT_EQ(state(), GuestState::running);
    carry(kind().shutdown(scratch_.engine, guest, {{"timeout", 1}, {"force", true}}));
    EXPECT_EQ(state(), GuestState::stopped);
}

TEST_F(RealContainer, AKilledMonitorTakesItAlongAndLeavesNothing) {
    const Guest guest = make(false);
    start(guest);
    const pid_t first = init();
    const auto monitor = ct_process(host_, 101);
    ASSERT_TRUE(monitor);
    const Fd pidfd = open_process(host_, *monitor);
    signal_process(pidfd, SIGKILL);
    ASSERT_TRUE(wait_end(pidfd, std::chrono::seconds(30)));
    ::waitpid(monitor->pid, nullptr, 0);
    const Sighting seen = kind().look(scratch_.engine, guest);
    EXPECT_EQ(seen.state, GuestState::stopped);
    EXPECT_EQ(seen.notes, std::vector<std::string>{"its monitor was killed"});
    EXPECT_FALSE(fs::exists(fmt::format("/proc/{}/ns/pid", first)) &&
                 fs::exists(fmt::format("/proc/{}/root/bin/demo-shell", first)));
    start(guest);
    EXPECT_EQ(state(), GuestState::running);
    EXPECT_TRUE(kind().look(scratch_.engine, guest).notes.empty());
}

TEST_F(RealContainer, SaysWhyItDoesNotStart) {
    const Guest guest = make(false, {"entrypoint=/bin/nothing"});
    try {
        start(guest);
        FAIL() << "it started";
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("/bin/nothing"), std::string::npos)
            << error.what();
    }
    EXPECT_EQ(state(), GuestState::stopped);
    EXPECT_FALSE(fs::exists(guest_run_folder(host_, 101)));
}

TEST_F(RealContainer, SnapshotsGoBack) {
    const Guest guest = make(false);
    start(guest);
    inside("echo one >/root/file");
    carry(kind().snapshot(scratch_.engine, guest, {{"name", "before"}}));
    EXPECT_EQ(state(), GuestState::running);
    inside("echo two >/root/file");
    carry(kind().rollback(scratch_.engine, load_guest(scratch_.engine, 101),
                          {{"name", "before"}, {"start", true}}));
    EXPECT_EQ(state(), GuestState::running);
    EXPECT_EQ(inside("cat /root/file"), "one\n");
    EXPECT_EQ(load_guest(scratch_.engine, 101).config.current.get("parent"), "before");
    carry(kind().delete_snapshot(scratch_.engine, load_guest(scratch_.engine, 101),
                                 {{"name", "before"}}));
    EXPECT_TRUE(load_guest(scratch_.engine, 101).config.snapshots().empty());
    EXPECT_EQ(host_.list(host_.state_folder() + "/images/101"),
              std::vector<std::string>{"subvol-101-disk-0.subvol"});
}

TEST_F(RealContainer, ACloneIsAnotherOne) {
    const Guest guest = make(false);
    carry(kind().clone(scratch_.engine, guest, {{"id", 102}, {"name", "copy"}}));
    const Guest copy = load_guest(scratch_.engine, 102);
    EXPECT_EQ(copy.name, "copy");
    EXPECT_FALSE(copy.config.current.has("lock"));
    EXPECT_TRUE(copy.config.current.get("description").value_or("").empty());
    EXPECT_EQ(copy.config.string_of("rootfs"), "local:102/subvol-102-disk-0.subvol");
    carry(kind().start(scratch_.engine, copy, {}));
    EXPECT_EQ(kind().look(scratch_.engine, copy).state, GuestState::running);
    carry(kind().make_template(scratch_.engine, load_guest(scratch_.engine, 101), {}));
    EXPECT_THROW(start(load_guest(scratch_.engine, 101)), Error);
}

TEST_F(RealContainer, TwoWithOneIdAreOne) {
    Values words{{"template", "demo"}, {"net", "none"}};
    const Plan first = kind().create(scratch_.engine, 101, words);
    const Plan second = kind().create(scratch_.engine, 101, words);
    carry(first);
    EXPECT_THROW(carry(second), Error);
    start(load_guest(scratch_.engine, 101));
    EXPECT_EQ(state(), GuestState::running);
}

TEST(Halt, TakesTheSignalThatTheFirstProcessTakes) {
    const auto status = [](uint64_t caught, uint64_t blocked) {
        return fmt::format(
            "Name:\tinit\nSigBlk:\t{:016x}\nSigIgn:\t0000000000000000\n"
            "SigCgt:\t{:016x}\n",
            blocked, caught);
    };
    const auto bit = [](int signal) { return uint64_t{1} << (signal - 1); };
    EXPECT_EQ(halt_signal("", {status(0, bit(SIGRTMIN + 3)), false, true}), SIGRTMIN + 3);
    EXPECT_EQ(halt_signal("", {status(bit(SIGPWR) | bit(SIGTERM), 0), false, true}), SIGPWR);
    EXPECT_EQ(halt_signal("", {status(bit(SIGTERM), 0), false, false}), SIGTERM);
    EXPECT_EQ(halt_signal("", {status(bit(SIGINT), 0), false, false}), SIGINT);
    EXPECT_EQ(halt_signal("", {status(0, 0), true, true}), SIGPWR);
    EXPECT_EQ(halt_signal("", {status(0, 0), false, true}), std::nullopt);
    EXPECT_EQ(halt_signal("SIGUSR1", {status(0, 0), false, true}), SIGUSR1);
    EXPECT_EQ(parse_signal("SIGRTMIN+3"), SIGRTMIN + 3);
    EXPECT_EQ(parse_signal("RTMAX-1"), SIGRTMAX - 1);
    EXPECT_EQ(parse_signal("15"), SIGTERM);
    EXPECT_EQ(parse_signal("SIGNOTHING"), std::nullopt);
}

TEST(LiblxcWords, AreItsErrorsWithoutItsMarks) {
    EXPECT_EQ(liblxc_words(
                  "lodge-lxc 101 20261121123627.657 ERROR    start - ../src/lxc/start.c:start:2197 "
                  "- No such file or directory - Failed to exec \"/sbin/init\"\n"
                  "lodge-lxc 101 20261121123627.657 DEBUG    conf - ../src/lxc/conf.c:f:1 - words\n"
                  "lodge-lxc 101 20261121123627.657 ERROR    sync - ../src/lxc/sync.c:f:1 - again\n"
                  "lodge-lxc 101 20261121123627.657 ERROR    sync - ../src/lxc/sync.c:f:1 - again\n"
                  "the container did not start\n"),
              "No such file or directory - Failed to exec \"/sbin/init\"\nagain\nthe container "
              "did not start");
    EXPECT_EQ(liblxc_words(""), "");
}

}  // namespace
}  // namespace lodge
