#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/scratch.h"
#include "tui/pane/log_pane.h"

namespace lodge {
namespace {

using std::chrono::milliseconds;

class Log : public testing::Test {
  protected:
    std::string seen(LogPane& pane) {
        Canvas canvas({40, 5});
        pane.draw(canvas.all());
        EXPECT_FALSE(canvas.cursor && canvas.cursor->visible);
        return canvas.text();
    }
    bool sees(LogPane& pane, const std::string& text) {
        return loop_.run_until([&] { return seen(pane).find(text) != std::string::npos; },
                               milliseconds(5000));
    }
    void write(const std::string& text) {
        std::ofstream(path_, std::ios::app) << text << std::flush;
    }

    ScratchFolder scratch_;
    std::string path_ = scratch_.path() + "/some.log";
    Loop loop_;
    int changes_ = 0;
};

TEST_F(Log, FollowsAFileThatComesGrowsAndIsReplaced) {
    LogPane pane(loop_, path_, [this] { ++changes_; });
    EXPECT_EQ(seen(pane), "\n\n\n\n\n");
    write("one\ntwo\n");
    EXPECT_TRUE(sees(pane, "one\ntwo")) << seen(pane);
    write("three \x1b[31mred\x1b[0m\n");
    EXPECT_TRUE(sees(pane, "one\ntwo\nthree red")) << seen(pane);
    std::filesystem::rename(path_, path_ + ".1");
    write("new\n");
    EXPECT_TRUE(sees(pane, "three red\nnew")) << seen(pane);
    EXPECT_GE(changes_, 3);
}

TEST_F(Log, ShowsTheEndOfALongOne) {
    std::string text;
    for (int i = 0; text.size() < 3 << 20; ++i)
        text += "line " + std::to_string(i) + " of a log that someone keeps\n";
    write(text + "the end\n");
    LogPane pane(loop_, path_, [this] { ++changes_; });
    EXPECT_TRUE(sees(pane, "the end"));
    EXPECT_EQ(changes_, 1) << "not shown while it is read";
    EXPECT_TRUE(pane.pane().find("SOMEONE"));
    pane.pane().scroll_top();
    EXPECT_EQ(seen(pane).find("line "), 0u) << seen(pane);
}

TEST_F(Log, SaysWhyNothingIsThere) {
    LogPane nowhere(loop_, scratch_.path() + "/none/at/all", [] {});
    EXPECT_EQ(seen(nowhere), "\n\n\n\n\n");
    std::filesystem::create_symlink("/etc/passwd", path_);
    LogPane link(loop_, path_, [] {});
    EXPECT_TRUE(sees(link, "cannot read")) << seen(link);
}

}  // namespace
}  // namespace lodge
