#include "engine/state/history.h"

#include <gtest/gtest.h>

namespace lodge {
namespace {

TEST(History, keeps_the_last_samples_in_order) {
    History history;
    EXPECT_TRUE(history.empty());
    EXPECT_TRUE(std::isnan(history.largest()));
    for (int i = 0; i < 1000; ++i)
        history.add(i);
    ASSERT_EQ(history.size(), History::capacity);
    EXPECT_EQ(history.at(0), 700);
    EXPECT_EQ(history.at(History::capacity - 1), 999);
    EXPECT_EQ(history.largest(), 999);
    EXPECT_EQ(history.mean(2), 998.5);
}

TEST(History, a_late_look_stands_for_all_its_seconds) {
    History history;
    history.add(1, 5);
    history.add(2, 0);
    EXPECT_EQ(history.size(), 6u);
    history.add(3, 100000);
    EXPECT_EQ(history.size(), History::capacity);
    EXPECT_EQ(history.at(0), 3);
}

TEST(History, a_gap_is_not_zero) {
    History history;
    history.add(4);
    history.add_gap(2);
    EXPECT_EQ(history.size(), 3u);
    EXPECT_TRUE(std::isnan(history.at(2)));
    EXPECT_EQ(history.mean(), 4);
    EXPECT_EQ(history.largest(), 4);
}

}  // namespace
}  // namespace lodge
