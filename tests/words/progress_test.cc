#include "tui/progress.h"

#include <gtest/gtest.h>

#include "engine/command.h"
#include "engine/plan.h"
#include "tui/follow.h"

namespace lodge {
namespace {

constexpr int64_t gib = 1LL << 30;

Progress copying() {
    return {.title = "clone 101 (web)",
            .step = "copy the disk scsi0",
            .number = 2,
            .steps = 3,
            .done = 2 * gib,
            .total = 8 * gib,
            .unit = "bytes",
            .seconds = 10};
}

TEST(Progress, SaysDoneRateAndTimeLeft) {
    EXPECT_EQ(progress_words(copying()), "2.0G of 8.0G  205M/s  30s left");
}

TEST(Progress, FitsEveryWidth) {
    Progress progress = copying();
    for (int width = 1; width <= 200; ++width)
        for (const bool blocks : {false, true})
            EXPECT_LE(text_width(progress_line(progress, width, blocks)), width) << width;
    progress.title = "clone 101 (b\u00fcro \u6f22\u5b57)";
    for (int width = 1; width <= 200; ++width)
        EXPECT_LE(text_width(progress_line(progress, width, true)), width) << width;
}

TEST(Progress, WideLine) {
    EXPECT_EQ(progress_line(copying(), 100, false),
              "2/3 clone 101 (web): copy the disk scsi0  [######                  ]  2.0G of 8.0G  "
              "205M/s  30s left");
}

TEST(Progress, NarrowLineKeepsTheNumbers) {
    EXPECT_EQ(progress_line(copying(), 30, false), "2.0G of 8.0G  205M/s  30s left");
    EXPECT_EQ(progress_line(copying(), 12, false), "2.0G of 8.0~");
}

TEST(Progress, PercentAndUnknownTotal) {
    EXPECT_EQ(progress_words({.done = 40, .total = 100, .unit = "%", .seconds = 4}),
              "40%  6s left");
    EXPECT_EQ(progress_words({.done = 3 * gib, .unit = "bytes", .seconds = 3}), "3.0G  1.0G/s");
    EXPECT_EQ(progress_words({.done = 5, .total = 60, .unit = "s", .seconds = 5}),
              "5s of 1m  55s left");
    EXPECT_EQ(progress_words({}), "");
}

TEST(Progress, OddNumbersDoNoHarm) {
    EXPECT_EQ(progress_words({.done = 10, .total = 5, .unit = "%", .seconds = 9}), "100%");
    EXPECT_EQ(progress_words({.done = -1, .total = 5, .unit = "bytes", .seconds = 9}), "-1 of 5");
    EXPECT_FALSE(progress_line({.title = "x", .total = INT64_MAX}, 80, true).empty());
}

TEST(Progress, NoEscapeSequenceGetsThrough) {
    const std::string line = progress_line({.title = "a\x1b[2J", .step = "b\rc"}, 80, true);
    EXPECT_EQ(line.find('\x1b'), std::string::npos);
    EXPECT_EQ(line.find('\r'), std::string::npos);
}

// In a pipe: lines of their own, and none by a job of a moment.
class Pipe : public testing::Test {
  protected:
    std::string told(const std::function<void(JobTeller&)>& happen) {
        testing::internal::CaptureStdout();
        {
            Plan plan;
            plan.title = "clone 101 (web)";
            plan.step("copy the disk", {"run", {}});
            JobTeller teller(output_, plan, [this] { return now_; });
            happen(teller);
        }
        return testing::internal::GetCapturedStdout();
    }
    void wait(int milliseconds) { now_ += std::chrono::milliseconds(milliseconds); }
    static JobEvent step(const std::string& why) { return {JobEvent::Kind::step, why, 0, 0, ""}; }
    static JobEvent progress(int64_t done, int64_t total) {
        return {JobEvent::Kind::progress, "", done, total, "bytes"};
    }

    Output output_;
    std::chrono::steady_clock::time_point now_{std::chrono::hours(1)};
};

TEST_F(Pipe, QuickJobSaysNothing) {
    EXPECT_EQ(told([&](JobTeller& teller) {
                  teller.hear(step("copy the disk"));
                  wait(300);
                  teller.hear(progress(5, 10));
                  wait(300);
                  teller.hear({JobEvent::Kind::end, "", 0, 0, ""});
              }),
              "");
}

TEST_F(Pipe, LongJobSaysEachTenthAtMost) {
    const std::string text = told([&](JobTeller& teller) {
        teller.hear(step("copy the disk"));
        for (int i = 1; i <= 400; ++i) {
            wait(100);
            teller.hear(progress(i * gib / 400, gib));
        }
    });
    EXPECT_EQ(text.substr(0, text.find('\n')), "clone 101 (web): copy the disk");
    EXPECT_NE(text.find("clone 101 (web): 512M of 1.0G"), std::string::npos) << text;
    EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 12);
    EXPECT_GE(std::count(text.begin(), text.end(), '\n'), 9);
}

TEST_F(Pipe, WhatAJobSaysIsPrintedSafely) {
    EXPECT_EQ(told([&](JobTeller& teller) {
                  teller.hear({JobEvent::Kind::say, "qemu: \x1b[2Jno", 0, 0, ""});
              }),
              "qemu: \\x1B[2Jno\n");
}

TEST_F(Pipe, QuietSaysNothing) {
    output_.quiet = true;
    EXPECT_EQ(told([&](JobTeller& teller) {
                  teller.hear(step("copy"));
                  wait(5000);
                  teller.hear({JobEvent::Kind::say, "words", 0, 0, ""});
              }),
              "");
}

TEST(Table, AlignsWhatIsWide) {
    EXPECT_EQ(format_table({"-ID", "NAME", "NOTE"},
                           {{"5", "\u6f22\u5b57", "x"}, {"101", "b\u00fcro", ""}}),
              " ID  NAME  NOTE\n  5  \u6f22\u5b57  x\n101  b\u00fcro\n");
    EXPECT_EQ(fit_text("b\u00fcroklammer", 5), "b\u00fcro~");
    EXPECT_EQ(fit_text("\u6f22\u5b57", 3), "\u6f22~");
    EXPECT_EQ(text_width("e\u0301"), 1);
}

}  // namespace
}  // namespace lodge
