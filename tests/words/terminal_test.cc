// What a person at a terminal sees and types: the real program behind a pseudoterminal.
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>

#include <cstdlib>

#include "engine/fd.h"
#include "tests/support/scratch.h"

namespace lodge {
namespace {

struct Ended {
    std::string seen;
    int status = 0;
};

class Terminal : public testing::Test {
  protected:
    Terminal() {
        guest(101, "lock: backup\nname: web\n");
        guest(102, "name: db\n");
    }
    void guest(int id, const std::string& text) { scratch_.host.write(file(id), text); }
    std::string file(int id) { return scratch_.engine.store.path("qemu-server", id); }

    // Runs lodge and types `keys` once it has shown `at`, or, without it, once it has asked (a
    // blank at the end).
    Ended run(std::vector<std::string> words, const std::string& keys, const std::string& at = {},
              int columns = 80) {
        winsize size{};
        size.ws_row = 24;
        size.ws_col = static_cast<unsigned short>(columns);
        words.insert(words.begin(), "lodge");
        std::vector<char*> argv;
        for (std::string& word : words)
            argv.push_back(word.data());
        argv.push_back(nullptr);
        int terminal = -1;
        const pid_t child = ::forkpty(&terminal, nullptr, nullptr, &size);
        if (child == 0) {
            ::setenv("LODGE_ROOT", scratch_.folder.path().c_str(), 1);
            ::setenv("TERM", "xterm", 1);
            ::setenv("LC_ALL", "C.UTF-8", 1);
            ::setenv("NO_COLOR", "1", 1);
            ::execv(LODGE_PROGRAM, argv.data());
            ::_exit(127);
        }
        const Fd owner(terminal);
        Ended ended;
        bool typed = keys.empty();
        for (;;) {
            pollfd wait{terminal, POLLIN, 0};
            if (::poll(&wait, 1, 20000) <= 0) {
                ADD_FAILURE() << "nothing came for 20 s";
                ::kill(child, SIGKILL);
            }
            char piece[4096];
            const ssize_t got = ::read(terminal, piece, sizeof piece);
            if (got <= 0) break;
            ended.seen.append(piece, static_cast<size_t>(got));
            const bool now =
                at.empty() ? ended.seen.ends_with(' ') : ended.seen.find(at) != std::string::npos;
            if (!typed && now) typed = ::write(terminal, keys.data(), keys.size()) > 0;
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        ended.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        return ended;
    }
    bool locked() {
        return scratch_.host.read(file(101)).value_or("").find("lock:") != std::string::npos;
    }

    ScratchEngine scratch_;
};

TEST_F(Terminal, EnterAloneIsNo) {
    const Ended ended = run({"unlock", "web"}, "\n");
    EXPECT_EQ(ended.status, 130) << ended.seen;
    EXPECT_NE(ended.seen.find("unlock 101 (web)"), std::string::npos) << ended.seen;
    EXPECT_NE(ended.seen.find("[y/N]"), std::string::npos) << ended.seen;
    EXPECT_NE(ended.seen.find("nothing was done"), std::string::npos) << ended.seen;
    EXPECT_TRUE(locked());
}

TEST_F(Terminal, AnythingButYesIsNo) {
    for (const char* keys : {"n\n", "x\n", "yy\n", "\x04"}) {
        EXPECT_EQ(run({"unlock", "web"}, keys).status, 130) << keys;
        EXPECT_TRUE(locked());
    }
}

TEST_F(Terminal, YesDoesIt) {
    const Ended ended = run({"unlock", "web"}, "y\n");
    EXPECT_EQ(ended.status, 0) << ended.seen;
    EXPECT_FALSE(locked());
}

TEST_F(Terminal, YesBeforehandAsksNothing) {
    const Ended ended = run({"unlock", "web", "--yes"}, "");
    EXPECT_EQ(ended.status, 0) << ended.seen;
    EXPECT_EQ(ended.seen.find("[y/N]"), std::string::npos) << ended.seen;
}

TEST_F(Terminal, DestroyWantsTheName) {
    for (const char* keys : {"\n", "y\n", "102\n", "web\n"}) {
        EXPECT_EQ(run({"destroy", "102"}, keys).status, 130) << keys;
        EXPECT_TRUE(scratch_.host.exists(file(102)));
    }
    const Ended ended = run({"destroy", "102"}, "db\n");
    EXPECT_EQ(ended.status, 0) << ended.seen;
    EXPECT_NE(ended.seen.find("Type db to go on"), std::string::npos) << ended.seen;
    EXPECT_FALSE(scratch_.host.exists(file(102)));
}

TEST_F(Terminal, CtrlCAtAQuestionEndsIt) {
    EXPECT_EQ(run({"unlock", "web"}, "\x03").status, 128 + SIGINT);
    EXPECT_TRUE(locked());
}

TEST_F(Terminal, CtrlCLeavesAFollowedJobRunning) {
    Plan plan;
    plan.title = "sleep for a test";
    plan.step("wait", {"run", {{"argv", std::vector<std::string>{"/bin/sleep", "30"}}}});
    const int number = scratch_.engine.jobs.start(scratch_.engine, plan);
    const Ended ended =
        run({"job", "follow", std::to_string(number)}, "\x03", "sleep for a test: wait", 40);
    EXPECT_EQ(ended.status, 130) << ended.seen;
    EXPECT_NE(ended.seen.find("goes on without you"), std::string::npos) << ended.seen;
    EXPECT_EQ(scratch_.engine.jobs.load(number).state, JobState::running);
    scratch_.engine.jobs.cancel(number);
    EXPECT_EQ(scratch_.engine.jobs.follow(number, {}).state, JobState::cancelled);
}

}  // namespace
}  // namespace lodge
