#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "engine/error.h"
#include "engine/units.h"
#include "passthrough/boot_pending.h"
#include "passthrough/boot_text.h"
#include "passthrough/prepare.h"
#include "tests/passthrough/fake_kernel.h"
#include "tests/support/cases.h"

// What is prepared for the start of the machine, for each loader as folders of text, and what the
// restarts make of it.
namespace lodge {
namespace {

class Boot : public testing::TestWithParam<std::string> {};

std::string without(std::string text, const std::string& part) {
    for (size_t at; !part.empty() && (at = text.find(part)) != std::string::npos;)
        text.erase(at, part.size());
    return text;
}

Values words_of(const std::string& text) {
    Values words;
    const auto all = split(trim(text), ' ');
    for (size_t i = 0; i < all.size(); ++i) {
        if (all[i] == "--loader")
            words.set({"loader", all[++i]});
        else if (!all[i].empty())
            words.add("device", all[i]);
    }
    return words;
}

TEST_P(Boot, AsExpected) {
    const auto folder = cases::folder("passthrough/boot", GetParam());
    FakeKernel kernel(cases::read(folder / "machine"));
    std::string text;
    try {
        const Plan plan = plan_prepare(kernel.engine(), words_of(cases::read(folder / "words")));
        text = plan.title + "\n";
        for (const std::string& words : plan.warnings)
            text += "warning: " + words + "\n";
        text += plan_as_shell(plan, kernel.engine().actions);
    } catch (const Error& error) {
        text = std::string("refused: ") + error.what() + "\n";
    }
    cases::expect_file(folder / "expected", without(text, kernel.host().system("")));
}

INSTANTIATE_TEST_SUITE_P(Passthrough, Boot, testing::ValuesIn(cases::names("passthrough/boot")),
                         cases::test_name);

constexpr std::string_view kGrub = R"(
    file /proc/cpuinfo vendor_id : GenuineIntel
    file /sys/firmware/acpi/tables/DMAR x
    file /proc/cmdline BOOT_IMAGE=/vmlinuz root=/dev/sda1 ro quiet
    file /boot/grub/grub.cfg menu
    file /etc/default/grub GRUB_CMDLINE_LINUX_DEFAULT="quiet"
    file /proc/sys/kernel/random/boot_id one
    program grub-mkconfig
    program update-grub
)";

class Restarts : public testing::Test {
  protected:
    void carry(const Plan& plan) { kernel.engine().jobs.run_here(kernel.engine(), plan); }
    void restart(const std::string& boot) {
        kernel.put("/proc/sys/kernel/random/boot_id", boot + "\n");
        said = join(recover_boot(kernel.engine()), "\n");
    }
    std::string text(const std::string& path) {
        return kernel.host().read(kernel.host().system(path)).value_or("none");
    }
    size_t times_made() {
        const std::string ran = text("/.fake/ran");
        return ran == "none" ? 0 : static_cast<size_t>(std::count(ran.begin(), ran.end(), '\n'));
    }
    void prepare() { carry(plan_prepare(kernel.engine(), {})); }

    FakeKernel kernel{kGrub};
    const std::string before = text("/etc/default/grub");
    std::string said;
};

TEST_F(Restarts, ConfirmedItStays) {
    prepare();
    EXPECT_NE(text("/etc/default/grub").find("intel_iommu=on"), std::string::npos);
    EXPECT_EQ(times_made(), 1U);
    EXPECT_THROW(confirm_boot_plan(kernel.host()), Error) << "it was not tried yet";
    EXPECT_THROW(plan_prepare(kernel.engine(), {}), Error) << "one at a time";
    restart("one");  // the same start: nothing
    EXPECT_EQ(pending_boot(kernel.host())->phase, BootPhase::prepared);
    restart("two");
    EXPECT_NE(said.find("this start tries"), std::string::npos) << said;
    restart("two");  // the unit again
    EXPECT_EQ(pending_boot(kernel.host())->phase, BootPhase::trying);
    carry(confirm_boot_plan(kernel.host()));
    EXPECT_FALSE(pending_boot(kernel.host()));
    restart("three");
    EXPECT_EQ(said, "");
    EXPECT_NE(text("/etc/default/grub").find("intel_iommu=on"), std::string::npos);
    // And by one command it is as it was.
    carry(revert_boot_plan(kernel.host()));
    EXPECT_EQ(text("/etc/default/grub"), before);
    EXPECT_EQ(times_made(), 2U);
    EXPECT_TRUE(boot_records(kernel.host()).empty());
}

TEST_F(Restarts, UnconfirmedTheNextTakesItBack) {
    prepare();
    restart("two");
    restart("three");
    EXPECT_NE(said.find("nobody confirmed it"), std::string::npos) << said;
    EXPECT_EQ(text("/etc/default/grub"), before);
    EXPECT_EQ(times_made(), 2U) << "GRUB's menu is made anew as well";
    EXPECT_FALSE(pending_boot(kernel.host()));
}

TEST_F(Restarts, APowerCutInTheMiddleTakesItBack) {
    Plan plan = plan_prepare(kernel.engine(), {});
    for (int keep = 1; keep < 4; ++keep) {
        Plan part = plan;
        part.steps.resize(static_cast<size_t>(keep));
        carry(part);
        restart("other" + std::to_string(keep));
        EXPECT_NE(said.find("broke off"), std::string::npos) << said;
        EXPECT_EQ(text("/etc/default/grub"), before);
        EXPECT_FALSE(pending_boot(kernel.host()));
    }
}

TEST_F(Restarts, WhatSomebodyElseChangedIsLeftAlone) {
    prepare();
    const std::string theirs = text("/etc/default/grub") + "GRUB_TIMEOUT=1\n";
    kernel.put("/etc/default/grub", theirs);
    restart("two");
    restart("three");
    EXPECT_EQ(text("/etc/default/grub"), theirs);
    ASSERT_TRUE(pending_boot(kernel.host()));
    EXPECT_EQ(pending_boot(kernel.host())->phase, BootPhase::stuck);
    EXPECT_NE(said.find("changed by somebody else"), std::string::npos) << said;
    restart("four");
    EXPECT_EQ(said, "") << "not tried again at each start";
}

TEST_F(Restarts, AProgramThatFailsTakesItBackAtOnce) {
    kernel.put("/usr/sbin/update-grub", "#!/bin/sh\necho no space >&2\nexit 1\n");
    EXPECT_THROW(prepare(), Error);
    EXPECT_EQ(text("/etc/default/grub"), before);
    EXPECT_FALSE(pending_boot(kernel.host()));
}

TEST_F(Restarts, ARecordComesBackAsItWasWritten) {
    prepare();
    const std::string text = print_boot(*pending_boot(kernel.host()));
    EXPECT_EQ(print_boot(parse_boot(text)), text);
    EXPECT_THROW(parse_boot("{}"), Error);
}

TEST(BootText, WordsKeepTheirQuotes) {
    const std::string line = "root=/dev/sda1  \"dyndbg=file a +p\" quiet\tx=\"a b\"";
    EXPECT_EQ(
        kernel_words(line),
        (std::vector<std::string>{"root=/dev/sda1", "\"dyndbg=file a +p\"", "quiet", "x=\"a b\""}));
    EXPECT_EQ(with_kernel_words(line + "\n", {"quiet", "iommu=pt"}), line + " iommu=pt");
    EXPECT_EQ(contradicting_words("intel-iommu=off iommu=pt", {"intel_iommu=on", "iommu=pt"}),
              std::vector<std::string>{"intel-iommu=off"});
    for (const char* bad : {"", "a b", "a\nb", "\"a", " a", "a\t"})
        EXPECT_FALSE(is_kernel_word(bad)) << bad;
    EXPECT_TRUE(is_kernel_word("a=\"b c\""));
}

// The shell itself says what GRUB would read.
TEST(BootText, GrubReadsWhatWasMeant) {
    const std::vector<std::string> words = {"intel_iommu=on", "x=\"a b\"", "y=$z`w`\\v"};
    const std::string text =
        with_grub_lines("GRUB_CMDLINE_LINUX_DEFAULT='quiet splash'\n# the end", words);
    EXPECT_EQ(words_of_grub_lines(text), words);
    EXPECT_EQ(with_grub_lines(text, words), text) << "once is enough";
    ScratchFolder folder;
    std::ofstream(folder.path() + "/grub") << text;
    FILE* shell = ::popen(
        (". " + folder.path() + "/grub; printf %s \"$GRUB_CMDLINE_LINUX_DEFAULT\"").c_str(), "r");
    ASSERT_NE(shell, nullptr);
    char read[200] = "";
    const size_t got = ::fread(read, 1, sizeof read - 1, shell);
    ::pclose(shell);
    EXPECT_EQ(std::string(read, got), "quiet splash intel_iommu=on x=\"a b\" y=$z`w`\\v");
}

TEST(BootText, EntriesKeepAllElse) {
    EXPECT_EQ(with_entry_options("title x\noptions a b\ninitrd /i\n", {"b", "c"}),
              "title x\noptions a b c\ninitrd /i\n");
    EXPECT_EQ(with_entry_options("options a\noptions\tb\n", {"c"}), "options a\noptions\tb c\n");
    EXPECT_EQ(with_entry_options("title x\noptionsx y\n", {"c"}),
              "title x\noptionsx y\noptions c\n");
}

TEST(BootText, ADiffIsOneThatPatchTakes) {
    ScratchFolder folder;
    std::mt19937 random(7);
    const std::string path = folder.path() + "/file";
    for (int round = 0; round < 60; ++round) {
        std::string texts[2];
        for (std::string& text : texts)
            for (auto i = random() % 12; i > 0; --i)
                text += std::string(1, static_cast<char>('a' + random() % 3)) + "\n";
        if (texts[0].empty() || texts[1].empty()) continue;
        std::ofstream(path) << texts[0];
        std::ofstream(folder.path() + "/diff") << text_diff(path, texts[0], texts[1]);
        if (!std::filesystem::exists("/usr/bin/patch")) GTEST_SKIP() << "patch is not installed";
        ASSERT_EQ(::system(("patch -s " + path + " " + folder.path() + "/diff").c_str()), 0);
        EXPECT_EQ(cases::read(path), texts[1]);
    }
}

}  // namespace
}  // namespace lodge
