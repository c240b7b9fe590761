#include "engine/state/group_use.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/scratch.h"

namespace lodge {
namespace {

// Groups is a folder of control groups that a test writes.
class Groups : public ::testing::Test {
  protected:
    std::string put(const std::string& name, const std::string& content) const {
        const std::string path = folder_.path() + "/" + name;
        std::ofstream(path) << content;
        return path;
    }
    std::string path(const std::string& name) const { return folder_.path() + "/" + name; }

    ScratchFolder folder_;
};

TEST_F(Groups, of_version_1_count_swap_with_memory) {
    GroupCounters counters;
    counters.memory = put("memory.usage_in_bytes", "62914560\n");
    counters.cache = put("memory.stat", "cache 1\ninactive_file 5\ntotal_inactive_file 10485760\n");
    counters.memory_limit = put("memory.limit_in_bytes", "67108864\n");
    counters.swap = put("memory.memsw.usage_in_bytes", "83886080\n");
    counters.swap_limit = put("memory.memsw.limit_in_bytes", "134217728\n");
    counters.swap_with_memory = true;
    counters.kills = put("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
    // In one of the groups below it.
    std::filesystem::create_directory(path("ns"));
    put("ns/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
    put("memory.max_usage_in_bytes", "67108864\n");
    counters.pids = put("pids.current", "12\n");
    counters.pids_limit = put("pids.max", "100\n");
    counters.quota = put("cpu.cfs_quota_us", "150000\n");
    counters.period = put("cpu.cfs_period_us", "100000\n");
    counters.throttle =
        put("cpu.stat", "nr_periods 9\nnr_throttled 4\nthrottled_time 12500000000\n");
    const GroupUse use = GroupUseReader(counters).read();
    ASSERT_TRUE(use.memory && use.swap && use.pids);
    EXPECT_EQ(use.memory->used, 50 << 20);
    EXPECT_EQ(use.memory->limit, 64 << 20);
    EXPECT_EQ(use.swap->used, 20 << 20);
    EXPECT_EQ(use.swap->limit, 64 << 20);
    EXPECT_EQ(use.pids->used, 12);
    EXPECT_EQ(use.pids->limit, 100);
    EXPECT_EQ(use.cpus, 1.5);
    EXPECT_EQ(use.throttled, 12.5);
    EXPECT_EQ(use.killed, 3);
    EXPECT_FALSE(use.pressure);
    EXPECT_EQ(killed_words(use), "out of memory: 3 killed");
}

TEST_F(Groups, of_version_1_are_gone_through_when_the_limit_came_near) {
    GroupCounters counters;
    counters.memory = put("memory.usage_in_bytes", "4096\n");
    counters.memory_limit = put("memory.limit_in_bytes", "67108864\n");
    counters.swap_with_memory = true;
    counters.kills = put("memory.oom_control", "oom_kill 1\n");
    put("memory.max_usage_in_bytes", "4096\n");
    GroupUseReader reader(counters);
    EXPECT_EQ(reader.read().killed, 0);
    put("memory.max_usage_in_bytes", "67000000\n");
    EXPECT_EQ(reader.read().killed, 1);
    put("memory.oom_control", "oom_kill 2\n");
    EXPECT_EQ(reader.read().killed, 1);
    for (int i = 0; i < 3; ++i)
        EXPECT_LE(reader.read().killed, 2);
    EXPECT_EQ(reader.read().killed, 2);
}

TEST_F(Groups, of_version_1_without_limits_have_none) {
    GroupCounters counters;
    counters.memory = put("memory.usage_in_bytes", "4096\n");
    counters.memory_limit = put("memory.limit_in_bytes", "9223372036854771712\n");
    counters.swap = put("memory.memsw.usage_in_bytes", "4096\n");
    counters.swap_limit = put("memory.memsw.limit_in_bytes", "9223372036854771712\n");
    counters.swap_with_memory = true;
    counters.pids = put("pids.current", "1\n");
    counters.pids_limit = put("pids.max", "max\n");
    counters.quota = put("cpu.cfs_quota_us", "-1\n");
    counters.period = put("cpu.cfs_period_us", "100000\n");
    const GroupUse use = GroupUseReader(counters).read();
    ASSERT_TRUE(use.memory && use.swap && use.pids);
    EXPECT_FALSE(use.memory->limit);
    EXPECT_FALSE(use.swap->limit);
    EXPECT_FALSE(use.pids->limit);
    EXPECT_FALSE(use.cpus);
    EXPECT_FALSE(use.throttled);
}

TEST_F(Groups, of_version_2_have_pressure) {
    GroupCounters counters;
    counters.memory = put("memory.current", "62914560\n");
    counters.cache = put("memory.stat", "anon 1\ninactive_file 10485760\n");
    counters.memory_limit = put("memory.max", "max\n");
    counters.swap = put("memory.swap.current", "0\n");
    counters.swap_limit = put("memory.swap.max", "0\n");
    counters.kills = put("memory.events", "low 0\nhigh 0\nmax 7\noom 1\noom_kill 1\n");
    counters.quota = put("cpu.max", "50000 100000\n");
    counters.throttle = put("cpu.stat", "usage_usec 9\nthrottled_usec 2500000\n");
    counters.pressure = path("");
    put("cpu.pressure", "some avg10=12.50 avg60=0.00 avg300=0.00 total=1\n");
    put("memory.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n");
    put("io.pressure", "some avg10=3.00 avg60=0.00 avg300=0.00 total=1\n");
    const GroupUse use = GroupUseReader(counters).read();
    ASSERT_TRUE(use.memory && use.swap && use.pressure);
    EXPECT_EQ(use.memory->used, 50 << 20);
    EXPECT_FALSE(use.memory->limit);
    EXPECT_EQ(use.swap->limit, 0);
    EXPECT_EQ(use.cpus, 0.5);
    EXPECT_EQ(use.throttled, 2.5);
    EXPECT_EQ(use.killed, 1);
    EXPECT_DOUBLE_EQ(use.pressure->cpu, 0.125);
    EXPECT_DOUBLE_EQ(use.pressure->io, 0.03);
    EXPECT_FALSE(use.pids);
}

TEST_F(Groups, that_are_not_there_count_nothing) {
    GroupCounters counters;
    counters.memory = path("gone");
    const GroupUse use = GroupUseReader(counters).read();
    EXPECT_FALSE(use.memory || use.swap || use.pids || use.cpus || use.pressure);
    EXPECT_EQ(killed_words(use), "");
    EXPECT_TRUE(use_lines(use).empty());
}

}  // namespace
}  // namespace lodge
