#include "passthrough/give.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "engine/error.h"
#include "engine/trial.h"
#include "engine/units.h"
#include "passthrough/identity.h"
#include "passthrough/passthrough.h"
#include "tests/passthrough/fake_kernel.h"

// Devices into configurations, and what a start makes of them.
namespace lodge {
namespace {

constexpr std::string_view kMachine = R"(
    iommu dmar0
    pci 0000:00:1c.0 060400 8086:7ab8 driver=pcieport group=5
    pci 0000:01:00.0 020000 8086:10d3 driver=e1000e group=12 under=0000:00:1c.0 reset=flr
    pci 0000:02:00.0 020000 8086:125c driver=igc group=14 reset=flr
    pci 0000:03:00.0 010802 144d:a80a driver=nvme group=16 reset=flr
    net lan0 0000:01:00.0 down
    net lan1 0000:02:00.0 up
    default-route lan1
    block nvme0n1 0000:03:00.0 259:0
    mount / ext4 259:0 /dev/nvme0n1
    usb 1-2 0000:00:1c.0 1a86:55d4 Sonoff Stick
    usb 1-3 0000:00:1c.0 1a86:55d4 Sonoff Stick
    usb 1-4 0000:00:1c.0 046d:c52b Logi Receiver
    guest 101 machine: q35\nmemory: 256\nname: web
    guest 102 name: nas\nmemory: 256\nhostpci0: 0000:01:00.0
)";

class Give : public testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "only root hands devices over";
        if (!std::filesystem::exists("/usr/bin/qemu-system-x86_64"))
            GTEST_SKIP() << "qemu-system-x86_64 is not installed";
    }
    void carry(const Plan& plan) { kernel.engine().jobs.run_here(kernel.engine(), plan); }
    Plan give(const std::string& device, int seconds = 120) {
        return plan_give(kernel.engine(),
                         {{"device", device}, {"guest", 101}, {"seconds", seconds}});
    }
    Plan start(int id) {
        const Guest guest = load_guest(kernel.engine(), id);
        return guest.kind->start(kernel.engine(), guest, {});
    }
    std::string config(int id) {
        return kernel.host().read(kernel.engine().store.path("qemu-server", id)).value_or("");
    }

    FakeKernel kernel{kMachine};
};

template <class Work>
std::string refusal(const Work& work) {
    try {
        work();
    } catch (const Error& error) {
        return error.what();
    }
    ADD_FAILURE() << "it was allowed";
    return "";
}

bool has(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

TEST_F(Give, GoesIntoTheConfigurationAndOutAgain) {
    const std::string before = config(101);
    carry(give("01:00.0"));
    EXPECT_TRUE(has(config(101), "hostpci0: 0000:01:00.0,pcie=1\n")) << config(101);
    EXPECT_TRUE(has(refusal([&] { give("01:00.0"); }), "101 (web) has 01:00.0 already"));
    carry(plan_take_back(kernel.engine(), {{"device", "01:00.0"}}));
    EXPECT_EQ(config(101), before);
    // Out of the other guest's too: it is the machine's again.
    EXPECT_FALSE(has(config(102), "hostpci0")) << config(102);
}

TEST_F(Give, WhatTheMachineLivesOnStays) {
    EXPECT_TRUE(has(refusal([&] { give("03:00.0"); }), "the root file system lies on it"));
}

std::vector<std::string> verbs_of(const Plan& plan) {
    std::vector<std::string> verbs;
    for (const Step& step : plan.steps)
        verbs.push_back(step.action.verb);
    return verbs;
}

TEST_F(Give, WhatCutsOffIsTriedByItsFirstStart) {
    EXPECT_TRUE(has(refusal([&] { give("02:00.0", 0); }), "--seconds 0 is not allowed"));
    const Plan plan = give("02:00.0", 45);
    EXPECT_TRUE(has(join(plan.warnings, "\n"), "default route"));
    EXPECT_TRUE(has(join(plan.warnings, "\n"), "its next start is a trial of 45 s"));
    carry(plan);
    const Plan first = start(101);
    const std::string order = join(verbs_of(first), " ");
    EXPECT_TRUE(has(order, "trial-arm device-look device-bind device-compare device-open"))
        << order;
    EXPECT_LT(order.find("vm-start"), order.find("trial-begin")) << order;
    EXPECT_TRUE(has(join(first.warnings, "\n"), "this start is a trial of 45 s"));
    // Confirmed once, later starts are none.
    kernel.host().write(
        identity_path(kernel.host(), 101),
        identities_agreed(kernel.host(), 101, {"0000:02:00.0"}, Identity::Consent::kept));
    EXPECT_FALSE(has(join(verbs_of(start(101)), " "), "trial"));
    // Taken out and given again it is tried again.
    carry(plan_take_back(kernel.engine(), {{"device", "02:00.0"}}));
    EXPECT_FALSE(known_identity(kernel.host(), 101, "0000:02:00.0"));
    carry(give("02:00.0"));
    EXPECT_TRUE(has(join(verbs_of(start(101)), " "), "trial-arm"));
}

TEST_F(Give, WhatCutsNobodyOffIsNoTrial) {
    carry(give("01:00.0"));
    EXPECT_FALSE(has(join(verbs_of(start(101)), " "), "trial"));
}

TEST_F(Give, AfterATrialThatFailedItIsAskedForAgain) {
    carry(give("02:00.0"));
    kernel.host().write(kernel.host().state_folder() + "/trials/failed",
                        "02:00.0 (8086:125c) for guest 101\t1000\tnobody confirmed it in time\n");
    const std::string words = refusal([&] { start(101); });
    EXPECT_TRUE(has(words, "nobody confirmed it in time")) << words;
    EXPECT_TRUE(has(words, "lodge device give 02:00.0 to 101 tries it again")) << words;
    carry(give("02:00.0"));
    EXPECT_TRUE(failed_subjects(kernel.host()).empty());
    EXPECT_TRUE(has(config(101), "hostpci0")) << config(101);
    EXPECT_FALSE(has(config(101), "hostpci1")) << config(101);
    EXPECT_TRUE(has(join(verbs_of(start(101)), " "), "trial-arm"));
}

TEST(IdentityLine, ComesBackAsItWasWritten) {
    for (const char* line : {"0000:01:00.0 8086:10d3 0000:0000 0000:00/1c.0/00.0",
                             "0000:01:00.0 8086:10d3 0000:0000 0000:00/1c.0/00.0 trial=45",
                             "0000:01:00.0 8086:10d3 0000:0000 0000:00/1c.0/00.0 kept"}) {
        const auto identity = Identity::parse(line);
        ASSERT_TRUE(identity) << line;
        EXPECT_EQ(identity->print(), line);
    }
    for (const char* line : {"", "0000:01:00.0 8086:10d3 x", "0000:01:00.0 a b c trial=0",
                             "0000:01:00.0 a b c trial=99999999999", "0000:01:00.0 a b c d"})
        EXPECT_FALSE(Identity::parse(line)) << line;
}

TEST_F(Give, AConfigurationFromElsewhereDoesNotCutOff) {
    kernel.engine();
    Guest guest = load_guest(kernel.engine(), 101);
    carry(guest.kind->set(kernel.engine(), guest, {{"values", "hostpci0=0000:02:00.0"}}));
    EXPECT_TRUE(has(refusal([&] { start(101); }), "default route"));
}

TEST_F(Give, UsbByWhatItIsOrByPort) {
    carry(give("1-4"));
    EXPECT_TRUE(has(config(101), "usb0: host=046d:c52b\n") || has(config(101), "usb0: 046d:c52b\n"))
        << config(101);
    const Plan plan = give("1-2");
    EXPECT_TRUE(has(join(plan.warnings, "\n"), "2 of this model"));
    carry(plan);
    EXPECT_TRUE(has(config(101), "1-2")) << config(101);
}

TEST_F(Give, AStartHandsOverAndAnEndGivesBack) {
    carry(give("01:00.0"));
    const Plan plan = start(101);
    std::vector<std::string> verbs;
    for (const Step& step : plan.steps) {
        verbs.push_back(step.action.verb);
        if (step.action.verb == "vm-start") {
            EXPECT_TRUE(has(join(step.action.on.list("argv"), " "),
                            "vfio-pci,id=hostpci0,host=0000:01:00.0"));
        }
        if (step.action.verb == "device-bind") {
            EXPECT_TRUE(step.undo.has_value());
        }
    }
    const std::string order = join(verbs, " ");
    EXPECT_TRUE(has(order, "device-look device-bind device-compare device-open")) << order;
    EXPECT_LT(order.find("device-open"), order.find("vm-start"));
}

TEST_F(Give, TheSecondStartHearsWhoHasIt) {
    carry(give("01:00.0"));
    std::filesystem::create_directories(kernel.host().run_folder() + "/device");
    kernel.host().write_volatile(kernel.host().run_folder() + "/device/0000:01:00.0",
                                 "{\"guest\": 101}");
    const std::string words = refusal([&] { start(102); });
    EXPECT_TRUE(has(words, "is with guest 101")) << words;
    EXPECT_TRUE(has(words, "lodge stop 101")) << words;
}

TEST_F(Give, ADeviceThatMovedIsSaid) {
    carry(give("01:00.0"));
    kernel.put("/sys/bus/pci/devices/0000:01:00.0/device", "0x1533\n");
    const std::string words = refusal([&] { start(101); });
    EXPECT_TRUE(has(words, "was another device when guest 101 got it")) << words;
}

}  // namespace
}  // namespace lodge
