#include "power/record.h"

#include <gtest/gtest.h>

#include "power/aspm_links.h"
#include "power/kernel.h"
#include "power/knob.h"
#include "tests/support/fake_kernel.h"

namespace lodge {
namespace {

TEST(Record, EveryMachineIsReadAndPrintedAlike) {
    size_t count = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator(std::filesystem::path(TESTS_FOLDER) / "machines")) {
        ++count;
        const auto entries = parse_record(cases::read(entry.path()));
        EXPECT_GT(entries.size(), 10u) << entry.path();
        EXPECT_EQ(parse_record(print_record(entries)), entries) << entry.path();
        FakeKernel kernel(entry.path().filename().string());
        EXPECT_FALSE(find_knobs(kernel.host()).empty()) << entry.path();
    }
    EXPECT_GE(count, 6u);
}

TEST(Record, AMachineRecordedAgainHasTheSameKnobs) {
    for (const std::string name : {"n100", "amd-7840hs", "arm"}) {
        FakeKernel first(name);
        const auto entries = record_machine(first.host());
        ScratchFolder folder;
        unpack_record(entries, folder.path());
        Host::Places places = ScratchEngine::places(folder.path());
        places.sysroot = folder.path();
        const Host again(places);
        const auto before = find_knobs(first.host()), after = find_knobs(again);
        ASSERT_EQ(before.size(), after.size()) << name;
        for (size_t i = 0; i < before.size(); ++i) {
            EXPECT_EQ(before[i].name(), after[i].name());
            EXPECT_EQ(before[i].value, after[i].value) << before[i].name();
        }
    }
}

TEST(Record, TellsNotWhoseMachineItIs) {
    const auto entries = parse_record(
        "lodge record 1\n"
        "/sys/a/address = 52:54:00:ab:cd:ef\n"
        "/sys/a/serial = WD-WX42A1\n"
        "/sys/b/model = Disk WD-WX42A1\n"
        "/sys/b/other = 52:54:00:ab:cd:ef and 52:54:00:ab:cd:e0\n"
        "/proc/cmdline = root=UUID=2f1e0c9a-1111-4222-8333-444455556666 ro\n"
        "/sys/c/none = 00:00:00:00:00:00\n");
    const std::string text = print_record(without_identity(entries));
    EXPECT_EQ(text,
              "lodge record 1\n"
              "/sys/a/address = 02:00:00:00:00:01\n"
              "/sys/a/serial = REPLACED1\n"
              "/sys/b/model = Disk REPLACED1\n"
              "/sys/b/other = 02:00:00:00:00:01 and 02:00:00:00:00:02\n"
              "/proc/cmdline = root=UUID=00000000-0000-4000-8000-000000000001 ro\n"
              "/sys/c/none = 00:00:00:00:00:00\n");
}

TEST(Record, SleepingDevicesAreNotRead) {
    FakeKernel kernel("n100");
    const std::string device = "/sys/bus/pci/devices/0000:02:00.0";
    kernel.set(device + "/power/runtime_status", "suspended");
    bool other = false;
    for (const RecordEntry& entry : record_machine(kernel.host())) {
        if (entry.path.ends_with("/config")) {
            EXPECT_EQ(entry.path.find("0000:02:00.0"), std::string::npos) << entry.path;
        }
        other = other || entry.path.ends_with("0000:01:00.0/config");
    }
    EXPECT_TRUE(other);
}

TEST(Record, WhatIsNoneIsRefused) {
    for (const std::string bad :
         {"", "lodge record 2\n", "lodge record 1\nsys/a = 1\n", "lodge record 1\n/sys/../a = 1\n",
          "lodge record 1\n/sys/a\n", "lodge record 1\n/sys/a -> /etc/passwd\n",
          "lodge record 1\n/sys/a -> ../../etc\n", "lodge record 1\n\tloose\n",
          "lodge record 1\n/sys/a hex 1\n", "lodge record 1\n/sys/a hex zz\n"})
        EXPECT_THROW(parse_record(bad), Error) << bad;
    ScratchFolder folder;
    EXPECT_THROW(
        unpack_record(parse_record("lodge record 1\n/sys/a -> b\n/sys/a/c = 1\n"), folder.path()),
        Error);
}

TEST(Links, BothEndsAreReadThroughLibpci) {
    FakeKernel kernel("n100");
    const auto links = aspm::read_links(kernel.host());
    ASSERT_EQ(links.size(), 3u);
    EXPECT_EQ(links[0].lower.address, "0000:01:00.0");
    EXPECT_EQ(links[0].upper.address, "0000:00:1c.0");
    ASSERT_TRUE(links[0].low && links[0].high);
    EXPECT_EQ(links[0].low->supported, 3u);
    EXPECT_EQ(links[0].high->supported, 2u);
    EXPECT_EQ(links[0].low->l1_exit_ns, 64'000);
    EXPECT_EQ(links[0].low->l1_takes_ns, 32'000);
    EXPECT_EQ(links[0].low->substates, 15u);
    EXPECT_EQ(links[0].low->width, 1u);
    // 64 us to wake, 32 us to wait: the kernel would not turn it on either.
    std::string against;
    for (const std::string& words : links[0].against)
        against += words + "\n";
    EXPECT_NE(against.find("64 us"), std::string::npos) << against;
    EXPECT_NE(against.find("r8169"), std::string::npos) << against;
    EXPECT_TRUE(links[2].against.empty()) << links[2].against.at(0);
}

TEST(Links, WhatSleepsIsLeftAlone) {
    FakeKernel kernel("n100");
    kernel.set("/sys/bus/pci/devices/0000:02:00.0/power/runtime_status", "suspended");
    const auto links = aspm::read_links(kernel.host());
    EXPECT_FALSE(links.at(1).low);
    EXPECT_TRUE(links.at(1).high);
}

TEST(Links, RegistersWrittenBehindTheKernelAreSeen) {
    FakeKernel kernel("amd-7840hs");
    auto links = aspm::read_links(kernel.host());
    EXPECT_EQ(aspm::disagreement(links.at(0)), "");
    kernel.set(aspm::attribute_file("0000:01:00.0", "l1_aspm"), "0");
    links = aspm::read_links(kernel.host());
    EXPECT_NE(aspm::disagreement(links.at(0)).find("behind the kernel"), std::string::npos);
}

}  // namespace
}  // namespace lodge
