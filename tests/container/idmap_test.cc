#include "engine/container/idmap.h"

#include <gtest/gtest.h>

#include "engine/error.h"
#include "engine/store.h"
#include "tests/support/scratch.h"

using namespace lodge;

namespace {

TEST(IdMap, AnEmptyOneIsPrivileged) {
    const IdMap map;
    EXPECT_TRUE(map.empty());
    EXPECT_EQ(map.outside_uid(0), 0u);
    EXPECT_EQ(map.inside_gid(1000), 1000u);
}

TEST(IdMap, NumbersGoBothWays) {
    const IdMap map = parse_id_map({"u 0 100000 1000", "u 1000 1000 1", "g 0 200000 65536"});
    EXPECT_EQ(map.outside_uid(0), 100000u);
    EXPECT_EQ(map.outside_uid(999), 100999u);
    EXPECT_EQ(map.outside_uid(1000), 1000u);
    EXPECT_EQ(map.outside_uid(1001), std::nullopt);
    EXPECT_EQ(map.outside_gid(1001), 201001u);
    EXPECT_EQ(map.inside_uid(1000), 1000u);
    EXPECT_EQ(map.inside_uid(100001), 1u);
    EXPECT_EQ(map.inside_uid(0), std::nullopt);
    EXPECT_EQ(print_id_map(map),
              (std::vector<std::string>{"u 0 100000 1000", "u 1000 1000 1", "g 0 200000 65536"}));
}

TEST(IdMap, RefusesLinesThatAreNone) {
    for (const char* line : {"", "u 0 100000", "x 0 1 1", "u 0 1 0", "u -1 1 1",
                             "g 0 4294967000 65536", "u 0 100000 65536 more"})
        EXPECT_THROW(parse_id_map({line}), Error) << line;
}

TEST(IdMap, ComesFromTheTextsOfTheSystem) {
    const IdMap map = sub_id_map("anna:100000:65536\nroot:165536:65536\n",
                                 "# groups\n0:300000:65536\n", "root", 0);
    EXPECT_EQ(print_id_map(map),
              (std::vector<std::string>{"u 0 165536 65536", "g 0 300000 65536"}));
    // Several small ranges make one.
    const IdMap joined = sub_id_map("a:100000:1000\na:200000:65536\n", "a:5:65536", "a", 1000);
    EXPECT_EQ(print_id_map(joined),
              (std::vector<std::string>{"u 0 100000 1000", "u 1000 200000 64536", "g 0 5 65536"}));
}

TEST(IdMap, TooFewAreNone) {
    EXPECT_TRUE(sub_id_map("a:100000:65535", "a:100000:65536", "a", 1000).empty());
    EXPECT_TRUE(sub_id_map("b:100000:65536", "b:100000:65536", "a", 1000).empty());
    EXPECT_TRUE(sub_id_map("a:nonsense:65536\na:1\n:::\n", "a:1:65536", "a", 1000).empty());
    EXPECT_TRUE(sub_id_map("a:4294967290:65536", "a:1:65536", "a", 1000).empty());
}

TEST(IdMap, FindsNumbersThatBelongToNobody) {
    EXPECT_EQ(free_sub_ids("", 65536), 100000u);
    EXPECT_EQ(free_sub_ids("b:165536:65536\na:100000:65536\n", 65536), 231072u);
    EXPECT_EQ(free_sub_ids("a:200000:65536\n", 65536), 100000u);
}

class IdMapOf : public ::testing::Test {
  protected:
    void ranges(const std::string& text) {
        host(0).write(folder_.path() + "/etc/subuid", text);
        host(0).write(folder_.path() + "/etc/subgid", text);
    }
    Host host(uid_t uid) const {
        Host::Places places;
        places.sysroot = folder_.path();
        places.uid = uid;
        return Host(places);
    }
    static Config config(const std::string& text) {
        return Config::parse(text, container_schema(), "101.conf");
    }
    ScratchFolder folder_;
};

TEST_F(IdMapOf, APrivilegedOneOfRootNeedsNone) {
    EXPECT_TRUE(id_map_of(host(0), config("memory: 64\n")).empty());
}

TEST_F(IdMapOf, RawLinesComeFirst) {
    const auto map = id_map_of(host(0), config("unprivileged: 1\nlxc.idmap: u 0 7000 100\n"
                                               "lxc.idmap: g 0 8000 100\n"));
    EXPECT_EQ(print_id_map(map), (std::vector<std::string>{"u 0 7000 100", "g 0 8000 100"}));
}

TEST_F(IdMapOf, SaysWhatToWriteWhere) {
    try {
        id_map_of(host(0), config("unprivileged: 1\n"));
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.exit(), Exit::missing);
        const std::string words = error.what();
        EXPECT_NE(words.find("/etc/subuid"), std::string::npos) << words;
        EXPECT_NE(words.find("/etc/subgid"), std::string::npos) << words;
        EXPECT_NE(words.find("root:100000:65536"), std::string::npos) << words;
    }
    ranges("other:100000:65536\nroot:165536:1000\n");
    try {
        id_map_of(host(0), config("unprivileged: 1\n"));
        FAIL();
    } catch (const Error& error) {
        const std::string words = error.what();
        EXPECT_NE(words.find("1000 of the 65536"), std::string::npos) << words;
        EXPECT_NE(words.find("root:166536:65536"), std::string::npos) << words;
    }
}

TEST_F(IdMapOf, AUserHasOneEvenWhenTheFileSaysPrivileged) {
    ranges("4711:100000:65536\n");
    EXPECT_FALSE(id_map_of(host(4711), config("memory: 64\n")).empty());
}

}  // namespace
