#include "tui/form.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "engine/units.h"
#include "tests/support/scratch.h"

namespace lodge {
namespace {

TEST(Form, StepsNumbersByAQuarterOfTheirPowerOfTwo) {
    std::string text = "1", all;
    for (int i = 0; i < 12; ++i) {
        all += text + " ";
        text = stepped_number(text, 1, {}, {});
    }
    EXPECT_EQ(all, "1 2 3 4 5 6 7 8 10 12 14 16 ");
    EXPECT_EQ(stepped_number("2048", 1, {}, {}), "2560");
    EXPECT_EQ(stepped_number("4096", 1, {}, {}), "5120");
}

TEST(Form, StepsBackTheWayItCame) {
    for (std::string text = "1"; text.size() < 6;) {
        const std::string next = stepped_number(text, 1, {}, {});
        EXPECT_EQ(stepped_number(next, -1, {}, {}), text);
        text = next;
    }
    for (std::string text = "1G"; text.size() < 6;) {
        const std::string next = stepped_size(text, 1);
        EXPECT_EQ(parse_size(stepped_size(next, -1)), parse_size(text)) << next;
        text = next;
        if (text == "1T") break;
    }
}

TEST(Form, KeepsSteppedNumbersInTheirRange) {
    EXPECT_EQ(stepped_number("16", -1, 16, {}), "16");
    EXPECT_EQ(stepped_number("128", 1, {}, 128), "128");
    EXPECT_EQ(stepped_number("", 1, 16, {}), "16");
    EXPECT_EQ(stepped_number("much", 1, {}, {}), "");
    EXPECT_EQ(stepped_number("1e300", 1, {}, {}), "");
}

TEST(Form, StepsSizesInTheUnitAPersonWouldUse) {
    EXPECT_EQ(stepped_size("32G", 1), "40G");
    EXPECT_EQ(stepped_size("32G", -1), "28G");
    EXPECT_EQ(stepped_size("1G", -1), "896M");
    EXPECT_EQ(stepped_size("512M", 1), "640M");
    EXPECT_EQ(stepped_size("1M", -1), "1M");
    EXPECT_EQ(stepped_size("big", 1), "");
    EXPECT_EQ(stepped_size("9223372036854775807", 1), "");
}

TEST(Form, CompletesPaths) {
    const ScratchFolder scratch;
    const std::string folder = scratch.path() + "/";
    std::filesystem::create_directory(folder + "isos");
    for (const char* name : {"debian-12.iso", "debian-13.iso", ".hidden"})
        std::ofstream(folder + name) << "";

    EXPECT_EQ(complete_path(folder + "d").path, folder + "debian-1");
    EXPECT_EQ(complete_path(folder + "debian-1").names,
              (std::vector<std::string>{folder + "debian-12.iso", folder + "debian-13.iso"}));
    EXPECT_EQ(complete_path(folder + "debian-12").path, folder + "debian-12.iso");
    EXPECT_EQ(complete_path(folder + "i").path, folder + "isos/");
    EXPECT_EQ(complete_path(folder).names.size(), 3U);
    EXPECT_EQ(complete_path(folder + ".h").path, folder + ".hidden");
    EXPECT_EQ(complete_path(folder + "x").path, folder + "x");
    EXPECT_TRUE(complete_path(folder + "x").names.empty());
    EXPECT_TRUE(complete_path(folder + "no/such").names.empty());
}

}  // namespace
}  // namespace lodge
