#include "passthrough/binding.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "engine/error.h"
#include "engine/units.h"
#include "passthrough/passthrough.h"
#include "tests/passthrough/fake_kernel.h"

// Devices leave their drivers and come back, on a kernel that answers as the real one does.
namespace lodge {
namespace {

constexpr std::string_view kMachine = R"(
    iommu dmar0
    pci 0000:00:1c.0 060400 8086:7ab8 driver=pcieport group=5
    pci 0000:00:17.0 010601 8086:7ae2 driver=ahci group=7
    pci 0000:01:00.0 020000 8086:10d3 driver=e1000e group=12 under=0000:00:1c.0 reset=flr
    pci 0000:02:00.0 020000 8086:125c driver=igc group=14
    pci 0000:02:00.1 040300 8086:1234 driver=snd_hda_intel group=14
    net lan0 0000:01:00.0 down
    class hwmon hwmon0 - name=coretemp
    class hwmon hwmon1 - name=acpitz
    class hwmon hwmon2 0000:01:00.0 name=nic
    file /sys/devices/system/cpu/cpufreq/policy0/cpuinfo_max_freq 3400000
)";

Plan over(FakeKernel& kernel, const std::vector<std::string>& addresses, int guest = 101) {
    const Inventory inventory = kernel.look();
    std::vector<const PciFunction*> functions;
    for (const std::string& address : addresses)
        for (const PciFunction* one : functions_at(inventory, address))
            functions.push_back(one);
    Plan plan;
    plan.title = "hand over";
    plan.guests = {guest};
    plan_hand_over(kernel.engine(), inventory, guest, functions, plan);
    // Whether files can be given to another user is no matter of this test.
    for (Step& step : plan.steps)
        step.action.on.erase("user");
    return plan;
}

Plan back(FakeKernel& kernel, int guest = 101) {
    Plan plan;
    plan.title = "give back";
    plan.guests = {guest};
    plan_give_back(kernel.engine(), guest, plan);
    return plan;
}

// The locks of a process that was killed a moment ago may be held still.
void carry(FakeKernel& kernel, const Plan& plan) {
    for (int tries = 0;; ++tries)
        try {
            return kernel.engine().jobs.run_here(kernel.engine(), plan);
        } catch (const Error& error) {
            if (error.exit() != Exit::busy || tries == 100 ||
                std::string_view(error.what()).find("at work") == std::string_view::npos)
                throw;
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
}

std::string failure(FakeKernel& kernel, const Plan& plan) {
    try {
        carry(kernel, plan);
    } catch (const Error& error) {
        return error.what();
    }
    ADD_FAILURE() << "it worked";
    return "";
}

class Binding : public testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "only root hands devices over";
    }
};

TEST_F(Binding, GoesAndComesBack) {
    FakeKernel kernel(kMachine);
    const std::string before = kernel.state();
    carry(kernel, over(kernel, {"01:00.0"}));
    EXPECT_EQ(kernel.driver("0000:01:00.0"), "vfio-pci");
    EXPECT_TRUE(kernel.exists("/dev/vfio/12"));
    EXPECT_FALSE(kernel.exists("/sys/class/net/lan0"));
    EXPECT_EQ(kernel.driver("0000:00:17.0"), "ahci");
    EXPECT_EQ(kernel.driver("0000:00:1c.0"), "pcieport");
    EXPECT_EQ(kernel.look().find("01:00.0")->holder, 101);
    carry(kernel, back(kernel));
    EXPECT_EQ(kernel.state(), before);
}

TEST_F(Binding, TakesTheGroupAlongAndNothingElse) {
    FakeKernel kernel(kMachine);
    const std::string before = kernel.state();
    carry(kernel, over(kernel, {"02:00.0"}));
    EXPECT_EQ(kernel.driver("0000:02:00.0"), "vfio-pci");
    EXPECT_EQ(kernel.driver("0000:02:00.1"), "vfio-pci");
    EXPECT_EQ(kernel.driver("0000:01:00.0"), "e1000e");
    carry(kernel, back(kernel));
    EXPECT_EQ(kernel.state(), before);
}

TEST_F(Binding, WhatWasWithVfioStaysThere) {
    FakeKernel kernel(std::string(kMachine) +
                      "pci 0000:03:00.0 030000 10de:2204 driver=vfio-pci group=20\n");
    const std::string before = kernel.state();
    carry(kernel, over(kernel, {"03:00.0"}));
    carry(kernel, back(kernel));
    EXPECT_EQ(kernel.state(), before);
}

TEST_F(Binding, WithoutADriverItHasNoneAgain) {
    FakeKernel kernel(std::string(kMachine) + "pci 0000:03:00.0 118000 8086:1 group=20\n");
    const std::string before = kernel.state();
    carry(kernel, over(kernel, {"03:00.0"}));
    EXPECT_EQ(kernel.driver("0000:03:00.0"), "vfio-pci");
    carry(kernel, back(kernel));
    EXPECT_EQ(kernel.state(), before);
}

TEST_F(Binding, ALostSensorBringsItBack) {
    FakeKernel kernel(std::string(kMachine) + "takes-along 0000:00:17.0 hwmon1\n");
    const std::string before = kernel.state();
    const std::string words = failure(kernel, over(kernel, {"00:17.0"}));
    EXPECT_NE(words.find("sensor chip acpitz is gone"), std::string::npos) << words;
    EXPECT_EQ(kernel.state(), before);
}

TEST_F(Binding, ASensorOfItsOwnMayGo) {
    FakeKernel kernel(std::string(kMachine) + "takes-along 0000:01:00.0 hwmon2\n");
    carry(kernel, over(kernel, {"01:00.0"}));
    EXPECT_EQ(kernel.driver("0000:01:00.0"), "vfio-pci");
}

TEST_F(Binding, ADriverThatHangsEndsItInTime) {
    FakeKernel kernel(std::string(kMachine) + "hang e1000e\n");
    Plan plan = over(kernel, {"01:00.0"});
    for (Step& step : plan.steps)
        step.action.on.set({"limit", 1});
    const std::string words = failure(kernel, plan);
    EXPECT_NE(words.find("has not come back"), std::string::npos) << words;
    EXPECT_NE(words.find("e1000e"), std::string::npos) << words;
    EXPECT_EQ(kernel.driver("0000:01:00.0"), "e1000e");
    EXPECT_FALSE(kernel.exists("/dev/vfio/12"));
}

TEST_F(Binding, ADriverThatRefusesIsTold) {
    FakeKernel kernel(kMachine);
    carry(kernel, over(kernel, {"01:00.0"}));
    kernel.put("/.fake/refuses-e1000e", "");
    const std::string words = failure(kernel, back(kernel));
    EXPECT_NE(words.find("e1000e"), std::string::npos) << words;
    // It is known still, and can be tried again.
    EXPECT_EQ(handed_devices(kernel.host()).size(), 1U);
    ::unlink(kernel.host().system("/.fake/refuses-e1000e").c_str());
    carry(kernel, back(kernel));
    EXPECT_EQ(kernel.driver("0000:01:00.0"), "e1000e");
    EXPECT_TRUE(handed_devices(kernel.host()).empty());
}

TEST_F(Binding, OneThatDoesNotComeBackKeepsNoOther) {
    FakeKernel kernel(kMachine);
    carry(kernel, over(kernel, {"02:00.0"}));
    kernel.put("/.fake/refuses-snd_hda_intel", "");
    const std::string words = failure(kernel, back(kernel));
    EXPECT_NE(words.find("0000:02:00.1 does not come back"), std::string::npos) << words;
    EXPECT_EQ(kernel.driver("0000:02:00.0"), "igc");
    EXPECT_EQ(handed_devices(kernel.host()).size(), 1U);
}

TEST_F(Binding, WhatWasPreferredIsPreferredAgain) {
    FakeKernel kernel(kMachine);
    kernel.put("/sys/bus/pci/devices/0000:01:00.0/driver_override", "e1000e\n");
    const std::string before = kernel.state();
    carry(kernel, over(kernel, {"01:00.0"}));
    carry(kernel, back(kernel));
    EXPECT_EQ(kernel.state(), before);
}

TEST_F(Binding, AnotherDeviceInItsPlaceIsLeftAlone) {
    FakeKernel kernel(kMachine);
    carry(kernel, over(kernel, {"01:00.0"}));
    kernel.put("/sys/bus/pci/devices/0000:01:00.0/device", "0x1533\n");
    carry(kernel, back(kernel));
    EXPECT_TRUE(handed_devices(kernel.host()).empty());
    EXPECT_EQ(kernel.driver("0000:01:00.0"), "vfio-pci");
}

TEST_F(Binding, ANodeThatStaysIsNoGuestsAnyMore) {
    FakeKernel kernel(std::string(kMachine) +
                      "pci 0000:03:00.0 030000 10de:2204 driver=vfio-pci group=20\n");
    carry(kernel, over(kernel, {"03:00.0"}));
    const std::string node = kernel.host().system("/dev/vfio/20");
    ASSERT_EQ(::chown(node.c_str(), 65534, 65534), 0);
    carry(kernel, back(kernel));
    struct stat found {};
    ASSERT_EQ(::stat(node.c_str(), &found), 0);
    EXPECT_EQ(found.st_uid, 0U);
}

TEST_F(Binding, ASecondGuestHearsWhoHasIt) {
    FakeKernel kernel(std::string(kMachine) + "guest 101 name: web\\nhostpci0: 0000:01:00.0\n");
    carry(kernel, over(kernel, {"01:00.0"}));
    const std::string words = failure(kernel, over(kernel, {"01:00.0"}, 102));
    EXPECT_NE(words.find("101 (web) has it"), std::string::npos) << words;
    EXPECT_EQ(kernel.driver("0000:01:00.0"), "vfio-pci");
    EXPECT_EQ(handed_devices(kernel.host()).at(0).guest, 101);
}

TEST_F(Binding, ADeviceThatIsAnotherNowIsRefused) {
    FakeKernel kernel(kMachine);
    const Plan plan = over(kernel, {"01:00.0"});
    kernel.put("/sys/bus/pci/devices/0000:01:00.0/device", "0x1533\n");
    const std::string words = failure(kernel, plan);
    EXPECT_NE(words.find("it was 8086:10d3 and is 8086:1533 now"), std::string::npos) << words;
    EXPECT_EQ(kernel.driver("0000:01:00.0"), "e1000e");
}

TEST_F(Binding, AGroupThatChangedIsRefused) {
    FakeKernel kernel(kMachine);
    Plan plan = over(kernel, {"01:00.0"});
    for (Step& step : plan.steps)
        if (step.action.verb == "device-bind") step.action.on.set({"group", 99});
    EXPECT_NE(failure(kernel, plan).find("is in 12 now"), std::string::npos);
}

TEST_F(Binding, AnUnpluggedDeviceIsForgotten) {
    FakeKernel kernel(kMachine);
    carry(kernel, over(kernel, {"01:00.0"}));
    const Plan plan = back(kernel);
    kernel.remove_device("0000:01:00.0");
    carry(kernel, plan);
    EXPECT_TRUE(handed_devices(kernel.host()).empty());
}

TEST_F(Binding, WithoutVfioItSaysSo) {
    FakeKernel kernel(std::string(kMachine) + "without vfio-pci\n");
    const std::string before = kernel.state();
    Plan plan = over(kernel, {"01:00.0"});
    ASSERT_EQ(plan.steps.at(0).action.verb, "run");  // modprobe
    plan.steps.erase(plan.steps.begin());
    const std::string words = failure(kernel, plan);
    EXPECT_NE(words.find("which is not loaded: modprobe vfio-pci"), std::string::npos) << words;
    EXPECT_EQ(kernel.state(), before);
}

// Whoever is killed in the middle leaves what the undo of the job puts right.
TEST_F(Binding, KilledAtEachStepItIsCleanedUp) {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    const size_t steps = [] {
        FakeKernel kernel(kMachine);
        return over(kernel, {"02:00.0"}).steps.size();
    }();
    for (size_t step = 0; step < steps; ++step)
        for (const char* event : {"begin", "done"}) {
            FakeKernel kernel(kMachine);
            const std::string before = kernel.state();
            ::setenv("LODGE_TEST_DIE_AT", fmt::format("{}:{}", step, event).c_str(), 1);
            Engine& engine = kernel.engine();
            const int number = engine.jobs.start(engine, over(kernel, {"02:00.0"}));
            ::unsetenv("LODGE_TEST_DIE_AT");
            // The fake's /proc has no processes by which the job could be followed.
            while (::waitpid(-1, nullptr, 0) > 0 || errno == EINTR)
                continue;
            const JobRecord record = engine.jobs.follow(number, {});
            SCOPED_TRACE(fmt::format("killed at {}:{}", step, event));
            if (record.state == JobState::interrupted) {
                const Plan clean = engine.jobs.clean(number);
                carry(kernel, clean);
            }
            // All was done: the guest would run, and its end gives back.
            if (step + 1 == steps && std::string_view(event) == "done") carry(kernel, back(kernel));
            EXPECT_EQ(kernel.state(), before);
        }
}

}  // namespace
}  // namespace lodge
