#include <gtest/gtest.h>
#include <unistd.h>

#include "engine/error.h"
#include "engine/units.h"
#include "passthrough/use_plan.h"
#include "tests/passthrough/fake_kernel.h"

// From the wish for a device to a guest that has it, by the gentlest way that there is.
namespace lodge {
namespace {

constexpr std::string_view kMachine = R"(
    iommu dmar0
    pci 0000:00:02.0 030000 8086:46d1 driver=i915 group=1 reset=flr
    pci 0000:01:00.0 020000 8086:1521 driver=igb group=12 reset=flr vfs=0/7
    file /sys/devices/pci0000:00/0000:00:02.0/drm/card0/dev 226:0
    file /sys/devices/pci0000:00/0000:00:02.0/drm/renderD128/dev 226:128
    guest 101 machine: q35\nmemory: 256\nname: win11
)";

class Use : public testing::Test {
  protected:
    Plan use(const std::string& device, const std::string& guest, const std::string& source = "") {
        Values words{{"device", device}, {"guest", guest}};
        if (!source.empty()) words.set({"template", source});
        return plan_use(kernel.engine(), words);
    }
    std::string refusal(const std::string& device, const std::string& guest) {
        try {
            use(device, guest);
        } catch (const Error& error) {
            return error.what();
        }
        ADD_FAILURE() << "it was allowed";
        return "";
    }
    static bool has(std::string_view text, std::string_view part) {
        return text.find(part) != std::string_view::npos;
    }

    FakeKernel kernel{kMachine};
};

TEST_F(Use, ANewContainerIsMadeGivenAndStarted) {
    const Plan plan = use("gpu", "jellyfin", "demo");
    ASSERT_GE(plan.steps.size(), 3U);
    const Step& share = plan.steps[plan.steps.size() - 2];
    EXPECT_EQ(share.action.verb, "gpu-share");
    EXPECT_EQ(share.action.on.text("device"), "/dev/dri/renderD128");
    EXPECT_EQ(plan.steps.back().action.verb, "guest-start");
    EXPECT_TRUE(has(plan.afterwards, "(jellyfin) runs and has /dev/dri/renderD128"));
}

TEST_F(Use, WithoutAGuestItSaysHowToMakeOne) {
    const std::string words = refusal("gpu", "jellyfin");
    EXPECT_TRUE(has(words, "there is no guest jellyfin: --template SOURCE makes")) << words;
}

TEST_F(Use, AVirtualMachineHearsTheWays) {
    std::string words = refusal("gpu", "win11");
    EXPECT_TRUE(has(words, "share: not here, 101 (win11) is a virtual machine")) << words;
    EXPECT_TRUE(has(words, "virtual function: not here, it does not offer SR-IOV")) << words;
    EXPECT_TRUE(has(words, "lodge device use 00:02.0 for win11 --whole")) << words;
    words = refusal("01:00.0", "win11");
    EXPECT_TRUE(has(words, "lodge device vf 01:00.0 1 --pool part")) << words;
}

TEST_F(Use, WhichOneIsMeantIsAsked) {
    EXPECT_TRUE(has(refusal("05:00.0", "win11"), "there is no device 05:00.0"));
    FakeKernel two(std::string(kMachine) +
                   "pci 0000:03:00.0 030000 10de:2204 driver=nouveau group=20\n");
    try {
        plan_use(two.engine(), {{"device", "gpu"}, {"guest", "win11"}});
        ADD_FAILURE() << "it was allowed";
    } catch (const Error& error) {
        EXPECT_TRUE(has(error.what(), "several graphics processors: 00:02.0")) << error.what();
    }
    FakeKernel none("iommu dmar0\npci 0000:01:00.0 020000 8086:1521 driver=igb group=12\n");
    EXPECT_THROW(plan_use(none.engine(), {{"device", "gpu"}, {"guest", "x"}}), Error);
}

}  // namespace
}  // namespace lodge
