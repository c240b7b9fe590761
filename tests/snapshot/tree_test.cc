#include <gtest/gtest.h>

#include "engine/error.h"
#include "engine/store.h"
#include "engine/units.h"
#include "engine/vm/snapshot.h"
#include "engine/vm/snapshot_parts.h"

namespace lodge {
namespace {

Config config_of(const std::string& text) {
    return Config::parse(text, vm_schema(), "101.conf");
}

std::string drawn(const std::string& text) {
    std::string lines;
    for (const SnapshotNode& node : snapshot_tree(config_of(text)))
        lines += std::string(static_cast<size_t>(node.depth) * 2, ' ') + node.name +
                 (node.with_memory ? " ram" : "") +
                 (node.state.empty() ? "" : " (" + node.state + ")") + "\n";
    return lines;
}

TEST(Tree, of_no_snapshots_is_now) {
    EXPECT_EQ(drawn("memory: 512\n"), "now\n");
}

TEST(Tree, children_stand_below_by_time) {
    EXPECT_EQ(drawn("parent: late\n\n[root]\nsnaptime: 10\n\n[late]\nparent: root\nsnaptime: 30\n"
                    "vmstate: local:101/x.raw\n\n[early]\nparent: root\nsnaptime: 20\n"),
              "root\n  early\n  late ram\n    now\n");
}

TEST(Tree, now_comes_after_the_other_children) {
    EXPECT_EQ(drawn("parent: root\n\n[root]\nsnaptime: 10\n\n[one]\nparent: root\nsnaptime: 20\n\n"
                    "[two]\nparent: one\nsnaptime: 30\n\n[other]\nsnaptime: 40\n"),
              "root\n  one\n    two\n  now\nother\n");
}

TEST(Tree, a_link_to_nowhere_makes_a_root) {
    EXPECT_EQ(drawn("parent: gone\n\n[aa]\nparent: gone\nsnaptime: 5\nsnapstate: prepare\n"),
              "aa (prepare)\nnow\n");
}

TEST(Tree, a_circle_is_cut_where_it_is_oldest) {
    EXPECT_EQ(drawn("parent: aa\n\n[aa]\nparent: bb\nsnaptime: 2\n\n[bb]\nparent: cc\nsnaptime: 3\n"
                    "\n[cc]\nparent: aa\nsnaptime: 1\n\n[self]\nparent: self\n"),
              "self\ncc\n  bb\n    aa\n      now\n");
}

TEST(Tree, a_chain_of_thousands_is_drawn) {
    std::string text = "memory: 512\n";
    for (int i = 0; i < 3000; ++i)
        text += fmt::format("\n[s{:04}]\nsnaptime: {}\n{}", i, i,
                            i == 0 ? "" : fmt::format("parent: s{:04}\n", i - 1));
    const auto nodes = snapshot_tree(config_of(text));
    ASSERT_EQ(nodes.size(), 3001u);
    EXPECT_EQ(nodes[2999].depth, 2999);
}

TEST(Section, goes_back_as_the_format_does) {
    Config config = config_of(
        "#kept\nmemory: 2048\nname: new\nparent: two\n"
        "scsi0: local:101/vm-101-disk-0.qcow2\nscsi1: local:101/vm-101-disk-1.qcow2\n"
        "unused0: local:101/vm-101-disk-5.qcow2\nvmgenid: 11111111-1111-1111-1111-111111111111\n"
        "\n[PENDING]\ncores: 4\n"
        "\n[one]\n#words\nmemory: 512\nname: old\nscsi0: local:101/vm-101-disk-0.qcow2\n"
        "snaptime: 7\nvmgenid: 11111111-1111-1111-1111-111111111111\n"
        "\n[two]\nparent: one\nsnaptime: 8\n");
    apply_section(config, "one", false, "22222222-2222-2222-2222-222222222222");
    const std::string text = config.text();
    EXPECT_EQ(text.substr(0, text.find("\n[one]")),
              "#kept\nmemory: 512\nname: old\nparent: one\n"
              "scsi0: local:101/vm-101-disk-0.qcow2\nunused0: local:101/vm-101-disk-5.qcow2\n"
              "unused1: local:101/vm-101-disk-1.qcow2\n"
              "vmgenid: 22222222-2222-2222-2222-222222222222\n");
    EXPECT_NE(text.find("[two]"), std::string::npos);
}

TEST(Section, with_memory_leaves_the_guest_suspended) {
    Config config = config_of(
        "memory: 512\n\n[one]\nmemory: 512\nrunningcpu: qemu64\nrunningmachine: pc-q35-7.2\n"
        "snaptime: 7\nvmstate: local:101/vm-101-state-one.raw\n");
    apply_section(config, "one", true, "");
    EXPECT_EQ(config.current.get("lock"), "suspended");
    EXPECT_EQ(config.current.get("vmstate"), "local:101/vm-101-state-one.raw");
    EXPECT_EQ(config.current.get("runningcpu"), "qemu64");
    EXPECT_FALSE(config.current.has("snaptime"));
}

TEST(Section, dropped_in_the_middle_leaves_the_tree_whole) {
    Config config = config_of(
        "parent: mid\n\n[root]\nsnaptime: 1\n\n[mid]\nparent: root\nsnaptime: 2\n"
        "\n[leaf]\nparent: mid\nsnaptime: 3\n");
    drop_section(config, "mid");
    EXPECT_EQ(config.current.get("parent"), "root");
    EXPECT_EQ(config.snapshot("leaf")->get("parent"), "root");
    drop_section(config, "root");
    EXPECT_FALSE(config.current.has("parent"));
    EXPECT_FALSE(config.snapshot("leaf")->has("parent"));
}

}  // namespace
}  // namespace lodge
