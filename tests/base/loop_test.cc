#include "engine/loop.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "engine/error.h"
#include "tests/support/scratch.h"

namespace lodge {
namespace {

using std::chrono::milliseconds;

TEST(Loop, TimersFireInOrderAndStopEnds) {
    Loop loop;
    std::string order;
    const auto second = loop.after(milliseconds(20), milliseconds(0), [&] {
        order += "b";
        loop.stop(7);
    });
    const auto first = loop.after(milliseconds(5), milliseconds(0), [&] { order += "a"; });
    EXPECT_EQ(loop.run(), 7);
    EXPECT_EQ(order, "ab");
}

TEST(Loop, RunsAgainAfterStop) {
    Loop loop;
    const auto tick = loop.every(milliseconds(1), milliseconds(0), [&] { loop.stop(); });
    loop.run();
    EXPECT_EQ(loop.run(), 0);
}

TEST(Loop, TimersWithSlackShareOneWakeup) {
    Loop loop;
    int wakeups = 0, fired = 0;
    std::vector<Loop::Source> timers;
    for (int i = 0; i < 5; ++i)
        timers.push_back(loop.after(milliseconds(10 + 5 * i), milliseconds(200), [&] { ++fired; }));
    const auto post = loop.after(milliseconds(0), milliseconds(0), [] {});
    while (fired < 5) {
        loop.run_once(milliseconds(1000));
        ++wakeups;
    }
    // sd-event hands out one event a call: what counts is that all were due in one sleep.
    EXPECT_EQ(fired, 5);
    EXPECT_LE(wakeups, 7);
}

TEST(Loop, ADestroyedSourceIsSilent) {
    Loop loop;
    int calls = 0;
    {
        const auto gone = loop.after(milliseconds(1), milliseconds(0), [&] { ++calls; });
    }
    EXPECT_FALSE(loop.run_until([&] { return calls > 0; }, milliseconds(20)));
}

TEST(Loop, ACallbackMayDestroyItself) {
    Loop loop;
    int calls = 0;
    Loop::Source self;
    self = loop.every(milliseconds(1), milliseconds(0), [&] {
        ++calls;
        self.cancel();
    });
    EXPECT_FALSE(loop.run_until([&] { return calls > 1; }, milliseconds(30)));
    EXPECT_EQ(calls, 1);
}

TEST(Loop, AnExceptionLeavesByRun) {
    Loop loop;
    const auto bad =
        loop.after(milliseconds(0), milliseconds(0), [] { throw Error(Exit::busy, "words"); });
    try {
        loop.run();
        FAIL() << "nothing was thrown";
    } catch (const Error& trouble) {
        EXPECT_STREQ(trouble.what(), "words");
    }
    const auto good = loop.after(milliseconds(0), milliseconds(0), [&] { loop.stop(3); });
    EXPECT_EQ(loop.run(), 3) << "the loop is of no use after an exception";
}

TEST(Loop, HearsDescriptorsSignalsEndsAndFiles) {
    Loop loop;
    ScratchFolder folder;
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const Fd read_end(ends[0]), write_end(ends[1]);
    std::string heard;
    const auto io = loop.on_io(read_end.get(), EPOLLIN, [&](uint32_t) {
        char c = 0;
        ASSERT_EQ(::read(read_end.get(), &c, 1), 1);
        heard += c;
    });
    const auto signal = loop.on_signal(SIGUSR1, [&] { heard += 's'; });
    const auto file = loop.on_change(folder.path().c_str(), IN_CREATE, [&] { heard += 'f'; });
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    const Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
    Loop::Source end;
    end = loop.on_end(pidfd.get(), [&] {
        heard += 'e';
        end.cancel();
    });
    ASSERT_EQ(::write(write_end.get(), "i", 1), 1);
    ::kill(::getpid(), SIGUSR1);
    std::ofstream(folder.path() + "/new") << "x";
    EXPECT_TRUE(loop.run_until(
        [&] {
            return heard.find('i') != heard.npos && heard.find('s') != heard.npos &&
                   heard.find('f') != heard.npos && heard.find('e') != heard.npos;
        },
        std::chrono::seconds(10)))
        << heard;
    ::waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace lodge
