#include "passthrough/console.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/input.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "engine/error.h"
#include "engine/units.h"
#include "passthrough/binding.h"
#include "passthrough/give.h"
#include "passthrough/gpu.h"
#include "tests/passthrough/fake_kernel.h"

// The card that the console's picture comes from goes to a guest, and the picture comes back.
namespace lodge {
namespace {

constexpr std::string_view kMachine = R"(
    iommu dmar0
    pci 0000:00:02.0 030000 8086:46d1 driver=i915 group=0 boot_vga=1 reset=flr
    framebuffer 0000:00:02.0
    pci 0000:00:1c.0 060400 8086:7ab8 driver=pcieport group=5
    pci 0000:02:00.0 020000 8086:125c driver=igc group=14 under=0000:00:1c.0
    net eno1 0000:02:00.0 up
    vtconsole vtcon0 0 (S) dummy device
    vtconsole vtcon1 1 (M) frame buffer device
    guest 101 machine: q35\nname: desk\nmemory: 256
)";
const std::string kServes =
    "   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1\n";

class Console : public testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "only root hands devices over";
    }
    static void serve_ssh(FakeKernel& kernel) {
        kernel.put("/proc/net/tcp", kServes);
        kernel.around.addresses["eno1"] = {"192.168.1.2/24", "fe80::1/64"};
    }
    static Plan over(FakeKernel& kernel) {
        const Inventory inventory = kernel.look();
        Plan plan;
        plan.title = "hand over";
        plan.guests = {101};
        plan_hand_over(kernel.engine(), inventory, 101, functions_at(inventory, "0000:00:02.0"),
                       plan);
        for (Step& step : plan.steps)
            step.action.on.erase("user");
        return plan;
    }
    static Plan back(FakeKernel& kernel) {
        Plan plan;
        plan.title = "give back";
        plan.guests = {101};
        plan_give_back(kernel.engine(), 101, plan);
        return plan;
    }
    static void carry(FakeKernel& kernel, const Plan& plan) {
        kernel.engine().jobs.run_here(kernel.engine(), plan);
    }
};

TEST_F(Console, LetsGoAndComesBack) {
    FakeKernel kernel(kMachine);
    serve_ssh(kernel);
    const std::string before = kernel.state();
    const Plan plan = over(kernel);
    const std::string warnings = join(plan.warnings, "\n");
    EXPECT_NE(warnings.find("It is reached by ssh 192.168.1.2;"), std::string::npos) << warnings;
    carry(kernel, plan);
    EXPECT_EQ(kernel.driver("0000:00:02.0"), "vfio-pci");
    EXPECT_EQ(console_holder(kernel.host()), 101);
    EXPECT_EQ(kernel.host().read_line(kernel.host().system("/sys/class/vtconsole/vtcon1/bind")),
              "0");
    carry(kernel, back(kernel));
    EXPECT_EQ(kernel.state(), before);
    EXPECT_EQ(console_holder(kernel.host()), 0);
}

TEST_F(Console, TheFirmwaresFramebufferGoesAndComesBackWhereNoDriverDraws) {
    FakeKernel kernel(R"(
        iommu dmar0
        pci 0000:00:02.0 030000 1234:1111 group=0 boot_vga=1
        vtconsole vtcon1 1 (M) frame buffer device
        platform efi-framebuffer efi-framebuffer.0
        platform simple-framebuffer other
        file /proc/iomem 4000000000-40007fffff : BOOTFB
    )");
    serve_ssh(kernel);
    const std::string before = kernel.state();
    carry(kernel, over(kernel));
    EXPECT_EQ(kernel.state().find("efi-framebuffer.0"), std::string::npos);
    EXPECT_NE(kernel.state().find("simple-framebuffer other"), std::string::npos);
    carry(kernel, back(kernel));
    EXPECT_EQ(kernel.state(), before);
}

TEST_F(Console, WithoutAnotherWayInItStays) {
    FakeKernel kernel(kMachine);
    const auto refusal = [&] {
        try {
            over(kernel);
        } catch (const Error& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    EXPECT_NE(refusal().find("no other way in can be proven"), std::string::npos);
    // An address alone is none, and a server alone is none.
    kernel.around.addresses["eno1"] = {"192.168.1.2/24"};
    EXPECT_NE(refusal(), "");
    kernel.around.addresses.clear();
    kernel.put("/proc/net/tcp", kServes);
    EXPECT_NE(refusal(), "");
    // A login on a serial line is one.
    kernel.put("/proc/700/cmdline", std::string("/sbin/agetty\0ttyS0\0", 19));
    kernel.put("/sys/class/tty/ttyS0/dev", "4:64\n");
    EXPECT_EQ(refusal(), "");
    EXPECT_EQ(other_ways(kernel.host(), kernel.look(), {}).words(), "the serial line ttyS0");
}

TEST_F(Console, AnAddressOnACardThatGoesAlongIsNoWayIn) {
    FakeKernel kernel(kMachine);
    serve_ssh(kernel);
    const Inventory inventory = kernel.look();
    EXPECT_TRUE(other_ways(kernel.host(), inventory, {}).any());
    EXPECT_FALSE(
        other_ways(kernel.host(), inventory, functions_at(inventory, "0000:02:00.0")).any());
}

TEST_F(Console, AFailureBringsThePictureBack) {
    FakeKernel kernel(std::string(kMachine) +
                      "    class hwmon hwmon1 - name=acpitz\n"
                      "    takes-along 0000:00:02.0 hwmon1\n");
    serve_ssh(kernel);
    const std::string before = kernel.state();
    EXPECT_THROW(carry(kernel, over(kernel)), Error);
    EXPECT_EQ(kernel.state(), before);
}

TEST_F(Console, ADriverThatIsSlowOnTheWayBackLeavesANote) {
    FakeKernel kernel(kMachine);
    serve_ssh(kernel);
    const std::string before = kernel.state();
    carry(kernel, over(kernel));
    kernel.put("/.fake/refuses-i915", "");
    EXPECT_THROW(carry(kernel, back(kernel)), Error);
    EXPECT_EQ(console_holder(kernel.host()), 101) << "it is tried again";
    ::unlink(kernel.host().system("/.fake/refuses-i915").c_str());
    carry(kernel, back(kernel));
    EXPECT_EQ(kernel.state(), before);
}

TEST_F(Console, KilledAtEachStepThePictureIsThere) {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    const size_t steps = [] {
        FakeKernel kernel(kMachine);
        serve_ssh(kernel);
        return over(kernel).steps.size();
    }();
    for (size_t step = 0; step < steps; ++step)
        for (const char* event : {"begin", "done"}) {
            SCOPED_TRACE(fmt::format("killed at {}:{}", step, event));
            FakeKernel kernel(kMachine);
            serve_ssh(kernel);
            const std::string before = kernel.state();
            Engine& engine = kernel.engine();
            ::setenv("LODGE_TEST_DIE_AT", fmt::format("{}:{}", step, event).c_str(), 1);
            const int number = engine.jobs.start(engine, over(kernel));
            ::unsetenv("LODGE_TEST_DIE_AT");
            while (::waitpid(-1, nullptr, 0) > 0 || errno == EINTR)
                continue;
            const JobRecord record = engine.jobs.follow(number, {});
            if (record.state == JobState::interrupted) carry(kernel, engine.jobs.clean(number));
            if (step + 1 == steps && std::string_view(event) == "done") carry(kernel, back(kernel));
            EXPECT_EQ(kernel.state(), before);
        }
}

TEST_F(Console, TheCardsSetGoesAsOne) {
    FakeKernel kernel(R"(
        iommu ivhd0
        pci 0000:00:08.1 060400 1022:14eb driver=pcieport group=5
        pci 0000:c5:00.0 030000 1002:15bf driver=amdgpu group=12 under=0000:00:08.1
        pci 0000:c5:00.1 040300 1002:1640 driver=snd_hda_intel group=13 under=0000:00:08.1
        pci 0000:c5:00.2 108000 1022:15c7 driver=ccp group=14 under=0000:00:08.1
        pci 0000:c5:00.3 0c0330 1022:15b9 driver=xhci_hcd group=15 under=0000:00:08.1
        pci 0000:c5:00.5 048000 1022:15e2 driver=snd_pci_ps group=16 under=0000:00:08.1
        pci 0000:c5:00.6 040300 1022:15e3 driver=snd_hda_intel group=17 under=0000:00:08.1
        pci 0000:00:02.0 030000 8086:46d1 driver=i915 group=0 boot_vga=1
        pci 0000:00:02.3 040300 8086:51c8 driver=snd_hda_intel group=1
        guest 101 machine: q35\nname: desk\nmemory: 256
    )");
    const Inventory inventory = kernel.look();
    const auto addresses = [&](const char* named) {
        std::string text;
        for (const PciFunction* one : with_card_set(inventory, functions_at(inventory, named)))
            text += short_address(one->address) + " ";
        return text;
    };
    EXPECT_EQ(addresses("0000:c5:00.0"), "c5:00.0 c5:00.1 c5:00.5 c5:00.6 ");
    EXPECT_EQ(addresses("0000:c5:00.1"), "c5:00.1 ") << "sound alone is sound";
    EXPECT_EQ(addresses("0000:00:02.0"), "00:02.0 ") << "the board's sound is another device";
}

TEST_F(Console, TheFirmwaresNotesOnScreensAreFound) {
    FakeKernel kernel(kMachine);
    const Inventory inventory = kernel.look();
    const PciFunction& card = *inventory.find("0000:00:02.0");
    EXPECT_FALSE(has_opregion(kernel.host(), card)) << "no configuration space can be read";
    std::string space(256, '\0');
    kernel.put("/sys/bus/pci/devices/0000:00:02.0/config", space);
    EXPECT_FALSE(has_opregion(kernel.host(), card));
    space[0xfd] = '\x10';
    kernel.put("/sys/bus/pci/devices/0000:00:02.0/config", space);
    EXPECT_TRUE(has_opregion(kernel.host(), card));
    space.replace(0xfc, 4, "\xff\xff\xff\xff");
    kernel.put("/sys/bus/pci/devices/0000:00:02.0/config", space);
    EXPECT_FALSE(has_opregion(kernel.host(), card));
}

TEST_F(Console, ThePowerButtonIsHeard) {
    FakeKernel kernel("");
    kernel.put("/sys/class/input/event0/device/name", "Some Keyboard\n");
    kernel.put("/sys/class/input/event1/device/name", "Power Button\n");
    kernel.put("/dev/input/event0", "");
    const std::string node = kernel.host().system("/dev/input/event1");
    ASSERT_EQ(::mkfifo(node.c_str(), 0600), 0);
    PowerButton button(kernel.host());
    ASSERT_EQ(button.fds().size(), 1U) << "not the keyboard";
    EXPECT_FALSE(button.pressed());
    const Fd writer(::open(node.c_str(), O_WRONLY | O_CLOEXEC));
    const auto press = [&](uint16_t code, int value) {
        input_event event{};
        event.type = EV_KEY;
        event.code = code;
        event.value = value;
        ASSERT_EQ(::write(writer.get(), &event, sizeof event), static_cast<ssize_t>(sizeof event));
    };
    press(KEY_A, 1);
    press(KEY_POWER, 0);
    EXPECT_FALSE(button.pressed()) << "another key, and its release";
    press(KEY_POWER, 1);
    EXPECT_TRUE(button.pressed());
    EXPECT_FALSE(button.pressed()) << "once";
}

}  // namespace
}  // namespace lodge
