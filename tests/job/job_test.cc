#include "engine/job.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "tests/support/scratch.h"

namespace lodge {
namespace {

// Waits for something that another process does; the limit only ends a broken test.
bool soon(const std::function<bool()>& done) {
    for (int i = 0; i < 2000; ++i) {
        if (done()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
}

Plan writes(const std::string& path) {
    Plan plan;
    plan.title = "write a file";
    plan.step("a file is wanted", {"write", {{"path", path}, {"content", "hello\n"}}},
              Action{"remove", {{"path", path}}});
    return plan;
}

void add_sleep(Plan& plan) {
    plan.step("time is needed", {"run", {{"argv", std::vector<std::string>{"sleep", "60"}}}});
}

TEST(Job, DoesItsPlanAndIsFoundAgain) {
    ScratchEngine scratch;
    const std::string path = scratch.folder.path() + "/made";
    const int number = scratch.engine.jobs.start(scratch.engine, writes(path));
    std::vector<std::string> heard;
    const JobRecord record = scratch.engine.jobs.follow(
        number, [&](const JobEvent& event) { heard.push_back(event.words); });
    EXPECT_EQ(record.state, JobState::done);
    EXPECT_EQ(record.steps_done, 1u);
    EXPECT_EQ(scratch.host.read(path), "hello\n");
    EXPECT_EQ(heard, (std::vector<std::string>{"a file is wanted", ""}));
    const auto list = scratch.engine.jobs.list();
    ASSERT_EQ(list.size(), 1u);
    EXPECT_EQ(list[0].plan.title, "write a file");
}

TEST(Job, FailureIsUndoneAndTold) {
    ScratchEngine scratch;
    const std::string path = scratch.folder.path() + "/made";
    Plan plan = writes(path);
    plan.step("this cannot work", {"run", {{"argv", std::vector<std::string>{"ls", "/nowhere"}}}});
    const int number = scratch.engine.jobs.start(scratch.engine, plan);
    const JobRecord record = scratch.engine.jobs.follow(number, {});
    EXPECT_EQ(record.state, JobState::failed);
    EXPECT_NE(record.error.find("/nowhere"), std::string::npos) << record.error;
    EXPECT_FALSE(scratch.host.exists(path));
}

TEST(Job, CancelEndsTheProgramAndUndoes) {
    ScratchEngine scratch;
    const std::string path = scratch.folder.path() + "/made";
    Plan plan = writes(path);
    add_sleep(plan);
    const int number = scratch.engine.jobs.start(scratch.engine, plan);
    ASSERT_TRUE(soon([&] { return scratch.engine.jobs.load(number).steps_begun == 2; }));
    EXPECT_EQ(scratch.engine.jobs.load(number).state, JobState::running);
    scratch.engine.jobs.cancel(number);
    const JobRecord record = scratch.engine.jobs.follow(number, {});
    EXPECT_EQ(record.state, JobState::cancelled);
    EXPECT_EQ(record.exit, Exit::cancelled);
    EXPECT_FALSE(scratch.host.exists(path));
    EXPECT_THROW(scratch.engine.jobs.cancel(number), Error);
}

TEST(Job, FollowerCancelsWhenAsked) {
    ScratchEngine scratch;
    Plan plan;
    plan.title = "sleep";
    add_sleep(plan);
    const int number = scratch.engine.jobs.start(scratch.engine, plan);
    EXPECT_EQ(scratch.engine.jobs.follow(number, {}, [] { return true; }).state,
              JobState::cancelled);
}

TEST(Job, KilledInTheMiddleIsFoundAndCleaned) {
    ScratchEngine scratch;
    const std::string path = scratch.folder.path() + "/made";
    Plan plan = writes(path);
    plan.guests = {101};
    add_sleep(plan);
    const int number = scratch.engine.jobs.start(scratch.engine, plan);
    ASSERT_TRUE(soon([&] { return scratch.engine.jobs.load(number).steps_begun == 2; }));
    EXPECT_THROW(scratch.engine.jobs.clean(number), Error) << "it is still running";
    const auto process = open_process(scratch.host, *scratch.engine.jobs.load(number).process);
    signal_process(process, SIGKILL);
    ASSERT_TRUE(wait_end(process, std::chrono::seconds(10)));

    EXPECT_EQ(scratch.engine.jobs.load(number).state, JobState::interrupted);
    EXPECT_TRUE(scratch.host.exists(path));
    EXPECT_EQ(scratch.engine.jobs.of_guest(101)->number, number);
    const int cleaner =
        scratch.engine.jobs.start(scratch.engine, scratch.engine.jobs.clean(number));
    EXPECT_EQ(scratch.engine.jobs.follow(cleaner, {}).state, JobState::done);
    EXPECT_FALSE(scratch.host.exists(path));
    EXPECT_EQ(scratch.engine.jobs.load(number).state, JobState::cleaned);
    EXPECT_FALSE(scratch.engine.jobs.of_guest(101));
}

TEST(Job, APlanThatNamesAGuestTwiceIsNotInItsOwnWay) {
    ScratchEngine scratch;
    Plan plan = writes(scratch.folder.path() + "/made");
    plan.guests = {101, 7, 101};
    const int number = scratch.engine.jobs.start(scratch.engine, plan);
    const JobRecord record = scratch.engine.jobs.follow(number, {});
    EXPECT_EQ(record.state, JobState::done) << record.error;
}

TEST(Job, OneGuestOneJob) {
    ScratchEngine scratch;
    Plan plan;
    plan.title = "sleep";
    plan.guests = {101};
    add_sleep(plan);
    const int first = scratch.engine.jobs.start(scratch.engine, plan);
    ASSERT_TRUE(soon([&] { return scratch.engine.jobs.load(first).steps_begun == 1; }));
    plan.title = "sleep again";
    const int second = scratch.engine.jobs.start(scratch.engine, plan);
    const JobRecord record = scratch.engine.jobs.follow(second, {});
    EXPECT_EQ(record.exit, Exit::busy);
    EXPECT_NE(record.error.find("job " + std::to_string(first)), std::string::npos) << record.error;
    scratch.engine.jobs.cancel(first);
    scratch.engine.jobs.follow(first, {});
}

TEST(Job, OldEndedJobsGoRunningOnesStay) {
    ScratchEngine scratch;
    Plan plan;
    plan.title = "sleep";
    add_sleep(plan);
    const int running = scratch.engine.jobs.start(scratch.engine, plan);
    for (int i = 0; i < 4; ++i) {
        Plan quick;
        quick.title = "nothing";
        scratch.engine.jobs.follow(scratch.engine.jobs.start(scratch.engine, quick), {});
    }
    scratch.engine.jobs.prune(2);
    EXPECT_EQ(scratch.engine.jobs.numbers(), (std::vector<int>{running, 4, 5}));
    scratch.engine.jobs.cancel(running);
    scratch.engine.jobs.follow(running, {});
}

TEST(Job, GarbageInTheEventsIsSkipped) {
    ScratchEngine scratch;
    Plan plan;
    plan.title = "nothing";
    const int number = scratch.engine.jobs.start(scratch.engine, plan);
    scratch.engine.jobs.follow(number, {});
    const std::string events =
        scratch.host.state_folder() + "/jobs/" + std::to_string(number) + "/events";
    const std::string before = *scratch.host.read(events);
    scratch.host.write(events, "garbage\n[]\n{\"e\":3}\n{\"e\":\"done\"}\n" + before);
    EXPECT_EQ(scratch.engine.jobs.load(number).state, JobState::done);
}

}  // namespace
}  // namespace lodge
