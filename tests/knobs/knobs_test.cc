#include <gtest/gtest.h>

#include <cerrno>

#include "engine/trial.h"
#include "engine/trial_record.h"
#include "power/knob.h"
#include "power/knob_plan.h"
#include "power/missing.h"
#include "tests/support/fake_kernel.h"

namespace lodge {
namespace {

const std::string policy0 = "/sys/devices/system/cpu/cpufreq/policy0/";

Knob knob(FakeKernel& kernel, const std::string& name) {
    return named_knobs(kernel.host(), name).at(0);
}

std::vector<KnobWish> wish(FakeKernel& kernel, const std::string& name, const std::string& value) {
    std::vector<KnobWish> wishes;
    for (Knob& one : named_knobs(kernel.host(), name))
        wishes.push_back({std::move(one), value});
    return wishes;
}

// Without the frame of a trial, which has tests of its own.
void set(FakeKernel& kernel, const std::string& name, const std::string& value) {
    kernel.engine().jobs.run_here(kernel.engine(),
                                  write_steps(kernel.host(), wish(kernel, name, value)));
}

std::string trouble_of(const std::function<void()>& what, Exit exit) {
    try {
        what();
    } catch (const Error& error) {
        EXPECT_EQ(error.exit(), exit) << error.what();
        return error.what();
    }
    ADD_FAILURE() << "nothing was thrown";
    return "";
}

TEST(Knobs, AreFoundWhereTheMachineHasThem) {
    FakeKernel n100("n100");
    EXPECT_EQ(knob(n100, "cpu.governor").value, "powersave");
    EXPECT_EQ(knob(n100, "cpu.governor").state, KnobState::good);
    EXPECT_EQ(knob(n100, "cpu.governor").files.size(), 4u);
    EXPECT_EQ(knob(n100, "cpu.epp").value, "balance_performance");
    EXPECT_EQ(knob(n100, "cpu.epp").state, KnobState::could_be_better);
    EXPECT_EQ(knob(n100, "cpu.epb").state, KnobState::good);
    EXPECT_EQ(knob(n100, "cpu.max-freq").range->second, 3400000);
    EXPECT_EQ(knob(n100, "cpu.idle-off@C10").files.size(), 4u);
    EXPECT_EQ(named_knobs(n100.host(), "cpu.online").size(), 3u);
    EXPECT_EQ(named_knobs(n100.host(), "aspm.l1").size(), 3u);
    EXPECT_EQ(knob(n100, "aspm.l1@0000:03:00.0").state, KnobState::could_be_better);
    EXPECT_NE(knob(n100, "aspm.l1@0000:01:00.0").caution.find("r8169"), std::string::npos);
    EXPECT_EQ(knob(n100, "sata.link@host0").state, KnobState::could_be_better);
    EXPECT_EQ(knob(n100, "audio.power-save").state, KnobState::could_be_better);
    EXPECT_EQ(knob(n100, "rapl.long@package-0").value, "15000000");
    EXPECT_EQ(knob(n100, "net.wake-on-lan@enp1s0").value, "d");
    EXPECT_EQ(knob(n100, "pci.runtime-pm@0000:03:00.0").caution,
              "it carries the root file system (nvme0n1)");
    EXPECT_TRUE(missing_words(n100.host(), find_knobs(n100.host())).empty());
    for (const Knob& one : find_knobs(n100.host())) {
        EXPECT_FALSE(one.kind->what.empty()) << one.name();
        EXPECT_FALSE(one.kind->saving.empty()) << one.name();
        EXPECT_FALSE(one.kind->source.empty()) << one.name();
        EXPECT_TRUE(one.range || !one.allowed.empty()) << one.name();
        EXPECT_FALSE(one.value.empty()) << one.name();
    }
}

TEST(Knobs, OfAKeyboardAreLeftAlone) {
    FakeKernel n100("n100");
    EXPECT_NE(knob(n100, "usb.suspend@1-1").caution.find("keyboard"), std::string::npos);
    EXPECT_EQ(knob(n100, "usb.suspend@1-1").state, KnobState::neutral);
    EXPECT_EQ(knob(n100, "usb.suspend@1-2").state, KnobState::could_be_better);
    FakeKernel i5("i5-e1000e");
    EXPECT_NE(knob(i5, "usb.suspend@1-3").caution.find("hub"), std::string::npos);
}

TEST(Knobs, ThatFirmwareHoldsSaySo) {
    FakeKernel i5("i5-e1000e");
    EXPECT_EQ(knob(i5, "aspm.policy").state, KnobState::held);
    EXPECT_NE(knob(i5, "aspm.policy").held.find("FADT"), std::string::npos);
    EXPECT_EQ(knob(i5, "cpu.governor").thrifty, "schedutil");
    EXPECT_EQ(knob(i5, "net.tso@eno1").value, "on");
    const std::string said =
        trouble_of([&] { wish_plan(i5.host(), "set", wish(i5, "aspm.policy", "powersave"), {}); },
                   Exit::refused);
    EXPECT_NE(said.find("firmware"), std::string::npos) << said;
}

TEST(Knobs, OfAMachineWithoutPciAreFew) {
    FakeKernel arm("arm");
    EXPECT_EQ(knob(arm, "cpu.governor").files.size(), 2u);
    EXPECT_EQ(knob(arm, "cpu.max-freq").value, "mixed");
    EXPECT_THROW(named_knobs(arm.host(), "aspm.l1"), Error);
    EXPECT_THROW(named_knobs(arm.host(), "kernel.nmi-watchdog"), Error);
    const auto lines = missing_words(arm.host(), find_knobs(arm.host()));
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_NE(lines[0].find("no PCI devices"), std::string::npos);
}

TEST(Knobs, AreSetAndUndone) {
    FakeKernel kernel("n305-i226");
    const Plan plan = write_steps(kernel.host(), wish(kernel, "cpu.governor", "powersave"));
    ASSERT_EQ(plan.steps.size(), 1u);
    kernel.engine().jobs.run_here(kernel.engine(), plan);
    EXPECT_EQ(kernel.get(policy0 + "scaling_governor"), "powersave");
    Plan undo;
    undo.step("undo", *plan.steps[0].undo);
    kernel.engine().jobs.run_here(kernel.engine(), undo);
    EXPECT_EQ(kernel.get(policy0 + "scaling_governor"), "performance");
}

TEST(Knobs, OnlyWhatChangesSomethingIsWritten) {
    FakeKernel kernel("n100");
    kernel.set("/sys/devices/system/cpu/cpufreq/policy2/scaling_governor", "performance");
    EXPECT_EQ(knob(kernel, "cpu.governor").value, "mixed");
    set(kernel, "cpu.governor", "powersave");
    EXPECT_EQ(kernel.writes(), 1u);
    const Plan plan =
        wish_plan(kernel.host(), "set", wish(kernel, "cpu.governor", "powersave"), {});
    EXPECT_TRUE(plan.steps.empty());
}

TEST(Knobs, GovernorBeforePreference) {
    FakeKernel kernel("n305-i226");
    EXPECT_EQ(knob(kernel, "cpu.epp").state, KnobState::held);
    trouble_of([&] { wish_plan(kernel.host(), "set", wish(kernel, "cpu.epp", "power"), {}); },
               Exit::refused);
    auto wishes = wish(kernel, "cpu.epp", "balance_power");
    wishes.push_back({knob(kernel, "cpu.governor"), "powersave"});
    kernel.engine().jobs.run_here(kernel.engine(),
                                  wish_plan(kernel.host(), "set", std::move(wishes), {}));
    EXPECT_EQ(kernel.get(policy0 + "energy_performance_preference"), "balance_power");
}

TEST(Knobs, SomeoneElsesChangeIsSeenAndKept) {
    FakeKernel kernel("i5-e1000e");
    const Plan plan = write_steps(kernel.host(), wish(kernel, "cpu.governor", "schedutil"));
    kernel.set(policy0 + "scaling_governor", "ondemand");
    const std::string said =
        trouble_of([&] { kernel.engine().jobs.run_here(kernel.engine(), plan); }, Exit::busy);
    EXPECT_NE(said.find("someone else"), std::string::npos) << said;
    EXPECT_EQ(kernel.get(policy0 + "scaling_governor"), "ondemand");

    // And when it is taken back, what others set meanwhile stays.
    const Plan whole = write_steps(kernel.host(), wish(kernel, "cpu.boost", "0"));
    kernel.engine().jobs.run_here(kernel.engine(), whole);
    kernel.set("/sys/devices/system/cpu/cpufreq/boost", "2");
    Plan undo;
    undo.step("undo", *whole.steps[0].undo);
    kernel.engine().jobs.run_here(kernel.engine(), undo);
    EXPECT_EQ(kernel.get("/sys/devices/system/cpu/cpufreq/boost"), "2");
}

TEST(Knobs, AStepThatFailsTakesTheOthersBack) {
    FakeKernel kernel("i5-e1000e");
    auto wishes = wish(kernel, "cpu.governor", "schedutil");
    wishes.push_back({knob(kernel, "cpu.boost"), "0"});
    kernel.refuse("/sys/devices/system/cpu/cpufreq/boost", EPERM);
    const std::string said = trouble_of(
        [&] { kernel.engine().jobs.run_here(kernel.engine(), write_steps(kernel.host(), wishes)); },
        Exit::missing);
    EXPECT_NE(said.find("firmware has turned turbo off"), std::string::npos) << said;
    EXPECT_EQ(kernel.get(policy0 + "scaling_governor"), "performance");
}

TEST(Knobs, RefusalsAreToldApart) {
    FakeKernel kernel("n100");
    const std::string file = "/sys/class/scsi_host/host0/link_power_management_policy";
    struct Case {
        int number;
        Exit exit;
        const char* words;
    };
    for (const Case& one :
         {Case{EBUSY, Exit::busy, "try again later"},
          Case{EINVAL, Exit::failed, "does not take this value"},
          Case{EOPNOTSUPP, Exit::failed, "cannot do it"}, Case{EPERM, Exit::missing, "lockdown"},
          Case{ENODEV, Exit::failed, "does not answer"}}) {
        kernel.refuse(file, one.number);
        const std::string said =
            trouble_of([&] { set(kernel, "sata.link@host0", "med_power_with_dipm"); }, one.exit);
        EXPECT_NE(said.find(one.words), std::string::npos) << said;
    }
    kernel.refuse(file, 0);
    set(kernel, "sata.link@host0", "med_power_with_dipm");
    EXPECT_EQ(kernel.get(file), "med_power_with_dipm");
}

TEST(Knobs, MinPowerIsNeverOffered) {
    FakeKernel kernel("n100");
    const std::string said = trouble_of(
        [&] { wish_plan(kernel.host(), "set", wish(kernel, "sata.link", "min_power"), {}); },
        Exit::usage);
    EXPECT_NE(said.find("med_power_with_dipm"), std::string::npos);
}

TEST(Knobs, WrongWordsAreExplained) {
    FakeKernel kernel("n100");
    EXPECT_NE(trouble_of([&] { named_knobs(kernel.host(), "governor"); }, Exit::not_found)
                  .find("cpu.governor"),
              std::string::npos);
    EXPECT_NE(trouble_of([&] { named_knobs(kernel.host(), "sata.link@host9"); }, Exit::not_found)
                  .find("host0, host1"),
              std::string::npos);
}

TEST(Knobs, ManyProcessorsAreOneKnob) {
    FakeKernel kernel("arm");
    for (int i = 6; i < 256; ++i) {
        const std::string policy =
            "/sys/devices/system/cpu/cpufreq/policy" + std::to_string(i) + "/";
        for (const std::string name : {"scaling_governor", "scaling_available_governors",
                                       "scaling_driver", "cpuinfo_min_freq", "cpuinfo_max_freq"})
            kernel.set(policy + name, kernel::text(kernel.host(), policy0 + name));
    }
    EXPECT_EQ(knob(kernel, "cpu.governor").files.size(), 252u);
    set(kernel, "cpu.governor", "performance");
    EXPECT_EQ(kernel.writes(), 252u);
    EXPECT_EQ(kernel.get("/sys/devices/system/cpu/cpufreq/policy255/scaling_governor"),
              "performance");
}

TEST(Knobs, AProcessorThatGoesOfflineMeanwhileIsNoTrouble) {
    FakeKernel kernel("n305-i226");
    const Plan plan = write_steps(kernel.host(), wish(kernel, "cpu.governor", "powersave"));
    std::filesystem::remove_all(kernel.host().system("/sys/devices/system/cpu/cpufreq/policy7"));
    kernel.engine().jobs.run_here(kernel.engine(), plan);
    EXPECT_EQ(kernel.get(policy0 + "scaling_governor"), "powersave");
}

TEST(Knobs, RiskIsAlwaysATrial) {
    FakeKernel kernel("n100");
    const Plan plan = wish_plan(kernel.host(), "set sata.link",
                                wish(kernel, "sata.link", "med_power_with_dipm"), {});
    ASSERT_GE(plan.steps.size(), 3u);
    EXPECT_EQ(plan.steps.front().action.verb, "trial-arm");
    EXPECT_EQ(plan.steps.back().action.verb, "trial-begin");
    EXPECT_EQ(parse_trial(plan.steps.front().action.on.text("record")).trial.subject,
              "sata.link host0");
}

}  // namespace
}  // namespace lodge
