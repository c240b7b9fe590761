#include <gtest/gtest.h>

#include "engine/container/entry_words.h"

namespace lodge {
namespace {

using Words = std::vector<std::string>;

TEST(EntryWords, AreTakenApartAsByAShell) {
    EXPECT_EQ(entry_words("/docker-entrypoint.sh nginx -g 'daemon off;'"),
              (Words{"/docker-entrypoint.sh", "nginx", "-g", "daemon off;"}));
    EXPECT_EQ(entry_words("  sh -c \"echo \\\"a b\\\" \\$HOME\""),
              (Words{"sh", "-c", "echo \"a b\" \\$HOME"}));
    EXPECT_EQ(entry_words("a\\ b ''  'c'd"), (Words{"a b", "", "cd"}));
    EXPECT_EQ(entry_words("it's"), (Words{"it's"}));
    EXPECT_EQ(entry_words("end\\"), (Words{"end\\"}));
    EXPECT_EQ(entry_words(""), Words{});
}

TEST(EntryWords, ArePrintedALineEach) {
    EXPECT_EQ(print_entry_words({"sh", "a\nb\\n", ""}), "sh\na\\nb\\\\n\n\n");
}

}  // namespace
}  // namespace lodge
