#include "engine/trial.h"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <thread>

#include "engine/trial_record.h"
#include "tests/support/scratch.h"

namespace lodge {
namespace {

// Waits for something that another process does; the limit only ends a broken test.
bool soon(const std::function<bool()>& done) {
    for (int i = 0; i < 12000; ++i) {
        if (done()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
}

// A machine whose one setting is a file, changed by a plan whose undo puts it back.
struct Machine : ScratchEngine {
    Machine() { host.write(setting, "old"); }
    ~Machine() {
        for (const int number : trials::active(host))
            host.remove(trials::path(host, number));  // its watcher ends
    }

    const std::string setting = folder.path() + "/setting";
    const std::string lasting = folder.path() + "/lasting";

    Trial trial(int seconds) const {
        Trial trial;
        trial.plan.title = "set it to new";
        trial.plan.step("new is wanted", {"write", {{"path", setting}, {"content", "new"}}},
                        Action{"write", {{"path", setting}, {"content", "old"}}});
        trial.keep.step("it is to last", {"write", {{"path", lasting}, {"content", "new"}}},
                        Action{"remove", {{"path", lasting}}});
        trial.subject = "test:device";
        trial.seconds = seconds;
        return trial;
    }
    JobRecord begin(const Trial& trial) {
        return engine.jobs.follow(engine.jobs.start(engine, trial_plan(host, trial)), {});
    }
    JobRecord run(const Plan& plan) {
        return engine.jobs.follow(engine.jobs.start(engine, plan), {});
    }
    std::string value() const { return host.read(setting).value_or("gone"); }
    bool over() const { return active_trials(host).empty(); }
    void kill_watcher(int number) const {
        const auto watcher = ProcessId::parse(host.read_line(trials::watcher_path(host, number)));
        ASSERT_TRUE(watcher);
        const Fd process = open_process(host, *watcher);
        ASSERT_TRUE(signal_process(process, SIGKILL));
        ASSERT_TRUE(wait_end(process, std::chrono::seconds(10)));
    }
};

TEST(Trial, IsTakenBackWithoutAnAnswer) {
    Machine machine;
    const JobRecord record = machine.begin(machine.trial(1));
    ASSERT_EQ(record.state, JobState::done) << record.error;
    ASSERT_TRUE(soon([&] { return machine.over(); }));
    EXPECT_EQ(machine.value(), "old");
    EXPECT_FALSE(machine.host.exists(machine.lasting));
    const auto failed = failed_subjects(machine.host);
    ASSERT_EQ(failed.size(), 1u);
    EXPECT_EQ(failed[0].subject, "test:device");
    EXPECT_EQ(failed[0].why, "nobody confirmed it in time");
    EXPECT_TRUE(forget_failed(machine.host, "test:device"));
    EXPECT_FALSE(forget_failed(machine.host, "test:device"));
    EXPECT_TRUE(failed_subjects(machine.host).empty());
}

TEST(Trial, NothingLastsBeforeItIsConfirmed) {
    Machine machine;
    ASSERT_EQ(machine.begin(machine.trial(3600)).state, JobState::done);
    EXPECT_EQ(machine.value(), "new");
    EXPECT_FALSE(machine.host.exists(machine.lasting));
    const auto views = active_trials(machine.host);
    ASSERT_EQ(views.size(), 1u);
    EXPECT_EQ(views[0].title, "set it to new");
    EXPECT_EQ(views[0].phase, TrialPhase::waiting);
    EXPECT_GT(views[0].seconds_left, 3000);
    EXPECT_LE(views[0].seconds_left, 3600);

    const JobRecord kept = machine.run(confirm_plan(machine.host, views[0].number));
    EXPECT_EQ(kept.state, JobState::done) << kept.error;
    EXPECT_TRUE(machine.over());
    EXPECT_EQ(machine.value(), "new");
    EXPECT_EQ(machine.host.read(machine.lasting), "new");
    EXPECT_TRUE(failed_subjects(machine.host).empty());
    EXPECT_EQ(trials::free_number(machine.host), views[0].number + 1);
}

TEST(Trial, TakenBackByThePersonIsNoFailure) {
    Machine machine;
    ASSERT_EQ(machine.begin(machine.trial(3600)).state, JobState::done);
    const int number = active_trials(machine.host).at(0).number;
    EXPECT_EQ(machine.run(take_back_plan(machine.host, number)).state, JobState::done);
    EXPECT_TRUE(machine.over());
    EXPECT_EQ(machine.value(), "old");
    EXPECT_TRUE(failed_subjects(machine.host).empty());
    EXPECT_THROW(confirm_plan(machine.host, number), Error);
}

TEST(Trial, TroubleSeenByACheckTakesItBack) {
    Machine machine;
    const std::string alive = machine.folder.path() + "/alive";
    machine.host.write(alive, "yes");
    Trial trial = machine.trial(3600);
    trial.watch.step("the link is up",
                     {"run", {{"argv", std::vector<std::string>{"test", "-e", alive}}}});
    ASSERT_EQ(machine.begin(trial).state, JobState::done);
    EXPECT_EQ(machine.value(), "new");
    machine.host.remove(alive);
    ASSERT_TRUE(soon([&] { return machine.over(); }));
    EXPECT_EQ(machine.value(), "old");
    ASSERT_EQ(failed_subjects(machine.host).size(), 1u);
    EXPECT_NE(failed_subjects(machine.host)[0].why.find("test"), std::string::npos);
}

TEST(Trial, AStepThatFailsEndsItAtOnce) {
    Machine machine;
    Trial trial = machine.trial(3600);
    trial.plan.step("this cannot work",
                    {"run", {{"argv", std::vector<std::string>{"ls", "/nowhere"}}}},
                    Action{"remove", {{"path", machine.lasting}}});
    const JobRecord record = machine.begin(trial);
    EXPECT_EQ(record.state, JobState::failed);
    EXPECT_TRUE(machine.over());
    EXPECT_EQ(machine.value(), "old");
    EXPECT_TRUE(failed_subjects(machine.host).empty());
}

TEST(Trial, TheWatcherTakesBackWhatAKilledJobLeft) {
    Machine machine;
    Trial trial = machine.trial(3600);
    trial.plan.step("time is needed", {"run", {{"argv", std::vector<std::string>{"sleep", "60"}}}},
                    Action{"remove", {{"path", machine.lasting}}});
    const int job = machine.engine.jobs.start(machine.engine, trial_plan(machine.host, trial));
    ASSERT_TRUE(soon([&] { return machine.engine.jobs.load(job).steps_begun == 3; }));
    EXPECT_EQ(machine.value(), "new");
    EXPECT_EQ(active_trials(machine.host).at(0).phase, TrialPhase::applying);
    const Fd process = open_process(machine.host, *machine.engine.jobs.load(job).process);
    signal_process(process, SIGKILL);
    ASSERT_TRUE(soon([&] { return machine.over(); }));
    EXPECT_EQ(machine.value(), "old");
    EXPECT_EQ(failed_subjects(machine.host).at(0).why, "Lodge was ended in the middle of it");
}

TEST(Trial, TheNextStartTakesBackWhenTheWatcherWasKilled) {
    Machine machine;
    ASSERT_EQ(machine.begin(machine.trial(3600)).state, JobState::done);
    EXPECT_TRUE(recover_trials(machine.engine).empty()) << "it is watched";
    EXPECT_EQ(machine.value(), "new");
    const int number = active_trials(machine.host).at(0).number;
    machine.kill_watcher(number);
    const auto said = recover_trials(machine.engine);
    ASSERT_EQ(said.size(), 1u);
    EXPECT_NE(said[0].find("its watcher was ended"), std::string::npos) << said[0];
    EXPECT_TRUE(machine.over());
    EXPECT_EQ(machine.value(), "old");
}

TEST(Trial, TheNextBootTakesItBack) {
    Machine machine;
    ASSERT_EQ(machine.begin(machine.trial(3600)).state, JobState::done);
    const int number = active_trials(machine.host).at(0).number;
    machine.kill_watcher(number);
    TrialRecord record = load_trial(machine.host, number);
    record.boot = "another";
    trials::store(machine.host, record);
    EXPECT_EQ(active_trials(machine.host).at(0).seconds_left, 0);
    const auto said = recover_trials(machine.engine);
    ASSERT_EQ(said.size(), 1u);
    EXPECT_NE(said[0].find("restarted"), std::string::npos) << said[0];
    EXPECT_EQ(machine.value(), "old");
}

TEST(Trial, AnUndoThatFailsIsSaidAndNotForgotten) {
    Machine machine;
    Trial trial = machine.trial(1);
    trial.plan.steps[0].undo = Action{"rename", {{"from", "/nowhere/a"}, {"to", "/nowhere/b"}}};
    ASSERT_EQ(machine.begin(trial).state, JobState::done);
    ASSERT_TRUE(soon([&] {
        const auto views = active_trials(machine.host);
        return !views.empty() && views[0].phase == TrialPhase::stuck;
    }));
    const TrialView view = active_trials(machine.host).at(0);
    EXPECT_NE(view.trouble.find("/nowhere/a"), std::string::npos) << view.trouble;
    EXPECT_TRUE(recover_trials(machine.engine).empty()) << "not tried again at each start";
    EXPECT_EQ(machine.run(take_back_plan(machine.host, view.number)).state, JobState::failed);
}

TEST(Trial, AConfirmThatDiesIsTakenBack) {
    Machine machine;
    Trial trial = machine.trial(3600);
    trial.keep.step("time is needed", {"run", {{"argv", std::vector<std::string>{"sleep", "60"}}}});
    ASSERT_EQ(machine.begin(trial).state, JobState::done);
    const int number = active_trials(machine.host).at(0).number;
    const int job = machine.engine.jobs.start(machine.engine, confirm_plan(machine.host, number));
    ASSERT_TRUE(soon([&] { return machine.engine.jobs.load(job).steps_begun == 3; }));
    EXPECT_EQ(active_trials(machine.host).at(0).phase, TrialPhase::keeping);
    EXPECT_EQ(machine.run(take_back_plan(machine.host, number)).exit, Exit::busy);
    signal_process(open_process(machine.host, *machine.engine.jobs.load(job).process), SIGKILL);
    ASSERT_TRUE(soon([&] { return machine.over(); }));
    EXPECT_EQ(machine.value(), "old");
}

TEST(Trial, WhatCannotBeUndoneIsNotTried) {
    Machine machine;
    Trial trial = machine.trial(10);
    trial.plan.step("gone for good", {"remove", {{"path", machine.setting}}});
    EXPECT_THROW(trial_plan(machine.host, trial), Error);
    EXPECT_THROW(trial_plan(machine.host, machine.trial(0)), Error);
}

TEST(Trial, ABrokenRecordIsShownAndStopsNobody) {
    Machine machine;
    machine.host.write(trials::path(machine.host, 7), "{ no trial");
    const auto views = active_trials(machine.host);
    ASSERT_EQ(views.size(), 1u);
    EXPECT_EQ(views[0].phase, TrialPhase::stuck);
    EXPECT_EQ(recover_trials(machine.engine).size(), 1u);
    EXPECT_THROW(load_trial(machine.host, 7), Error);
}

TEST(Trial, RecordComesBackAsItWasWritten) {
    Machine machine;
    TrialRecord record;
    record.number = 3;
    record.trial = machine.trial(60);
    record.phase = TrialPhase::keeping;
    record.boot = "boot";
    record.deadline = 12345;
    record.process = ProcessId{42, 43, "boot"};
    const std::string text = print_trial(record);
    EXPECT_EQ(print_trial(parse_trial(text)), text);
}

}  // namespace
}  // namespace lodge
