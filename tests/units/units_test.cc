#include "engine/units.h"

#include <gtest/gtest.h>

#include <limits>

namespace lodge {
namespace {

TEST(ParseSize, TakesWholeAndDecimalNumbersWithALetter) {
    EXPECT_EQ(parse_size("0"), 0);
    EXPECT_EQ(parse_size("1000"), 1000);
    EXPECT_EQ(parse_size("1K"), 1024);
    EXPECT_EQ(parse_size("32G"), int64_t{32} << 30);
    EXPECT_EQ(parse_size("1.5G"), int64_t{3} << 29);
    EXPECT_EQ(parse_size("0.5T"), int64_t{1} << 39);
    EXPECT_EQ(parse_size("2.25M"), 2359296);
    EXPECT_EQ(parse_size("8388607T"), int64_t{8388607} << 40);
}

TEST(ParseSize, RefusesTheRest) {
    for (const char* text : {"", "G", "1g", "1GB", "-1", "+1", " 1", "1 ", "1.", ".5", "1..5",
                             "1e3", "0x10", "1,5", "8388608T", "99999999999999999999", "1.5.5G"})
        EXPECT_EQ(parse_size(text), std::nullopt) << text;
}

TEST(PrintSize, UsesTheLargestExactUnit) {
    EXPECT_EQ(print_size(0), "0");
    EXPECT_EQ(print_size(1000), "1000");
    EXPECT_EQ(print_size(1024), "1K");
    EXPECT_EQ(print_size(int64_t{1536} << 20), "1536M");
    EXPECT_EQ(print_size(int64_t{32} << 30), "32G");
    EXPECT_EQ(print_size(int64_t{5} << 50), "5120T");
}

TEST(PrintSize, IsReadBack) {
    for (int64_t size = 1; size < (int64_t{1} << 60); size = size * 3 + 1)
        EXPECT_EQ(parse_size(print_size(size)), size);
}

TEST(ShortSize, IsAtMostFiveCharacters) {
    EXPECT_EQ(short_size(0), "0");
    EXPECT_EQ(short_size(1023), "1023");
    EXPECT_EQ(short_size(1024), "1.0K");
    EXPECT_EQ(short_size(int64_t{412} << 20), "412M");
    EXPECT_EQ(short_size((int64_t{19} << 30) / 10), "1.9G");
    EXPECT_EQ(short_size(1048575), "1.0M");
    EXPECT_EQ(short_size(int64_t{9999} << 40), "9999T");
    for (int64_t size = 1; size < (int64_t{9999} << 40); size = size * 5 / 4 + 1)
        EXPECT_LE(short_size(size).size(), 5U) << size;
    EXPECT_FALSE(short_size(std::numeric_limits<int64_t>::max()).empty());
    EXPECT_FALSE(short_size(std::numeric_limits<int64_t>::min()).empty());
}

TEST(ShortDuration, ShowsOneUnit) {
    EXPECT_EQ(short_duration(0), "0s");
    EXPECT_EQ(short_duration(59), "59s");
    EXPECT_EQ(short_duration(60), "1m");
    EXPECT_EQ(short_duration(3 * 3600 + 5), "3h");
    EXPECT_EQ(short_duration(12 * 86400), "12d");
    EXPECT_EQ(short_duration(-5), "0s");
}

TEST(ParseBoolean, TakesTheFormatsWords) {
    for (const char* text : {"1", "on", "yes", "true", "ON", "Yes"})
        EXPECT_EQ(parse_boolean(text), true) << text;
    for (const char* text : {"0", "off", "no", "false", "FALSE"})
        EXPECT_EQ(parse_boolean(text), false) << text;
    for (const char* text : {"", "2", "y", "enabled", "1 "})
        EXPECT_EQ(parse_boolean(text), std::nullopt) << text;
}

TEST(ParseNumbers, TakeAllOfTheTextOrNothing) {
    EXPECT_EQ(parse_integer("-42"), -42);
    EXPECT_EQ(parse_integer("9223372036854775807"), std::numeric_limits<int64_t>::max());
    for (const char* text : {"", "1 ", "1.0", "9223372036854775808", "0x1", "+1", "-"})
        EXPECT_EQ(parse_integer(text), std::nullopt) << text;
    EXPECT_EQ(parse_number("0.1"), 0.1);
    EXPECT_EQ(parse_number("128"), 128.0);
    for (const char* text : {"", "inf", "nan", "1,5", "1.5x", "-", "1e999", "."})
        EXPECT_EQ(parse_number(text), std::nullopt) << text;
}

TEST(Split, KeepsEmptyPieces) {
    EXPECT_EQ(split("", ','), (std::vector<std::string>{""}));
    EXPECT_EQ(split("a,,b,", ','), (std::vector<std::string>{"a", "", "b", ""}));
    EXPECT_EQ(join(split("a,,b,", ','), ","), "a,,b,");
    EXPECT_EQ(trim(" \t a b\r\n"), "a b");
    EXPECT_EQ(trim(" \n"), "");
}

TEST(ShellQuote, QuotesWhatAShellWouldTakeApart) {
    EXPECT_EQ(shell_quote("/usr/bin/qemu-img"), "/usr/bin/qemu-img");
    EXPECT_EQ(shell_quote("file=a,size=1G"), "file=a,size=1G");
    EXPECT_EQ(shell_quote(""), "''");
    EXPECT_EQ(shell_quote("a b"), "'a b'");
    EXPECT_EQ(shell_quote("it's"), "'it'\\''s'");
    EXPECT_EQ(shell_quote("$(rm)"), "'$(rm)'");
    EXPECT_EQ(shell_quote("~root"), "'~root'");
    EXPECT_EQ(shell_line({"echo", "a b", "c"}), "echo 'a b' c");
}

TEST(Printable, ShowsWhatATerminalWouldObey) {
    EXPECT_EQ(printable("plain äöü 木"), "plain äöü 木");
    EXPECT_EQ(printable("\x1b[2J"), "\\x1B[2J");
    EXPECT_EQ(printable("a\nb\tc"), "a\\x0Ab\\x09c");
    EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a\\x00b");
    EXPECT_EQ(printable("\xc2\x9b"), "\\xC2\\x9B");  // C1: a one-byte ESC [
    EXPECT_EQ(printable("a\xe2\x80\xae"
                        "b"),
              "a\\xE2\\x80\\xAEb");                           // right-to-left override
    EXPECT_EQ(printable("\xff\xc0\xaf"), "\\xFF\\xC0\\xAF");  // no UTF-8, overlong
    EXPECT_EQ(printable("\xed\xa0\x80"), "\\xED\\xA0\\x80");  // a lone surrogate
    EXPECT_EQ(printable("\xe2\x82"), "\\xE2\\x82");           // cut off
    EXPECT_EQ(printable("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80");
    EXPECT_EQ(printable("\x7f"), "\\x7F");
}

}  // namespace
}  // namespace lodge
