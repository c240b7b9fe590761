#include "engine/plan.h"

#include <gtest/gtest.h>

#include "engine/error.h"
#include "engine/job.h"

namespace lodge {
namespace {

// A small machine of its own: verbs that note what was asked of them.
std::string notes;

void note(Work&, const Values& on) {
    notes += on.text("word") + " ";
}
void refuse(Work&, const Values& on) {
    throw Error(Exit::busy, "no " + on.text("word"));
}
std::string shell(const Values& on) {
    return "echo " + on.text("word");
}

constexpr ActionKind kinds[] = {{"note", note, shell}, {"refuse", refuse, shell}};
const Actions actions({kinds});

class TestWork : public Work {
  public:
    Engine& engine() override { throw Error("this test has no engine"); }
    void say(const std::string&) override {}
    void progress(int64_t, int64_t, std::string_view) override {}
    bool going() override { return going_; }
    bool going_ = true;
};

void ignore(void*, size_t, std::string_view) {}

Action action(const char* verb, const char* word) {
    return {verb, {{"word", word}}};
}

TEST(Plan, CarriesStepsOutInOrder) {
    notes.clear();
    Plan plan;
    plan.step("first", action("note", "one")).step("second", action("note", "two"));
    TestWork work;
    carry_out(plan, actions, work, ignore, nullptr);
    EXPECT_EQ(notes, "one two ");
}

TEST(Plan, UndoesInReverseTheFailedStepIncluded) {
    notes.clear();
    Plan plan;
    plan.step("a", action("note", "a"), action("note", "undo-a"))
        .step("b", action("note", "b"), action("note", "undo-b"))
        .step("c", action("refuse", "c"), action("note", "undo-c"))
        .step("d", action("note", "d"), action("note", "undo-d"));
    TestWork work;
    try {
        carry_out(plan, actions, work, ignore, nullptr);
        FAIL() << "the plan should have failed";
    } catch (const Error& trouble) {
        EXPECT_STREQ(trouble.what(), "no c");
        EXPECT_EQ(trouble.exit(), Exit::busy);
    }
    EXPECT_EQ(notes, "a b undo-c undo-b undo-a ");
}

TEST(Plan, SaysWhatCouldNotBeUndoneAndGoesOn) {
    notes.clear();
    Plan plan;
    plan.step("make a", action("note", "a"), action("note", "undo-a"))
        .step("make b", action("note", "b"), action("refuse", "undo-b"))
        .step("make c", action("refuse", "c"));
    TestWork work;
    try {
        carry_out(plan, actions, work, ignore, nullptr);
        FAIL() << "the plan should have failed";
    } catch (const Error& trouble) {
        EXPECT_STREQ(trouble.what(), "no c\nnot undone (make b): no undo-b");
    }
    EXPECT_EQ(notes, "a b undo-a ");
}

TEST(Plan, CancelledBeforeItBeginsChangesNothing) {
    notes.clear();
    Plan plan;
    plan.step("a", action("note", "a"));
    TestWork work;
    work.going_ = false;
    EXPECT_THROW(carry_out(plan, actions, work, ignore, nullptr), Error);
    EXPECT_EQ(notes, "");
}

TEST(Plan, UnknownVerbIsFoundBeforeAnythingChanges) {
    notes.clear();
    Plan plan;
    plan.step("a", action("note", "a")).step("b", action("fly", "b"));
    TestWork work;
    EXPECT_THROW(carry_out(plan, actions, work, ignore, nullptr), Error);
    EXPECT_EQ(notes, "");
}

TEST(Plan, ShowsAsShell) {
    Plan plan;
    plan.title = "do it";
    plan.warn("be careful").warn("be careful");
    plan.step("first", action("note", "one"), action("note", "back"));
    EXPECT_EQ(plan_as_shell(plan, actions),
              "# do it\n# warning: be careful\n\n# first\necho one\n# undo: echo back\n");
}

TEST(Plan, SurvivesJsonWithAnyBytes) {
    Plan plan;
    plan.title = "grüße \xff\xfe";
    plan.guests = {101, 7};
    plan.warnings = {"w"};
    plan.afterwards = "done";
    std::string all;
    for (int byte = 0; byte < 256; ++byte)
        all += static_cast<char>(byte);
    plan.step("why",
              {"note",
               {{"word", all}, {"private", "\xee\x82\x80"}, {"none", std::vector<std::string>{}}}},
              action("note", "back"));
    const Plan back = plan_from_json(plan_to_json(plan));
    EXPECT_EQ(back.title, plan.title);
    EXPECT_EQ(back.guests, plan.guests);
    ASSERT_EQ(back.steps.size(), 1u);
    EXPECT_EQ(back.steps[0].action.on, plan.steps[0].action.on);
    EXPECT_EQ(back.steps[0].undo->on, plan.steps[0].undo->on);
}

TEST(Plan, RefusesJsonThatIsNoPlan) {
    EXPECT_THROW(plan_from_json("{"), Error);
    EXPECT_THROW(plan_from_json("{\"title\":3}"), Error);
    EXPECT_THROW(plan_from_json("[]"), Error);
}

}  // namespace
}  // namespace lodge
