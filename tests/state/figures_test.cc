#include "engine/state/figures.h"

#include <gtest/gtest.h>

namespace lodge {
namespace {

using namespace std::chrono_literals;

TEST(Figures, of_a_process_whatever_its_name) {
    const auto figures =
        process_figures("42 (a) S 1) R 1 1 1 0 -1 0 0 0 0 0 150 50 0 0 20 0 5 0 50000 1 1\n");
    ASSERT_TRUE(figures.has_value());
    EXPECT_EQ(figures->state, 'R');
    EXPECT_EQ(figures->ticks, 200u);
    EXPECT_FALSE(process_figures("").has_value());
    EXPECT_FALSE(process_figures("42 (qemu) S 1 1").has_value());
}

TEST(Figures, of_what_a_process_reads_and_writes) {
    const auto io = io_figures(
        "rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 4096\nwrite_bytes: 8192\n"
        "cancelled_write_bytes: 5\n");
    ASSERT_TRUE(io.has_value());
    EXPECT_EQ(io->read, 4096u);
    EXPECT_EQ(io->written, 8192u);
    EXPECT_FALSE(io_figures("").has_value());
}

TEST(Figures, of_processors) {
    const auto before = cpu_figures("cpu  100 0 0 900 0 0 0 0 50 0\ncpu0 1 1 1 1\nintr 5\n");
    ASSERT_EQ(before.size(), 2u);
    EXPECT_EQ(before[0].all, 1000u);
    EXPECT_EQ(before[0].busy, 100u);
    const auto now = cpu_figures("cpu  150 0 0 940 10 0 0 0 90 0\n");
    EXPECT_DOUBLE_EQ(busy_share(before[0], now[0]), 0.5);
    EXPECT_EQ(busy_share(now[0], before[0]), 0);
}

TEST(Figures, of_memory) {
    const auto memory = memory_figures(
        "MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:    400 kB\nSwapTotal: 10 kB\n"
        "SwapFree: 4 kB\n");
    EXPECT_EQ(memory.total, 1000 * 1024);
    EXPECT_EQ(memory.available, 400 * 1024);
    EXPECT_EQ(memory.swap_free, 4 * 1024);
    EXPECT_EQ(memory_figures("").total, 0);
}

TEST(Figures, of_links) {
    const auto links = link_figures(
        "Inter-|\n face |\n    lo:    3267      29    0    0    0     0          0         0     "
        "3268      29    0    0    0     0       0          0\neth0:12 1 0 0 0 0 0 0 34 "
        "1\nrubbish\n");
    ASSERT_EQ(links.size(), 2u);
    EXPECT_EQ(links[0].name, "lo");
    EXPECT_EQ(links[0].received, 3267u);
    EXPECT_EQ(links[0].sent, 3268u);
    EXPECT_EQ(links[1].name, "eth0");
    EXPECT_EQ(links[1].received, 12u);
    EXPECT_EQ(links[1].sent, 34u);
}

TEST(Figures, of_disks) {
    const auto disks = disk_figures(
        " 254       0 vda 19117 67 1500 6000 19990 8999 700 18000 0 14084 24100 0 0 0 0 1 2\n");
    ASSERT_EQ(disks.size(), 1u);
    EXPECT_EQ(disks[0].name, "vda");
    EXPECT_EQ(disks[0].read, 1500u * 512);
    EXPECT_EQ(disks[0].written, 700u * 512);
    EXPECT_EQ(disks[0].busy, 14084u);
}

TEST(Figures, of_pressure) {
    EXPECT_DOUBLE_EQ(*pressure_figure("some avg10=64.76 avg60=1 avg300=1 total=5\n"), 0.6476);
    EXPECT_FALSE(pressure_figure("").has_value());
}

TEST(Meter, makes_rates_and_invents_none) {
    Meter meter;
    const Meter::Time start = std::chrono::steady_clock::now();
    EXPECT_FALSE(meter.rate(1000, start).has_value());
    EXPECT_EQ(meter.rate(3000, start + 2s), 1000.0);
    EXPECT_EQ(meter.rate(9000, start + 2100ms), 1000.0);  // too soon after: as it was
    EXPECT_EQ(meter.rate(9000, start + 5s), 2000.0);
    EXPECT_FALSE(meter.rate(10, start + 6s).has_value());  // began anew
    EXPECT_EQ(meter.rate(20, start + 7s), 10.0);
}

TEST(TickMeter, is_steady_and_quick) {
    TickMeter meter(0.01);
    TickMeter::Time now{};
    double counter = 0;
    const auto look = [&](int ticks) {
        now += std::chrono::seconds(1);
        counter += ticks * 0.01;
        return meter.rate(counter, now).value_or(-1);
    };
    EXPECT_EQ(look(0), -1);
    look(1);
    // One tick a second, give or take one: what is shown settles and then stays.
    for (int round = 0; round < 5; ++round)
        for (const int ticks : {2, 0, 1, 1})
            look(ticks);
    const double settled = look(1);
    EXPECT_NEAR(settled, 0.01, 0.0021);
    EXPECT_DOUBLE_EQ(look(2), settled);
    EXPECT_DOUBLE_EQ(look(0), settled);
    // Work that begins is seen at once, and so is its end.
    EXPECT_NEAR(look(90), 0.9, 1e-9);
    EXPECT_NEAR(look(0), 0, 1e-9);
    // A counter that began anew belongs to another process.
    counter = -0.01;
    EXPECT_EQ(look(0), -1);
}

TEST(TickMeter, nothing_for_long_is_nothing) {
    TickMeter meter(0.01);
    TickMeter::Time now{};
    double counter = 0;
    for (int second = 0; second < 60; ++second)
        meter.rate(counter += second < 20 ? 0.01 : 0, now += std::chrono::seconds(1));
    EXPECT_EQ(meter.rate(counter, now + std::chrono::seconds(1)), 0);
}

}  // namespace
}  // namespace lodge
