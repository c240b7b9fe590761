#include "power/profile.h"

#include <gtest/gtest.h>

#include "power/conflicts.h"
#include "power/keep.h"
#include "tests/support/fake_kernel.h"

namespace lodge {
namespace {

const std::string policy0 = "/sys/devices/system/cpu/cpufreq/policy0/";

std::string changes(FakeKernel& kernel, const std::string& name) {
    return diff_words(
        changing(resolve_profile(kernel.host(), load_profile(kernel.host(), name)).wishes));
}

std::string has(const std::vector<std::string>& lines, const std::string& words) {
    for (const std::string& line : lines)
        if (line.find(words) != std::string::npos) return line;
    return "";
}

TEST(Profile, HoldsOnlyWhatWouldChangeSomething) {
    FakeKernel n100("n100");
    EXPECT_EQ(changes(n100, "balanced"),
              "  sata.link@host0: max_performance -> med_power_with_dipm\n"
              "  audio.power-save: 0 -> 1\n");
    FakeKernel n305("n305-i226");
    EXPECT_NE(changes(n305, "balanced")
                  .find("  cpu.governor: performance -> powersave\n"
                        "  cpu.epp: performance -> balance_performance\n"
                        "  cpu.epb: 0 -> 6\n"),
              std::string::npos)
        << changes(n305, "balanced");
    FakeKernel i5("i5-e1000e");
    EXPECT_NE(changes(i5, "silent").find("cpu.governor: performance -> schedutil"),
              std::string::npos);
    EXPECT_NE(changes(i5, "silent").find("cpu.boost: 1 -> 0"), std::string::npos);
}

TEST(Profile, LeavesAloneWhatSomethingSpeaksAgainst) {
    FakeKernel kernel("n305-i226");
    const Resolved resolved =
        resolve_profile(kernel.host(), load_profile(kernel.host(), "powersave"));
    EXPECT_NE(has(resolved.left, "pci.runtime-pm@0000:01:00.0"), "");
    EXPECT_NE(has(resolved.left, "powertop issue 143"), "");
    EXPECT_NE(has(resolved.absent, "sata.link"), "");
    for (const KnobWish& wish : resolved.wishes)
        EXPECT_NE(wish.knob.kind->group, "PCIe links") << "no profile of ours touches a link";
}

TEST(Profile, PerformanceSetsNoPreferenceThatTheKernelRefuses) {
    FakeKernel kernel("n100");
    Resolved resolved = resolve_profile(kernel.host(), load_profile(kernel.host(), "performance"));
    kernel.engine().jobs.run_here(kernel.engine(),
                                  write_steps(kernel.host(), changing(resolved.wishes)));
    EXPECT_EQ(kernel.get(policy0 + "scaling_governor"), "performance");
    EXPECT_EQ(kernel.get(policy0 + "energy_performance_preference"), "performance");
}

TEST(Profile, OfThePersonIsAText) {
    FakeKernel kernel("n100");
    const std::string path = profile_path(kernel.host(), "mine");
    kernel.host().write(path,
                        "# for the cupboard\n\ndescription: Mine.\ncpu.epp: power\n"
                        "sata.link@host1: max_performance\n");
    const Profile mine = load_profile(kernel.host(), "mine");
    EXPECT_TRUE(mine.own);
    EXPECT_EQ(print_profile(mine),
              "description: Mine.\ncpu.epp: power\nsata.link@host1: max_performance\n");
    EXPECT_EQ(changes(kernel, "mine"),
              "  cpu.epp: balance_performance -> power\n"
              "  sata.link@host1: med_power_with_dipm -> max_performance\n");
    EXPECT_EQ(list_profiles(kernel.host()).size(), 5u);
    kernel.host().write(path, "cpu.epp: power\nnonsense\n");
    EXPECT_EQ(list_profiles(kernel.host()).size(), 4u);
    try {
        load_profile(kernel.host(), "mine");
        ADD_FAILURE();
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("mine: line 2"), std::string::npos);
    }
    EXPECT_THROW(load_profile(kernel.host(), "../kept"), Error);
}

TEST(Keep, BringsBackWhatIsKeptUnlessTheKillSwitchIsThere) {
    FakeKernel kernel("i5-e1000e");
    auto wishes = resolve_profile(kernel.host(), load_profile(kernel.host(), "silent")).wishes;
    auto& jobs = kernel.engine().jobs;
    jobs.run_here(kernel.engine(), keep_steps(kernel.host(), wishes, "silent"));
    EXPECT_EQ(load_kept(kernel.host())->description, "silent");
    const std::string unit = kernel.host().read(kernel.host().system(boot_unit)).value_or("none");
    EXPECT_NE(unit.find("ConditionKernelCommandLine=!lodge.power=off"), std::string::npos);
    const std::string rule = kernel.host().read(kernel.host().system(bind_rule)).value_or("none");
    EXPECT_NE(rule.find("ACTION==\"bind\""), std::string::npos);

    jobs.run_here(kernel.engine(), restore_plan(kernel.host(), ""));
    EXPECT_EQ(kernel.get(policy0 + "scaling_governor"), "schedutil");
    EXPECT_TRUE(restore_plan(kernel.host(), "").steps.empty()) << "it is so already";

    kernel.set(policy0 + "scaling_governor", "performance");
    kernel.set("/proc/cmdline", "root=/dev/sda1 lodge.power=off");
    const Plan off = restore_plan(kernel.host(), "");
    EXPECT_TRUE(off.steps.empty());
    EXPECT_NE(off.afterwards.find("lodge.power=off"), std::string::npos);

    jobs.run_here(kernel.engine(), forget_steps(kernel.host()));
    EXPECT_FALSE(load_kept(kernel.host()));
    EXPECT_FALSE(kernel.host().exists(kernel.host().system(boot_unit)));
    EXPECT_FALSE(kernel.host().exists(kernel.host().system(bind_rule)));
}

TEST(Keep, ATrialKeepsNothingBeforeItIsConfirmed) {
    FakeKernel kernel("n100");
    auto wishes = resolve_profile(kernel.host(), load_profile(kernel.host(), "balanced")).wishes;
    WishOptions options;
    options.keep = true;
    options.keep_plan = keep_steps(kernel.host(), wishes, "balanced");
    const Plan plan = wish_plan(kernel.host(), "apply", wishes, options);
    for (const Step& step : plan.steps)
        EXPECT_NE(step.action.verb, "write") << step.why;
}

TEST(Conflicts, AreFoundByTheirUnitsAndLines) {
    FakeKernel kernel("n100");
    EXPECT_TRUE(find_conflicts(kernel.host()).empty());
    const Host& host = kernel.host();
    host.write(host.system("/etc/systemd/system/multi-user.target.wants/tuned.service"), "");
    host.make_folder(host.system("/sys/fs/cgroup/system.slice/tuned.service"));
    host.write(host.system("/etc/crontab"),
               "# powertop --auto-tune\n@reboot root powertop --auto-tune\n");
    host.write(host.system("/etc/systemd/system/fix.service"),
               "[Service]\nExecStart=/root/autoaspm.py\n");
    host.write(host.system("/etc/systemd/system/multi-user.target.wants/fix.service"), "");
    const auto conflicts = find_conflicts(host);
    ASSERT_EQ(conflicts.size(), 3u);
    EXPECT_EQ(conflicts[0].name, "tuned");
    EXPECT_TRUE(conflicts[0].running);
    EXPECT_EQ(conflicts[1].where, "fix.service");
    EXPECT_EQ(conflicts[2].where, "/etc/crontab:2");
    EXPECT_EQ(who_else(conflicts, named_knobs(host, "cpu.epp").at(0)), "tuned (tuned.service)");
    EXPECT_EQ(who_else(conflicts, named_knobs(host, "aspm.l1").at(0)), "");

    kernel.engine().jobs.run_here(kernel.engine(), adopt_plan(host, "cron"));
    EXPECT_EQ(find_conflicts(host).size(), 2u);
    EXPECT_EQ(adopt_plan(host, "tuned").steps.at(0).action.on.list("argv").at(1), "disable");
    EXPECT_THROW(adopt_plan(host, "nobody"), Error);
}

}  // namespace
}  // namespace lodge
