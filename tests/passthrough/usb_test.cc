#include <gtest/gtest.h>

#include <algorithm>

#include "engine/error.h"
#include "engine/units.h"
#include "passthrough/give.h"
#include "passthrough/usb_choice.h"
#include "passthrough/usb_follow.h"
#include "tests/passthrough/fake_kernel.h"

// Which device on USB a guest gets, and what follows when one is unplugged and comes back.
namespace lodge {
namespace {

constexpr std::string_view kMachine = R"(
    pci 0000:00:14.0 0c0330 8086:7ae0 driver=xhci_hcd group=3
    usb 1-1 0000:00:14.0 05e3:0610 Genesys Hub hub
    usb 1-2 0000:00:14.0 1a86:55d4 Sonoff Stick
    usb 1-3 0000:00:14.0 1a86:55d4 Sonoff Stick
    usb 1-4 0000:00:14.0 046d:c52b Logi Receiver
    mapping usb zigbee\n\tmap node=a,id=1a86:55d4\n\nmouse\n\tmap id=046d:c52b,path=1-4\n
)";

class Usb : public testing::Test {
  protected:
    void guest(const std::string& keys, const std::string& more = "") {
        kernel.emplace(std::string(kMachine) + "guest 101 name: web\\n" + keys + "\n" + more);
    }
    // "usb0=1-2 usb1: why not".
    std::string chosen(const std::map<std::string, std::string>& standing = {}, int holder = 0) {
        Inventory inventory = kernel->look();
        for (UsbDevice& device : inventory.usb)
            if (holder != 0 && device.port == "1-2") device.holder = holder;
        std::vector<std::string> words;
        for (const UsbChoice& one :
             choose_usb(kernel->host(), inventory, load_guest(kernel->engine(), 101), standing))
            words.push_back(one.device ? one.wish.key + "=" + one.device->port
                                       : one.wish.key + ": " + one.problem);
        return join(words, "; ");
    }
    std::string node(const std::string& name) const {
        return kernel->host().system("/dev/bus/usb/001/00" + name);
    }
    std::vector<std::string> followed(const std::map<std::string, std::string>& standing) {
        const Plan plan =
            plan_follow_usb(kernel->engine(), load_guest(kernel->engine(), 101), standing);
        std::vector<std::string> words;
        for (const Step& step : plan.steps)
            words.push_back(step.action.verb + " " + step.action.on.text("key"));
        return words;
    }

    std::optional<FakeKernel> kernel;
};

TEST_F(Usb, ByIdsByPortAndByMapping) {
    guest("usb0: host=0x046D:0xC52B\\nusb1: host=1-3\\nusb2: mapping=zigbee");
    EXPECT_EQ(chosen(), "usb0=1-4; usb1=1-3; usb2=1-2");
}

TEST_F(Usb, EqualOnesGoToOneKeyEach) {
    guest("usb0: host=1a86:55d4\\nusb1: host=1a86:55d4\\nusb2: host=1a86:55d4");
    EXPECT_EQ(chosen(),
              "usb0=1-2; usb1=1-3; usb2: Sonoff Stick (1-2) is usb0's already; a second one is not "
              "plugged in");
}

TEST_F(Usb, WhoNamesThePortComesFirst) {
    guest("usb0: host=1a86:55d4\\nusb1: host=1-2");
    EXPECT_EQ(chosen(), "usb0=1-3; usb1=1-2");
    guest("usb0: host=1a86:55d4", "guest 102 usb0: host=1-2\n");
    EXPECT_EQ(chosen(), "usb0=1-3");
}

TEST_F(Usb, EachKeepsWhatItHas) {
    guest("usb0: host=1a86:55d4\\nusb1: host=1a86:55d4");
    EXPECT_EQ(chosen({{"usb0", node("3")}}), "usb0=1-3; usb1=1-2");
}

TEST_F(Usb, AConflictNamesWhoHasIt) {
    guest("usb0: host=1-2");
    EXPECT_EQ(chosen({}, 102),
              "usb0: Sonoff Stick (1-2) is with guest 102: lodge stop 102 frees it");
    guest("usb0: host=1a86:55d4");
    EXPECT_EQ(chosen({}, 102), "usb0=1-3");
}

TEST_F(Usb, WhyThereIsNone) {
    guest("usb0: host=1-9\\nusb1: host=dead:beef\\nusb2: mapping=none\\nusb3: host=1-1");
    const std::string words = chosen();
    EXPECT_NE(words.find("nothing is plugged in at 1-9: the guest gets what is"), words.npos);
    EXPECT_NE(words.find("dead:beef is not plugged in: the guest gets it as soon as it is"),
              words.npos);
    EXPECT_NE(words.find("there is no mapping none"), words.npos) << words;
    EXPECT_NE(words.find("1-1 is a hub"), words.npos) << words;
    guest("usb0: mapping=mouse");
    kernel->put("/sys/bus/usb/devices/1-4/idProduct", "c077\n");
    EXPECT_EQ(chosen(), "usb0: Logi Receiver in port 1-4 is no 046d:c52b");
}

TEST_F(Usb, AStartGetsTheNodesAndWaitsForWhatIsAway) {
    guest("memory: 256\\nusb0: mapping=zigbee\\nusb1: host=1-9");
    const Guest web = load_guest(kernel->engine(), 101);
    const Plan plan = web.kind->start(kernel->engine(), web, {});
    const auto start = std::find_if(plan.steps.begin(), plan.steps.end(), [](const Step& step) {
        return step.action.verb == "vm-start";
    });
    ASSERT_NE(start, plan.steps.end());
    const std::string argv = join(start->action.on.list("argv"), " ");
    EXPECT_NE(argv.find("usb-host,id=usb0"), argv.npos) << argv;
    EXPECT_EQ(argv.find("id=usb1"), argv.npos) << argv;
    EXPECT_NE(join(start->action.on.list("hand-over"), " ").find(node("2")), argv.npos);
    EXPECT_NE(join(plan.warnings, "\n").find("usb1: nothing is plugged in at 1-9"), argv.npos);
}

TEST_F(Usb, WhatTheMachineLivesOnIsNotTaken) {
    UsbDevice stick;
    EXPECT_EQ(why_stays(stick), "");
    stick.uses.push_back({UseKind::keyboard, "kbd", {}, "somebody types on it", ""});
    EXPECT_EQ(why_stays(stick), "");
    stick.uses.push_back({UseKind::disk, "sda", {}, "the root file system lies on it", ""});
    EXPECT_EQ(why_stays(stick), "the root file system lies on it");
    guest("memory: 256\\nusb0: host=1-2", "keyboard 0000:00:14.0\n");
    const Guest web = load_guest(kernel->engine(), 101);
    EXPECT_NE(join(web.kind->start(kernel->engine(), web, {}).warnings, "\n")
                  .find("usb0: this machine uses Sonoff Stick (1-2), and loses it"),
              std::string::npos);
    try {
        plan_give(kernel->engine(), {{"device", "1-2"}, {"guest", 101}});
        ADD_FAILURE() << "it was allowed";
    } catch (const Error& error) {
        EXPECT_NE(std::string_view(error.what()).find("somebody types on it; --anyway"),
                  std::string_view::npos)
            << error.what();
    }
}

TEST_F(Usb, FollowsWhatIsUnpluggedAndComesBack) {
    guest("usb0: host=1-2\\nusb1: host=046d:c52b\\nusb2: host=1-9");
    using Words = std::vector<std::string>;
    EXPECT_EQ(followed({{"usb0", node("2")}, {"usb1", node("4")}}), Words{});
    // Away: the guest is told. Back: with a new number, which is plugged in anew.
    EXPECT_EQ(followed({{"usb0", node("2")}, {"usb1", ""}}),
              (Words{"vm-detach usb1", "vm-attach usb1"}));
    EXPECT_EQ(followed({{"usb0", node("7")}, {"usb1", node("4")}}),
              (Words{"vm-detach usb0", "vm-attach usb0"}));
    EXPECT_EQ(followed({{"usb0", node("2")}}), Words{"vm-attach usb1"});
    EXPECT_EQ(followed({{"usb0", node("2")}, {"usb1", node("4")}, {"usb2", ""}}),
              Words{"vm-detach usb2"});
}

}  // namespace
}  // namespace lodge
