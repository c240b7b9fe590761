#include "engine/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <csignal>
#include <thread>

#include "engine/error.h"
#include "tests/support/scratch.h"

namespace lodge {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Program shell(const std::string& script) {
    Program program;
    program.argv = {"/bin/sh", "-c", script};
    return program;
}

TEST(Process, GivesOutputErrorsStatusAndLines) {
    std::vector<std::string> lines;
    const Outcome outcome =
        run_program(shell("echo one; printf 'p1\\rp2\\n'; echo bad >&2; exit 3"), seconds(10),
                    [&](std::string_view line) { lines.emplace_back(line); });
    EXPECT_EQ(outcome.status, 3);
    EXPECT_EQ(outcome.output, "one\np1\rp2\n");
    EXPECT_EQ(outcome.trouble, "bad\n");
    std::sort(lines.begin(), lines.end());
    EXPECT_EQ(lines, (std::vector<std::string>{"bad", "one", "p1", "p2"}));
}

TEST(Process, FeedsMuchInputAndTakesMuchOutput) {
    Program program = shell("cat");
    program.input.assign(3'000'000, 'x');
    EXPECT_EQ(run_program(program, seconds(20)).output, program.input);
}

TEST(Process, SurvivesAReaderThatClosesEarly) {
    Program program = shell("exec <&-; exit 0");
    program.input.assign(3'000'000, 'x');
    EXPECT_EQ(run_program(program, seconds(20)).status, 0);
}

TEST(Process, TimeLimitEndsItAndItsChildren) {
    const auto before = std::chrono::steady_clock::now();
    const Outcome outcome = run_program(shell("trap '' TERM; sleep 60 & wait"), milliseconds(100));
    EXPECT_TRUE(outcome.timed_out);
    EXPECT_NE(outcome.status, 0);
    EXPECT_LT(std::chrono::steady_clock::now() - before, seconds(30));
}

TEST(Process, StopsWhenNobodyWantsIt) {
    int asked = 0;
    const Outcome outcome =
        run_program(shell("sleep 60"), seconds(60), {}, [&] { return ++asked < 3; });
    EXPECT_EQ(outcome.status, 128 + SIGTERM);
    EXPECT_FALSE(outcome.timed_out);
}

TEST(Process, AGrandchildThatKeepsTheStreamsDoesNotHoldUs) {
    const auto before = std::chrono::steady_clock::now();
    const Outcome outcome = run_program(shell("(sleep 20 &) ; echo done"), seconds(15));
    EXPECT_EQ(outcome.output, "done\n");
    EXPECT_LT(std::chrono::steady_clock::now() - before, seconds(10));
}

TEST(Process, WhatCannotStartSaysWhy) {
    Program program;
    program.argv = {"/no/such/program"};
    try {
        run_program(program, seconds(1));
        FAIL() << "it was started";
    } catch (const Error& trouble) {
        EXPECT_STREQ(trouble.what(), "cannot start /no/such/program: No such file or directory");
    }
}

TEST(Process, CheckedErrorHoldsTheProgramsWords) {
    try {
        run_checked(shell("printf 'no \\033[31mway' >&2; exit 1"), seconds(5), "cannot go");
        FAIL() << "it should have failed";
    } catch (const Error& trouble) {
        EXPECT_STREQ(trouble.what(), "cannot go: no \\x1B[31mway");
    }
}

TEST(Process, DescriptorsArriveUnderTheirNumbers) {
    ScratchFolder folder;
    const std::string a = folder.path() + "/a", b = folder.path() + "/b";
    const Fd one(::open(a.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    const Fd two(::open(b.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    Program program = shell("echo A >&4; echo B >&3");
    // Crossed on purpose: each number is taken by the other one in our process.
    program.descriptors = {{one.get(), 4}, {two.get(), 3}};
    ASSERT_EQ(run_program(program, seconds(5)).status, 0);
    Host host(ScratchEngine::places(folder.path()));
    EXPECT_EQ(host.read(a), "A\n");
    EXPECT_EQ(host.read(b), "B\n");
}

TEST(Process, InheritsNothingElse) {
    const Fd held(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(run_program(shell("ls /proc/self/fd | wc -l"), seconds(5)).output, "4\n");
}

TEST(Process, BecomesTheUserItIsToldWithoutPrivileges) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can become someone else";
    Program program = shell("id -u; id -g; id -G; grep NoNewPrivs /proc/self/status");
    program.user = Program::User{12345, 23456, {23456, 34567}};
    program.no_new_privileges = true;
    EXPECT_EQ(run_program(program, seconds(5)).output,
              "12345\n23456\n23456 34567\nNoNewPrivs:\t1\n");
}

TEST(Process, DetachedOutlivesItsStarterAndIsRecognised) {
    ScratchFolder folder;
    const Host host(ScratchEngine::places(folder.path()));
    const std::string pid_file = folder.path() + "/pid";
    const pid_t starter = ::fork();
    if (starter == 0) {
        const Fd log(::open("/dev/null", O_WRONLY | O_CLOEXEC));
        const pid_t pid = start_detached(shell("sleep 60"), log.get());
        host.write_volatile(pid_file, identify(host, pid)->print());
        ::_exit(0);
    }
    ::waitpid(starter, nullptr, 0);
    const auto id = ProcessId::parse(host.read_line(pid_file));
    ASSERT_TRUE(id);
    const Fd pidfd = open_process(host, *id);
    ASSERT_TRUE(pidfd);
    ProcessId reused = *id;
    reused.start += 1;
    EXPECT_FALSE(open_process(host, reused)) << "another process took its pid";
    reused = *id;
    reused.boot = "other";
    EXPECT_FALSE(open_process(host, reused)) << "the machine was restarted since";
    EXPECT_FALSE(wait_end(pidfd, milliseconds(1)));
    EXPECT_TRUE(signal_process(pidfd, SIGKILL));
    EXPECT_TRUE(wait_end(pidfd, seconds(10)));
}

TEST(Process, IdsAreReadStrictly) {
    EXPECT_FALSE(ProcessId::parse(""));
    EXPECT_FALSE(ProcessId::parse("1 5 boot"));
    EXPECT_FALSE(ProcessId::parse("-7 5 boot"));
    EXPECT_FALSE(ProcessId::parse("12 x boot"));
    EXPECT_FALSE(ProcessId::parse("12 5"));
    const auto id = ProcessId::parse("12 5 boot\n");
    ASSERT_TRUE(id);
    EXPECT_EQ(id->print(), "12 5 boot");
}

}  // namespace
}  // namespace lodge
