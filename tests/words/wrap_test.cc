#include "engine/wrap.h"

#include <gtest/gtest.h>

namespace lodge {
namespace {

using Lines = std::vector<std::string>;

TEST(Wrap, breaks_at_spaces_only) {
    EXPECT_EQ(wrapped("one two three four", 9), (Lines{"one two", "three", "four"}));
    EXPECT_EQ(wrapped("one two", 7), (Lines{"one two"}));
    EXPECT_EQ(wrapped("a virtualisation b", 6), (Lines{"a", "virtualisation", "b"}));
    EXPECT_EQ(wrapped("", 10), Lines{});
    EXPECT_EQ(wrapped("one", 0), (Lines{"one"}));
}

TEST(Wrap, keeps_lines_and_their_indentation) {
    EXPECT_EQ(wrapped("head\n\n  a line of more words\nend\n\n", 12),
              (Lines{"head", "", "  a line of", "  more words", "end"}));
    // Columns of a table stay columns.
    EXPECT_EQ(wrapped("id    name\n1     web", 80), (Lines{"id    name", "1     web"}));
    EXPECT_EQ(wrapped("a     b", 4), (Lines{"a", "b"}));
    // An indentation wider than half of the line would leave a column of letters.
    EXPECT_EQ(wrapped("      a b c", 8), (Lines{"a b c"}));
}

TEST(Wrap, counts_cells) {
    EXPECT_EQ(wrapped("日本 日本", 8), (Lines{"日本", "日本"}));
    EXPECT_EQ(wrapped("日本 日本", 9), (Lines{"日本 日本"}));
}

TEST(Wrap, indents_a_text) {
    EXPECT_EQ(wrap_text("one two\n\nthree", 7, 3), "   one\n   two\n\n   three\n");
}

}  // namespace
}  // namespace lodge
