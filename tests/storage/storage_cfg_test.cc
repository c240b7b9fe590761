#include "engine/storage/storage_cfg.h"

#include <gtest/gtest.h>

#include "engine/error.h"

namespace lodge {
namespace {

constexpr std::string_view usual =
    "dir: local\n"
    "\tpath /srv/vm\n"
    "\tcontent iso,backup,images\n"
    "\n"
    "# the fast one\n"
    "lvmthin: fast\n"
    "\tthinpool data\n"
    "\tvgname pve\n"
    "\tdisable\n"
    "\n";

TEST(StorageCfg, ReadsEntriesAndKeepsEveryByte) {
    const StorageCfg cfg = StorageCfg::parse(usual);
    ASSERT_EQ(cfg.entries().size(), 2u);
    EXPECT_EQ(cfg.entries()[0].id, "local");
    EXPECT_EQ(cfg.entries()[0].options.text("content"), "iso,backup,images");
    EXPECT_EQ(cfg.entries()[1].type, "lvmthin");
    EXPECT_TRUE(cfg.entries()[1].options.flag("disable"));
    EXPECT_TRUE(cfg.problems().empty());
    EXPECT_EQ(cfg.text(), usual);
}

TEST(StorageCfg, OddLinesAreToldAndKept) {
    const std::string odd =
        "  path /lost\r\nwhat is this\ndir: local\n\tpath /a\n\tpath /b\n\t!x y\ndir: local\n"
        "\tpath /c\ndir: 1bad\n\tpath /d";
    const StorageCfg cfg = StorageCfg::parse(odd);
    EXPECT_EQ(cfg.text(), odd);
    ASSERT_EQ(cfg.entries().size(), 1u);
    EXPECT_EQ(cfg.entries()[0].options.text("path"), "/a");
    std::vector<int> lines;
    for (const auto& problem : cfg.problems())
        lines.push_back(problem.line);
    EXPECT_EQ(lines, (std::vector<int>{1, 2, 5, 6, 7, 8, 9, 10}));
    EXPECT_EQ(cfg.problems()[2].words, "path stands twice in local; the first counts");
}

TEST(StorageCfg, AddsAndRemovesWithoutTouchingTheRest) {
    StorageCfg cfg = StorageCfg::parse(usual);
    cfg.add({"dir", "big", {{"content", "images"}, {"path", "/mnt/big"}}});
    EXPECT_EQ(cfg.text(), std::string(usual) + "dir: big\n\tpath /mnt/big\n\tcontent images\n\n");
    EXPECT_EQ(StorageCfg::parse(cfg.text()).entries().size(), 3u);
    cfg.remove("fast");
    EXPECT_EQ(cfg.text(),
              "dir: local\n\tpath /srv/vm\n\tcontent iso,backup,images\n\n# the fast one\n"
              "dir: big\n\tpath /mnt/big\n\tcontent images\n\n");
    cfg.remove("big");
    EXPECT_THROW(cfg.remove("big"), Error);
    EXPECT_THROW(cfg.add({"dir", "local", {{"path", "/x"}}}), Error);
    EXPECT_THROW(cfg.add({"dir", "new", {{"path", "/x\ny"}}}), Error);
    EXPECT_THROW(cfg.add({"dir", "a b", {{"path", "/x"}}}), Error);
}

TEST(StorageCfg, AddsToAFileThatEndsInMidLine) {
    StorageCfg cfg = StorageCfg::parse("dir: one\n\tpath /a");
    cfg.add({"dir", "two", {{"path", "/b"}}});
    EXPECT_EQ(cfg.text(), "dir: one\n\tpath /a\n\ndir: two\n\tpath /b\n\n");
}

}  // namespace
}  // namespace lodge
