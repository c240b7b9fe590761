#include "power/profile_switch.h"

#include <gtest/gtest.h>

#include "engine/error.h"
#include "engine/trial_record.h"
#include "power/profile.h"
#include "tests/support/fake_kernel.h"

namespace lodge {
namespace {

using namespace std::chrono_literals;

const std::string audio = "/sys/module/snd_hda_intel/parameters/power_save";
const std::string watchdog = "/proc/sys/kernel/nmi_watchdog";

class Standing : public testing::Test {
  protected:
    Standing() {
        own("quiet", "audio.power-save: 5\nkernel.nmi-watchdog: 0\n");
        own("loud", "audio.power-save: 0\nkernel.nmi-watchdog: 1\n");
        kernel.set(audio, "1");
        kernel.set(watchdog, "1");
    }
    void own(const std::string& name, const std::string& text) {
        kernel.host().write(profile_path(kernel.host(), name), text);
    }

    FakeKernel kernel{"n100"};
};

TEST_F(Standing, IsPutBackWhenItIsOver) {
    ProfileSwitch one(kernel.engine());
    EXPECT_TRUE(one.turn("quiet").empty());
    EXPECT_EQ(one.now(), "quiet");
    EXPECT_EQ(standing_profile(kernel.host()), "quiet");
    EXPECT_EQ(kernel.get(audio), "5");
    EXPECT_EQ(kernel.get(watchdog), "0");
    EXPECT_TRUE(one.turn("").empty());
    EXPECT_EQ(kernel.get(audio), "1");
    EXPECT_EQ(kernel.get(watchdog), "1");
    EXPECT_EQ(standing_profile(kernel.host()), "");
}

TEST_F(Standing, AnotherOneComesAfterWhatWasBefore) {
    ProfileSwitch one(kernel.engine());
    one.turn("quiet");
    one.turn("loud");
    EXPECT_EQ(one.now(), "loud");
    EXPECT_EQ(kernel.get(audio), "0");
    one.turn("");
    EXPECT_EQ(kernel.get(audio), "1") << "not what quiet had set";
}

TEST_F(Standing, WhatSomeoneElseSetMeanwhileStays) {
    ProfileSwitch one(kernel.engine());
    one.turn("quiet");
    kernel.set(audio, "30");
    one.turn("");
    EXPECT_EQ(kernel.get(audio), "30");
    EXPECT_EQ(kernel.get(watchdog), "1");
}

TEST_F(Standing, IsPutBackByTheNextOneAfterACrash) {
    {
        ProfileSwitch killed(kernel.engine());
        killed.turn("quiet");
    }
    ProfileSwitch next(kernel.engine());
    EXPECT_EQ(next.now(), "quiet");
    next.turn("");
    EXPECT_EQ(kernel.get(audio), "1");
}

TEST_F(Standing, WhatHasRiskIsLeftOutAndNamed) {
    own("risky", "audio.power-save: 5\nsata.link: med_power_with_dipm\n");
    const std::string link = kernel.get("/sys/class/scsi_host/host0/link_power_management_policy");
    ProfileSwitch one(kernel.engine());
    const auto said = one.turn("risky");
    ASSERT_EQ(said.size(), 1u);
    EXPECT_NE(said[0].find("left out"), std::string::npos) << said[0];
    EXPECT_EQ(kernel.get(audio), "5");
    EXPECT_EQ(kernel.get("/sys/class/scsi_host/host0/link_power_management_policy"), link);
}

TEST_F(Standing, AFailureLeavesNothingAndIsNotRepeated) {
    kernel.refuse(watchdog, EPERM);
    ProfileSwitch one(kernel.engine());
    EXPECT_EQ(one.turn("quiet").size(), 1u);
    EXPECT_EQ(one.now(), "");
    EXPECT_EQ(kernel.get(audio), "1") << "the step before was undone";
    EXPECT_EQ(standing_profile(kernel.host()), "");
    EXPECT_TRUE(one.turn("quiet").empty()) << "said once, tried once";
    kernel.refuse(watchdog, 0);
    one.turn("");
    EXPECT_TRUE(one.turn("quiet").empty());
    EXPECT_EQ(one.now(), "quiet") << "the condition came again";
    EXPECT_EQ(ProfileSwitch(kernel.engine()).turn("nothing").size(), 1u) << "no such profile";
}

TEST_F(Standing, NothingMovesWhileATrialGoesOn) {
    TrialRecord record;
    record.number = 1;
    record.phase = TrialPhase::waiting;
    record.boot = trials::boot_id(kernel.host());
    record.deadline = trials::boottime_ms() + 60'000;
    trials::store(kernel.host(), record);
    ProfileSwitch one(kernel.engine());
    EXPECT_TRUE(one.turn("quiet").empty());
    EXPECT_EQ(kernel.get(audio), "1");
    trials::end(kernel.host(), record, "kept");
    one.turn("quiet");
    EXPECT_EQ(kernel.get(audio), "5");
}

TEST(Conditions, HeatGoesBeforeNoGuest) {
    PowerConfig config;
    config.idle_profile = "powersave";
    config.heat = HeatRule{85, 75, 20, "silent"};
    Conditions conditions;
    const Conditions::Time start{100h};
    EXPECT_EQ(conditions.wanted(config, false, 0, start), "");
    EXPECT_EQ(conditions.wanted(config, false, 0, start + 59s), "") << "a guest that restarts";
    EXPECT_EQ(conditions.wanted(config, false, 0, start + 60s), "powersave");
    EXPECT_EQ(conditions.wanted(config, true, 0, start + 65s), "silent");
    EXPECT_EQ(conditions.wanted(config, true, 2, start + 70s), "silent");
    EXPECT_EQ(conditions.wanted(config, false, 2, start + 75s), "");
    EXPECT_EQ(conditions.wanted(config, false, 0, start + 80s), "");
    config.heat->profile.clear();
    EXPECT_EQ(conditions.wanted(config, true, 0, start + 140s), "powersave");
}

}  // namespace
}  // namespace lodge
