#include "power/wizard.h"

#include <gtest/gtest.h>

#include "engine/trial.h"
#include "engine/trial_record.h"
#include "power/keep.h"
#include "tests/support/fake_kernel.h"

namespace lodge {
namespace {

std::string titles(const Host& host) {
    std::string text;
    for (const Proposal& one : proposals(host))
        text += one.title + "\n";
    return text;
}

TEST(Wizard, ProposesTheSafestFirstAndNothingDangerous) {
    FakeKernel kernel("n100");
    const auto all = proposals(kernel.host());
    ASSERT_GT(all.size(), 4u);
    for (size_t i = 1; i < all.size(); ++i)
        EXPECT_LE(all[i - 1].risk, all[i].risk);
    const std::string text = titles(kernel.host());
    EXPECT_NE(text.find("audio.power-save: 0 -> 1"), std::string::npos) << text;
    EXPECT_NE(text.find("sata.link"), std::string::npos) << text;
    // The disk is the root's, the cards are known to be bad.
    EXPECT_EQ(text.find("aspm.l1"), std::string::npos) << text;
    EXPECT_EQ(text.find("1-1"), std::string::npos) << "a keyboard";
}

TEST(Wizard, ProposesNoLinkThatFailedBefore) {
    FakeKernel kernel("n305-i226");
    EXPECT_NE(titles(kernel.host()).find("aspm.l1@0000:03:00.0: 0 -> 1"), std::string::npos)
        << titles(kernel.host());
    trials::remember_failed(kernel.host(), "aspm.l1 8086:125c", "PCIe link lost");
    EXPECT_EQ(titles(kernel.host()).find("aspm.l1@"), std::string::npos);
}

// A world without a watcher: the trial's own steps are done and undone at once.
struct World {
    explicit World(FakeKernel& k) : kernel(k) {
        world.measure = [this](int, MeterName& name) -> std::optional<Measurement> {
            if (!meter) return std::nullopt;
            name = {"ACPI power meter", true, false};
            return Measurement{watts(), 0.05, 12};
        };
        world.ask = [this](const std::string&, std::string_view letters) {
            if (answers.empty()) return 'y';
            const char answer = answers.front();
            answers.erase(answers.begin());
            EXPECT_NE(letters.find(answer), std::string_view::npos);
            return answer;
        };
        world.say = [this](const std::string& line) { said += line + "\n"; };
        world.begin = [this](const Plan& plan) {
            trial = parse_trial(plan.steps.at(0).action.on.text("record")).trial;
            kernel.engine().jobs.run_here(kernel.engine(), trial.plan);
            return ++number;
        };
        world.going_on = [this](int one) { return one == number && !lost; };
        world.ended = [](int) { return "taken back: the link was lost"; };
        world.keep = [this](int) { kernel.engine().jobs.run_here(kernel.engine(), trial.keep); };
        world.take_back = [this](int) {
            Plan undo;
            for (size_t i = trial.plan.steps.size(); i-- > 0;)
                undo.step("undo", *trial.plan.steps[i].undo);
            kernel.engine().jobs.run_here(kernel.engine(), undo);
        };
    }
    // Sound that sleeps saves half a watt on this machine, nothing else does.
    double watts() const {
        return kernel.get("/sys/module/snd_hda_intel/parameters/power_save") == "0" ? 10 : 9.5;
    }

    FakeKernel& kernel;
    WizardWorld world;
    Trial trial;
    int number = 0;
    bool meter = true, lost = false;
    std::string answers, said;
};

TEST(Wizard, KeepsWhatSavesAndTakesTheRestBack) {
    FakeKernel kernel("n100");
    World world(kernel);
    WizardState state;
    EXPECT_TRUE(run_wizard(kernel.host(), state, world.world));
    EXPECT_EQ(kernel.get("/sys/module/snd_hda_intel/parameters/power_save"), "1");
    EXPECT_EQ(kernel.get("/proc/sys/kernel/nmi_watchdog"), "1") << "it saved nothing";
    ASSERT_EQ(state.kept.size(), 1u);
    EXPECT_EQ(state.kept[0].first, "audio.power-save");
    EXPECT_EQ(load_kept(kernel.host())->settings, state.kept);
    EXPECT_NEAR(state.baseline->watts, 9.5, 1e-9);
    const std::string report = report_wizard(state);
    EXPECT_NE(report.find("0.50 W less"), std::string::npos) << report;
    EXPECT_NE(report.find("Measured by ACPI power meter: all"), std::string::npos) << report;
    EXPECT_EQ(print_wizard(parse_wizard(print_wizard(state))), print_wizard(state));
}

TEST(Wizard, WithoutAMeterSaysSoAndAsks) {
    FakeKernel kernel("n100");
    World world(kernel);
    world.meter = false;
    world.answers = "yyynnl";
    WizardState state;
    EXPECT_FALSE(run_wizard(kernel.host(), state, world.world));
    EXPECT_NE(world.said.find("without proof"), std::string::npos);
    EXPECT_NE(report_wizard(state).find("nothing of this is proven"), std::string::npos);
    EXPECT_FALSE(state.done);
}

TEST(Wizard, GoesOnWhereItWasLeft) {
    FakeKernel kernel("n100");
    World world(kernel);
    WizardState state;
    world.answers = "nl";
    EXPECT_FALSE(run_wizard(kernel.host(), state, world.world));
    ASSERT_EQ(state.tried.size(), 1u);
    WizardState again = parse_wizard(kernel.host().read(wizard_path(kernel.host())).value_or(""));
    EXPECT_EQ(again.tried.size(), 1u);
    EXPECT_TRUE(run_wizard(kernel.host(), again, world.world));
    EXPECT_EQ(again.tried[0].outcome, "not wanted");
    for (size_t i = 1; i < again.tried.size(); ++i)
        EXPECT_NE(again.tried[i].title, again.tried[0].title);
}

TEST(Wizard, ATrialThatTookItselfBackFailed) {
    FakeKernel kernel("n100");
    World world(kernel);
    world.lost = true;
    WizardState state;
    EXPECT_TRUE(run_wizard(kernel.host(), state, world.world));
    for (const Tried& one : state.tried) {
        EXPECT_EQ(one.outcome, "failed");
        EXPECT_EQ(one.words, "it ended by itself: taken back: the link was lost");
    }
    EXPECT_TRUE(state.kept.empty());
}

}  // namespace
}  // namespace lodge
