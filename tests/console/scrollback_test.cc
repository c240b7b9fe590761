#include "engine/vm/scrollback.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "engine/fd.h"
#include "engine/units.h"
#include "tests/support/scratch.h"

namespace lodge {
namespace {

std::string plain(std::string_view bytes) {
    PlainLines lines;
    lines.add(bytes);
    return join(lines.lines(), "\n");
}

TEST(PlainLines, TakesLinesAsTheyAre) {
    EXPECT_EQ(plain("one\r\ntwo\r\n"), "one\ntwo\n");
    EXPECT_EQ(plain("demo login: "), "demo login: ");
    EXPECT_EQ(plain(""), "");
}

TEST(PlainLines, DropsColoursTitlesAndCharsets) {
    EXPECT_EQ(plain("\x1b[1;32mOK\x1b[0m \x1b]0;root@demo\a# \x1b(B"), "OK # ");
    EXPECT_EQ(plain("a\x1bP1$r0m\x1b\\b\x1b]52;c;AAAA\x1b\\c"), "abc");
}

TEST(PlainLines, ObeysWhatMovesAlongALine) {
    EXPECT_EQ(plain("abc\b \b\r\n"), "ab\n");
    EXPECT_EQ(plain("10%\r100%\r\n"), "100%\n");
    EXPECT_EQ(plain("abcdef\r\x1b[3C\x1b[K!"), "abc!");
    EXPECT_EQ(plain("a\tb"), "a       b");
    EXPECT_EQ(plain("abc\x1b[2D\x1b[1GX"), "Xbc");
    EXPECT_EQ(plain("prompt\x1b[2J\x1b[Hnext"), "prompt\nnext");
}

TEST(PlainLines, StandsACutAnywhere) {
    EXPECT_EQ(plain("2;5;7mcoloured"), "2;5;7mcoloured");
    EXPECT_EQ(plain("ends in \x1b[3"), "ends in ");
    EXPECT_EQ(plain("ends in \x1b"), "ends in ");
    EXPECT_EQ(plain("\x1b]0;never ends\nnext"), "\nnext");
    EXPECT_EQ(plain("half a letter \xc3"), "half a letter \\xC3");
    EXPECT_EQ(plain("\x1b[999999999999CX").size(), 4096u);
    EXPECT_EQ(plain("Gr\xc3\xbc\xc3\x9f"), "Gr\xc3\xbc\xc3\x9f");
}

TEST(PlainLines, IsTheSameHoweverTheBytesCome) {
    const std::string bytes =
        "a\x1b[31mr\xc3\xa9"
        "d\x1b[0m\r\nb\b\x1b]0;t\ac";
    PlainLines one;
    for (const char byte : bytes)
        one.add({&byte, 1});
    EXPECT_EQ(join(one.lines(), "\n"), plain(bytes));
}

class Scrollback : public testing::Test {
  protected:
    void append(std::string_view bytes) {
        std::ofstream(path_, std::ios::app | std::ios::binary) << bytes;
    }
    ScratchFolder scratch_;
    std::string path_ = scratch_.path() + "/serial0.log";
};

TEST_F(Scrollback, NoLogHasNoLines) {
    int64_t end = 7;
    EXPECT_EQ(scrollback_lines(path_, 10, end), "");
    EXPECT_EQ(end, 0);
    trim_scrollback(path_);
}

TEST_F(Scrollback, GivesTheLastLines) {
    for (int i = 1; i <= 30; ++i)
        append("line " + std::to_string(i) + "\r\n");
    int64_t end = 0;
    EXPECT_EQ(scrollback_lines(path_, 2, end), "line 29\nline 30\n");
    append("login: ");
    EXPECT_EQ(scrollback_lines(path_, 2, end), "line 30\nlogin: ");
    EXPECT_EQ(split(scrollback_lines(path_, 0, end), '\n').size(), 31u);
    append("root");
    EXPECT_EQ(read_scrollback(path_, end, 1000), "root");
    EXPECT_EQ(read_scrollback(path_, end, 1000), "");
}

TEST_F(Scrollback, FreesTheFrontAndSkipsTheHole) {
    const std::string line = std::string(98, 'x') + "\r\n";
    for (int i = 0; i < 3000; ++i)
        append(line);
    append("the last one\r\n");
    struct stat before {
    }, after{};
    ASSERT_EQ(::stat(path_.c_str(), &before), 0);
    trim_scrollback(path_, 1 << 20, 1 << 15);
    ASSERT_EQ(::stat(path_.c_str(), &after), 0);
    EXPECT_EQ(after.st_blocks, before.st_blocks) << "it was small enough";
    trim_scrollback(path_, 1 << 17, 1 << 15);
    ASSERT_EQ(::stat(path_.c_str(), &after), 0);
    EXPECT_EQ(after.st_size, before.st_size);
    if (after.st_blocks == before.st_blocks) GTEST_SKIP() << "no holes on this file system";
    EXPECT_LT(after.st_blocks * 512, 1 << 16);
    // Who appends goes on at the end.
    append("after the cut\r\n");
    int64_t end = 0;
    const auto lines = split(scrollback_lines(path_, 0, end), '\n');
    EXPECT_LT(lines.size(), 400u);
    EXPECT_EQ(lines[0], std::string(98, 'x'));
    EXPECT_EQ(lines[lines.size() - 3], "the last one");
    EXPECT_EQ(lines[lines.size() - 2], "after the cut");
    EXPECT_EQ(end, before.st_size + 15);
}

TEST_F(Scrollback, IsReadAgainFromTheFrontWhenEmptied) {
    append("a long line\r\n");
    int64_t end = 0;
    scrollback_lines(path_, 0, end);
    ASSERT_EQ(::truncate(path_.c_str(), 0), 0);
    append("new");
    EXPECT_EQ(read_scrollback(path_, end, 100), "new");
}

}  // namespace
}  // namespace lodge
