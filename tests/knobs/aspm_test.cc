#include "power/aspm.h"

#include <gtest/gtest.h>

#include "engine/trial.h"
#include "engine/trial_record.h"
#include "power/knob_plan.h"
#include "tests/support/fake_kernel.h"

namespace lodge {
namespace {

const std::string disk = "0000:03:00.0";  // of n100: its firmware left L1 off
const std::string card = "0000:01:00.0";

std::string file(const std::string& address, const std::string& attribute) {
    return aspm::attribute_file(address, attribute);
}

std::vector<KnobWish> wish(FakeKernel& kernel, const std::string& name, const std::string& value) {
    return {{named_knobs(kernel.host(), name).at(0), value}};
}

// What all links say, but for one attribute.
std::string others(FakeKernel& kernel, const std::string& address, const std::string& attribute) {
    std::string text;
    for (const PciDevice& device : pci_devices(kernel.host()))
        for (const std::string_view one : aspm::attributes)
            if (device.address != address || one != attribute)
                text += kernel.get(file(device.address, std::string(one))) + " ";
    return text;
}

TEST(Aspm, AOneUnderThePolicyDefaultIsASilentNoOp) {
    FakeKernel kernel("n100");
    EXPECT_EQ(kernel::write(kernel.host(), file(disk, "l1_aspm"), "1"), 0);
    EXPECT_EQ(kernel.get(file(disk, "l1_aspm")), "0") << "the fake reacts as the kernel does";
}

TEST(Aspm, ALinkIsTurnedOnAndNoOtherChanges) {
    FakeKernel kernel("n100");
    const std::string before = others(kernel, disk, "l1_aspm");
    const Plan plan = write_steps(kernel.host(), wish(kernel, "aspm.l1@" + disk, "1"));
    kernel.engine().jobs.run_here(kernel.engine(), plan);
    EXPECT_EQ(kernel.get(file(disk, "l1_aspm")), "1");
    EXPECT_EQ(kernel.get(std::string(aspm::policy_file)), "powersave");
    EXPECT_EQ(others(kernel, disk, "l1_aspm"), before);

    // Back: the policy first, and never a 1 where a 0 stood.
    Plan undo;
    for (size_t i = plan.steps.size(); i-- > 0;)
        undo.step("undo", *plan.steps[i].undo);
    kernel.engine().jobs.run_here(kernel.engine(), undo);
    EXPECT_EQ(kernel.get(file(disk, "l1_aspm")), "0");
    EXPECT_EQ(kernel.get(std::string(aspm::policy_file)), "default");
    EXPECT_EQ(others(kernel, disk, "l1_aspm"), before);
    size_t policy_at = 0, link_at = 0;
    for (size_t i = 0; i < undo.steps.size(); ++i) {
        if (undo.steps[i].action.verb == "knob-restore") policy_at = i;
        if (undo.steps[i].action.verb == "aspm-link") link_at = i;
    }
    EXPECT_LT(policy_at, link_at);
}

TEST(Aspm, ASubstateBringsItsL1AndThePolicyThatAllowsIt) {
    FakeKernel kernel("n100");
    kernel.engine().jobs.run_here(
        kernel.engine(), write_steps(kernel.host(), wish(kernel, "aspm.l1-2@" + disk, "1")));
    EXPECT_EQ(kernel.get(file(disk, "l1_2_aspm")), "1");
    EXPECT_EQ(kernel.get(file(disk, "l1_aspm")), "1");
    EXPECT_EQ(kernel.get(file(disk, "l1_1_aspm")), "0");
    EXPECT_EQ(kernel.get(file(card, "l1_aspm")), "0");
    EXPECT_EQ(kernel.get(std::string(aspm::policy_file)), "powersupersave");
}

// Else a driver's own "no L1" would be gone after a trial that was taken back.
TEST(Aspm, TheL1ThatCameWithASubstateIsTakenBack) {
    FakeKernel kernel("amd-7840hs");
    const std::string link = "0000:01:00.0";  // firmware had its L1 on
    kernel.driver_disables(link, "l1_aspm");
    ASSERT_EQ(kernel.get(file(link, "l1_aspm")), "0");
    const Plan plan = write_steps(kernel.host(), wish(kernel, "aspm.l1-2@" + link, "1"));
    kernel.engine().jobs.run_here(kernel.engine(), plan);
    ASSERT_EQ(kernel.get(file(link, "l1_aspm")), "1");
    Plan undo;
    for (size_t i = plan.steps.size(); i-- > 0;)
        undo.step("undo", *plan.steps[i].undo);
    kernel.engine().jobs.run_here(kernel.engine(), undo);
    EXPECT_EQ(kernel.get(file(link, "l1_aspm")), "0");
    EXPECT_EQ(kernel.get(file(link, "l1_2_aspm")), "0");
}

TEST(Aspm, WhatADriverTurnedOffStaysOffElsewhere) {
    FakeKernel kernel("amd-7840hs");
    kernel.driver_disables("0000:02:00.0", "l1_1_aspm");
    EXPECT_EQ(kernel.get(file("0000:02:00.0", "l1_1_aspm")), "0");
    kernel.engine().jobs.run_here(
        kernel.engine(), write_steps(kernel.host(), wish(kernel, "aspm.l1-2@0000:02:00.0", "1")));
    EXPECT_EQ(kernel.get(file("0000:02:00.0", "l1_1_aspm")), "0");
    EXPECT_EQ(kernel.get(file("0000:01:00.0", "l1_aspm")), "1") << "firmware had it on";
}

TEST(Aspm, AnEnableThatDoesNothingIsNoSuccess) {
    FakeKernel kernel("n100");
    const Plan plan = write_steps(kernel.host(), wish(kernel, "aspm.l1@" + disk, "1"));
    // Someone takes the policy back between our write and our look.
    kernel.refuse(std::string(aspm::policy_file), EPERM);
    EXPECT_THROW(kernel.engine().jobs.run_here(kernel.engine(), plan), Error);
    EXPECT_EQ(kernel.get(file(disk, "l1_aspm")), "0");
}

TEST(Aspm, TheRootDiskWantsConsent) {
    FakeKernel kernel("n100");
    try {
        wish_plan(kernel.host(), "set", wish(kernel, "aspm.l1@" + disk, "1"), {});
        ADD_FAILURE() << "nothing was asked";
    } catch (const Error& error) {
        EXPECT_EQ(error.exit(), Exit::refused);
        EXPECT_NE(std::string(error.what()).find("--consent " + disk), std::string::npos);
    }
    WishOptions options;
    options.consent = disk;
    const Plan plan =
        wish_plan(kernel.host(), "set", wish(kernel, "aspm.l1@" + disk, "1"), options);
    const Trial trial = parse_trial(plan.steps.front().action.on.text("record")).trial;
    EXPECT_EQ(trial.subject, "aspm.l1 15b7:5015");
    std::string watched;
    for (const Step& step : trial.watch.steps)
        watched += step.action.on.text("file", "") + "\n";
    for (const std::string& one :
         {disk + "/aer_dev_fatal", std::string("0000:00:1d.0/aer_dev_correctable"),
          disk + "/current_link_speed", std::string("nvme0/state")})
        EXPECT_NE(watched.find(one), std::string::npos) << one << " in\n" << watched;
}

// Its place is "nvme0", not an address.
TEST(Aspm, ADisksSleepWatchesItsController) {
    FakeKernel kernel("n100");
    const Plan plan = wish_plan(kernel.host(), "set", wish(kernel, "nvme.latency@nvme0", "0"), {});
    const Trial trial = parse_trial(plan.steps.front().action.on.text("record")).trial;
    EXPECT_EQ(trial.subject, "nvme.latency 15b7:5015");
    std::string watched;
    for (const Step& step : trial.watch.steps)
        watched += step.action.on.text("file", "") + "\n";
    for (const std::string& one :
         {disk + "/aer_dev_fatal", disk + "/current_link_speed", std::string("nvme0/state")})
        EXPECT_NE(watched.find(one), std::string::npos) << one << " in\n" << watched;
}

TEST(Aspm, TheOnlyNetworkWantsConsent) {
    FakeKernel kernel("n100");
    EXPECT_THROW(wish_plan(kernel.host(), "set", wish(kernel, "aspm.l1@" + card, "1"), {}), Error);
    FakeKernel two("n305-i226");  // another card is up as well
    EXPECT_NO_THROW(wish_plan(two.host(), "set", wish(two, "aspm.l1@0000:01:00.0", "1"), {}));
}

// What a trial's watcher looks at: it is on, an error is counted at the other end, that is trouble.
TEST(Aspm, ErrorsAtTheOtherEndAreTrouble) {
    FakeKernel kernel("n305-i226");
    const Plan plan =
        wish_plan(kernel.host(), "set", wish(kernel, "aspm.l1@0000:01:00.0", "1"), {});
    const Trial trial = parse_trial(plan.steps.front().action.on.text("record")).trial;
    EXPECT_EQ(trial.subject, "aspm.l1 8086:125c");
    auto& jobs = kernel.engine().jobs;
    jobs.run_here(kernel.engine(), trial.plan);
    EXPECT_EQ(kernel.get(file("0000:01:00.0", "l1_aspm")), "1");
    EXPECT_NO_THROW(jobs.run_here(kernel.engine(), trial.watch));
    kernel.set("/sys/bus/pci/devices/0000:00:1c.0/aer_dev_nonfatal",
               "CmpltTO 1\nTOTAL_ERR_NONFATAL 1");
    try {
        jobs.run_here(kernel.engine(), trial.watch);
        ADD_FAILURE() << "not seen";
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("1 error new"), std::string::npos);
    }
}

TEST(Aspm, OtherTroubleOfATrialIsSeen) {
    FakeKernel kernel("n305-i226");
    kernel.set("/dev/kmsg", "6,41,100,-;igc 0000:01:00.0 enp1s0: PCIe link lost");
    const Plan plan =
        wish_plan(kernel.host(), "set", wish(kernel, "aspm.l1@0000:01:00.0", "1"), {});
    const Trial trial = parse_trial(plan.steps.front().action.on.text("record")).trial;
    auto& jobs = kernel.engine().jobs;
    EXPECT_NO_THROW(jobs.run_here(kernel.engine(), trial.watch)) << "said before it began";
    struct Trouble {
        std::string file, value;
    };
    for (const Trouble& one :
         {Trouble{"/dev/kmsg", "6,42,100,-;igc 0000:01:00.0 enp1s0: PCIe link lost"},
          Trouble{"/sys/class/net/enp1s0/carrier_changes", "3"},
          Trouble{"/sys/class/net/enp1s0/statistics/rx_crc_errors", "11"},
          Trouble{"/sys/bus/pci/devices/0000:01:00.0/current_link_speed", "2.5 GT/s PCIe"}}) {
        const std::string before = kernel::text(kernel.host(), one.file);
        kernel.set(one.file, one.value);
        EXPECT_THROW(jobs.run_here(kernel.engine(), trial.watch), Error) << one.file;
        kernel.set(one.file, before);
    }
    EXPECT_NO_THROW(jobs.run_here(kernel.engine(), trial.watch));
}

}  // namespace
}  // namespace lodge
