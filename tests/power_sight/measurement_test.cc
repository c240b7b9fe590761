#include "power/measurement.h"

#include <gtest/gtest.h>

#include "power/power_config.h"
#include "tests/power_sight/root.h"

namespace lodge {
namespace {

using namespace std::chrono_literals;

TEST(Measurement, tells_a_difference_from_noise) {
    const auto before = summarize({10.0, 10.2, 9.8, 10.1, 9.9, 10.0});
    const auto less = summarize({9.0, 9.2, 8.8, 9.1, 8.9, 9.0});
    const auto same = summarize({9.95, 10.2, 9.7, 10.1, 9.85, 9.9});
    ASSERT_TRUE(before && less && same);
    EXPECT_NEAR(before->watts, 10.0, 1e-9);
    EXPECT_NEAR(before->spread, 0.1414, 1e-3);
    EXPECT_TRUE(compare(*before, *less).proven);
    EXPECT_NEAR(compare(*before, *less).saved, 1.0, 1e-9);
    EXPECT_FALSE(compare(*before, *same).proven);
    EXPECT_FALSE(compare(*less, *before).proven) << "more is no saving";
    EXPECT_FALSE(compare({10, 0, 1}, {5, 0, 1}).proven) << "one block tells nothing";
    EXPECT_FALSE(summarize({}));
    EXPECT_EQ(verdict_words(compare(*before, *less)).substr(0, 11), "1.00 W less");
}

// A machine whose time a test lets pass; its package takes `watts`.
class Measuring : public testing::Test {
  protected:
    Measuring() {
        pace.now = [this] { return now; };
        pace.wait = [this](std::chrono::milliseconds time) {
            now += time;
            energy += static_cast<uint64_t>(watts * 1e3 * static_cast<double>(time.count()));
            ++waits;
            if (at_wait) at_wait();
            if (rapl) root.put(folder + "/energy_uj", std::to_string(energy % range) + "\n");
        };
    }
    void has_rapl() {
        rapl = true;
        root.put(folder + "/name", "package-0\n");
        root.put(folder + "/max_energy_range_uj", std::to_string(range) + "\n");
        root.put(folder + "/energy_uj", std::to_string(energy % range) + "\n");
    }
    std::optional<Measurement> measure(int seconds = 60) {
        return measure_watts(root.host, config, seconds, meter, pace);
    }

    static constexpr uint64_t range = 262143328850;
    const std::string folder = "/sys/class/powercap/intel-rapl:0";
    PowerRoot root;
    PowerConfig config;
    MeterName meter;
    MeasurePace pace;
    MeasurePace::Time now{100h};
    std::function<void()> at_wait;
    double watts = 10;
    uint64_t energy = range - 25000000;  // begins anew in the third second
    int waits = 0;
    bool rapl = false;
};

TEST_F(Measuring, takes_the_mean_of_blocks) {
    has_rapl();
    at_wait = [this] { watts = waits % 10 < 5 ? 9 : 11; };
    const auto measured = measure();
    ASSERT_TRUE(measured);
    EXPECT_NEAR(measured->watts, 10, 0.05);
    EXPECT_GT(measured->spread, 0.5);
    EXPECT_EQ(measured->blocks, 12);
    EXPECT_EQ(meter.source, "RAPL intel-rapl:0");
    EXPECT_FALSE(meter.whole);
    EXPECT_EQ(waits, 61);
}

TEST_F(Measuring, takes_the_meter_that_tells_the_most) {
    has_rapl();
    root.put("/sys/class/hwmon/hwmon3/name", "power_meter\n");
    root.put("/sys/class/hwmon/hwmon3/power1_average", "23500000\n");
    EXPECT_NEAR(measure().value_or(Measurement{}).watts, 23.5, 1e-6);
    EXPECT_TRUE(meter.whole);
}

TEST_F(Measuring, never_compares_two_meters) {
    has_rapl();
    ASSERT_TRUE(measure());
    // A better one comes: the measurements before were by the other.
    root.put("/sys/class/hwmon/hwmon3/name", "power_meter\n");
    root.put("/sys/class/hwmon/hwmon3/power1_average", "23500000\n");
    EXPECT_NEAR(measure().value_or(Measurement{}).watts, 10, 0.01);
    // The one that was chosen goes.
    rapl = false;
    root.remove(folder);
    EXPECT_FALSE(measure());
}

TEST_F(Measuring, a_figure_that_was_typed_in_measures_nothing) {
    config.watts = 12;
    EXPECT_FALSE(measure());
    EXPECT_EQ(meter.source, "");
}

TEST_F(Measuring, each_answer_of_a_persons_command_is_a_block) {
    config.watts_command = "echo 17.5 W";
    const auto measured = measure();
    ASSERT_TRUE(measured);
    EXPECT_DOUBLE_EQ(measured->watts, 17.5);
    EXPECT_EQ(measured->blocks, 6);
    EXPECT_TRUE(meter.whole && meter.slow);
}

}  // namespace
}  // namespace lodge
