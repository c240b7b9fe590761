// Aside: work in a copy of this process, and what comes back of it.
#include "engine/aside.h"

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <memory>

namespace lodge {
namespace {

using namespace std::chrono_literals;
constexpr auto patience = 20s;

// Heard is an Aside with all that it told.
struct Heard {
    Loop loop;
    std::optional<Aside::Ended> ended;
    std::string printed;
    std::vector<std::string> said;
    std::unique_ptr<Aside> aside;

    void begin(const Aside::Work& work) {
        aside = std::make_unique<Aside>(
            loop, work,
            Aside::Ears{.ended = [this](Aside::Ended result) { ended = std::move(result); },
                        .printed = [this](std::string_view text) { printed += text; },
                        .said = [this](const std::string& words) { said.push_back(words); }});
    }
    Aside::Ended end() {
        EXPECT_TRUE(loop.run_until([this] { return ended.has_value(); }, patience));
        return ended.value_or(Aside::Ended{});
    }
};

bool has_children() {
    return ::waitpid(-1, nullptr, WNOHANG) >= 0 || errno != ECHILD;
}

TEST(Aside, brings_back_what_the_work_returns) {
    Heard heard;
    const std::string large(1'000'000, 'x');
    heard.begin([large](const Aside::Talk&) { return large; });
    const Aside::Ended ended = heard.end();
    EXPECT_TRUE(ended.well);
    EXPECT_EQ(ended.words, large);
    EXPECT_FALSE(has_children());
}

TEST(Aside, brings_back_the_error_that_was_thrown) {
    Heard heard;
    heard.begin([](const Aside::Talk&) -> std::string { fail(Exit::busy, "someone has it"); });
    const Aside::Ended ended = heard.end();
    EXPECT_FALSE(ended.well);
    EXPECT_EQ(ended.exit, Exit::busy);
    EXPECT_EQ(ended.words, "someone has it");
}

TEST(Aside, hears_what_is_printed_and_said) {
    Heard heard;
    heard.begin([](const Aside::Talk& talk) {
        fmt::print("to output\n");
        std::fflush(stdout);
        fmt::print(stderr, "to errors\n");
        talk.say("how many?");
        return "it was " + talk.hear().value_or("nobody");
    });
    EXPECT_TRUE(heard.loop.run_until([&] { return !heard.said.empty(); }, patience));
    EXPECT_EQ(heard.said, std::vector<std::string>{"how many?"});
    heard.aside->reply("three");
    EXPECT_EQ(heard.end().words, "it was three");
    EXPECT_EQ(heard.printed, "to output\nto errors\n");
}

TEST(Aside, a_crash_is_told) {
    Heard heard;
    heard.begin([](const Aside::Talk&) -> std::string {
        std::signal(SIGABRT, SIG_DFL);
        ::raise(SIGKILL);
        return "";
    });
    const Aside::Ended ended = heard.end();
    EXPECT_FALSE(ended.well);
    EXPECT_NE(ended.words.find("signal 9"), std::string::npos) << ended.words;
}

TEST(Aside, ctrl_c_ends_it_in_its_own_way) {
    Heard heard;
    heard.begin([](const Aside::Talk& talk) -> std::string {
        talk.say("here");
        for (;;)
            ::pause();
    });
    EXPECT_TRUE(heard.loop.run_until([&] { return !heard.said.empty(); }, patience));
    heard.aside->interrupt();
    EXPECT_EQ(heard.end().exit, Exit::cancelled);
}

TEST(Aside, is_gone_with_us) {
    Heard heard;
    heard.begin([](const Aside::Talk& talk) -> std::string {
        std::signal(SIGTERM, SIG_IGN);
        talk.say("here");
        for (;;)
            ::pause();
    });
    EXPECT_TRUE(heard.loop.run_until([&] { return !heard.said.empty(); }, patience));
    heard.aside.reset();
    EXPECT_FALSE(has_children());
}

// A connection of ours that it held open would not be closed when we close it.
TEST(Aside, holds_nothing_of_ours_open) {
    const Fd ours(::open("/dev/null", O_RDONLY));
    const Fd high(::fcntl(ours.get(), F_DUPFD, 600));
    Heard heard;
    heard.begin([](const Aside::Talk&) {
        int count = 0;
        DIR* folder = ::opendir("/proc/self/fd");
        while (const dirent* entry = ::readdir(folder))
            if (entry->d_name[0] != '.') ++count;
        ::closedir(folder);
        return std::to_string(count - 1);  // the folder's own
    });
    EXPECT_EQ(heard.end().words, "4");  // the three of every program, and the one to talk by
}

}  // namespace
}  // namespace lodge
