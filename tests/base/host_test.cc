#include "engine/host.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <thread>

#include "engine/error.h"
#include "tests/support/scratch.h"

namespace lodge {
namespace {

class HostTest : public testing::Test {
  protected:
    ScratchFolder folder_;
    Host host_{ScratchEngine::places(folder_.path())};
    std::string path_ = folder_.path() + "/deep/er/file";
};

TEST_F(HostTest, WritesAndReadsAnyBytes) {
    const std::string content("a\0b\xff\n\n", 6);
    host_.write(path_, content, 0600);
    EXPECT_EQ(host_.read(path_), content);
    struct stat made {};
    ASSERT_EQ(::stat(path_.c_str(), &made), 0);
    EXPECT_EQ(made.st_mode & 0777, 0600u);
    EXPECT_EQ(host_.list(folder_.path() + "/deep/er"), std::vector<std::string>{"file"});
}

TEST_F(HostTest, WhatIsNotThereIsNoError) {
    EXPECT_EQ(host_.read(path_), std::nullopt);
    EXPECT_EQ(host_.read_line(path_), "");
    EXPECT_TRUE(host_.list(path_).empty());
    host_.remove(path_);
    EXPECT_EQ(host_.program("no-such-program-at-all"), std::nullopt);
}

TEST_F(HostTest, ReadLineDropsOnlyTheLineEnd) {
    host_.write(path_, " a b \r\n\n");
    EXPECT_EQ(host_.read_line(path_), " a b ");
}

TEST_F(HostTest, AFolderInTheWayIsSaid) {
    host_.make_folder(path_);
    try {
        host_.write(path_, "x");
        FAIL() << "a folder cannot be replaced by a file";
    } catch (const Error& trouble) {
        EXPECT_NE(std::string(trouble.what()).find(path_), std::string::npos) << trouble.what();
    }
    EXPECT_EQ(host_.list(folder_.path() + "/deep/er"), std::vector<std::string>{"file"})
        << "the half-made file was left";
}

// A reader sees the old or the new, never half, while writers are killed in the middle.
TEST_F(HostTest, ReplacedWholeEvenWhenTheWriterIsKilled) {
    const std::string one(200000, 'a'), two(200000, 'b');
    host_.write(path_, one);
    for (int round = 0; round < 20; ++round) {
        const pid_t writer = ::fork();
        if (writer == 0) {
            for (;;) {
                host_.write_volatile(path_, two);
                host_.write_volatile(path_, one);
            }
        }
        std::this_thread::sleep_for(std::chrono::microseconds(500 + 700 * round));
        for (int look = 0; look < 20; ++look) {
            const auto seen = host_.read(path_);
            ASSERT_TRUE(seen == one || seen == two);
        }
        ::kill(writer, SIGKILL);
        ::waitpid(writer, nullptr, 0);
        const auto seen = host_.read(path_);
        ASSERT_TRUE(seen == one || seen == two);
    }
}

TEST_F(HostTest, AMissingProgramIsNamedWithItsPackage) {
    Host::Places places = ScratchEngine::places(folder_.path());
    places.program_folders = {folder_.path()};
    const Host bare(places);
    try {
        bare.need_program("qemu-img");
        FAIL() << "it cannot be there";
    } catch (const Error& trouble) {
        EXPECT_STREQ(trouble.what(),
                     "the program qemu-img is not on this machine: apt install qemu-utils");
        EXPECT_EQ(trouble.exit(), Exit::missing);
    }
}

TEST_F(HostTest, LockIsHeldByOneAndFreedByDeath) {
    const std::string lock = folder_.path() + "/lock";
    const pid_t other = ::fork();
    if (other == 0) {
        const FileLock held(lock, "", std::chrono::seconds(1));
        host_.write_volatile(folder_.path() + "/held", "");
        ::pause();
        ::_exit(0);
    }
    while (!host_.exists(folder_.path() + "/held"))
        std::this_thread::yield();
    try {
        const FileLock mine(lock, "somebody has it", std::chrono::milliseconds(10));
        FAIL() << "two hold one lock";
    } catch (const Error& trouble) {
        EXPECT_STREQ(trouble.what(), "somebody has it");
        EXPECT_EQ(trouble.exit(), Exit::busy);
    }
    ::kill(other, SIGKILL);
    ::waitpid(other, nullptr, 0);
    EXPECT_NO_THROW(FileLock(lock, "still held", std::chrono::milliseconds(100)));
}

TEST_F(HostTest, TimeComesFromTheClockGiven) {
    Host::Places places = ScratchEngine::places(folder_.path());
    places.clock = [] { return std::chrono::system_clock::from_time_t(1234567890); };
    EXPECT_EQ(Host(places).now_seconds(), 1234567890);
}

}  // namespace
}  // namespace lodge
