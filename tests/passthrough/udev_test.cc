#include "passthrough/udev.h"

#include <gtest/gtest.h>

#include "engine/error.h"

// Whether udev can be listened to; what it says is seen in the virtual mini PC, where devices come
// and go.
namespace lodge {
namespace {

TEST(Udev, ListensAndIsSilentWhereNothingHappens) {
    Loop loop;
    int heard = 0;
    try {
        const UdevWatch watch(loop, {{"usb", "usb_device"}, {"pci"}},
                              [&](const UdevWatch::Event&) { ++heard; });
        EXPECT_FALSE(loop.run_once(std::chrono::milliseconds(1)));
    } catch (const Error& error) {
        GTEST_SKIP() << error.what();
    }
    EXPECT_EQ(heard, 0);
}

}  // namespace
}  // namespace lodge
