#include "power/meter.h"

#include <gtest/gtest.h>

#include <thread>

#include "power/cost.h"
#include "power/outside_meter.h"
#include "tests/power_sight/root.h"

namespace lodge {
namespace {

using namespace std::chrono_literals;
using Time = std::chrono::steady_clock::time_point;

const Time start{100h};

TEST(EnergyCounter, watts_are_joules_a_second) {
    EnergyCounter counter(262143328850);
    EXPECT_FALSE(counter.watts(1000000, start));
    EXPECT_DOUBLE_EQ(*counter.watts(21000000, start + 2s), 10.0);
    // A look too soon after the one before changes nothing.
    EXPECT_DOUBLE_EQ(*counter.watts(99000000, start + 2100ms), 10.0);
    EXPECT_DOUBLE_EQ(*counter.watts(36000000, start + 5s), 5.0);
}

TEST(EnergyCounter, goes_round_at_its_range) {
    EnergyCounter counter(262143000000);
    counter.watts(262140000000, start);
    EXPECT_DOUBLE_EQ(*counter.watts(17000000, start + 2s), 10.0);
    // Exactly at the range, and at nothing.
    counter = EnergyCounter(65532610987);
    counter.watts(65532610987 - 20000000, start);
    EXPECT_DOUBLE_EQ(*counter.watts(0, start + 1s), 20.0);
}

TEST(EnergyCounter, tells_nothing_where_it_may_have_gone_round_twice) {
    // 65.5 kJ: at 1500 W round in 44 s.
    EnergyCounter counter(65532610987);
    counter.watts(60000000000, start);
    EXPECT_FALSE(counter.watts(1000000, start + 50s));
    EXPECT_DOUBLE_EQ(*counter.watts(11000000, start + 51s), 10.0);
    EXPECT_FALSE(counter.watts(21000000, start + 200s));
}

TEST(EnergyCounter, a_counter_that_was_set_back_is_no_watts) {
    EnergyCounter unknown(0);
    unknown.watts(5000000, start);
    EXPECT_FALSE(unknown.watts(1000000, start + 1s));
    // After a sleep of the machine it begins anew: what it seems to have used no machine takes.
    EnergyCounter counter(262143000000);
    counter.watts(100000000, start);
    EXPECT_FALSE(counter.watts(0, start + 1s));
}

class Meters : public testing::Test {
  protected:
    void rapl(const std::string& zone, const std::string& name, const std::string& energy) {
        const std::string folder = "/sys/class/powercap/" + zone;
        root.put(folder + "/name", name + "\n");
        root.put(folder + "/max_energy_range_uj", "262143328850\n");
        root.put(folder + "/energy_uj", energy + "\n");
    }
    const WattView* find(const std::string& source) {
        for (const WattView& view : views)
            if (view.source == source) return &view;
        return nullptr;
    }
    void look() {
        now += 1s;
        views = meters.read(now);
    }
    std::optional<double> best() {
        const auto place = meters.best();
        return place ? views[*place].watts : std::nullopt;
    }

    PowerRoot root;
    PowerMeters meters{root.host};
    std::vector<WattView> views;
    Time now = start;
};

TEST_F(Meters, nothing_measures) {
    look();
    EXPECT_TRUE(views.empty());
    EXPECT_FALSE(meters.watts(now));
    EXPECT_EQ(meters.why_none(),
              "no watts: nothing here measures (no RAPL, no power meter, no battery)");
}

TEST_F(Meters, packages_and_memory_are_added_their_parts_are_not) {
    rapl("intel-rapl:0", "package-0", "1000000");
    rapl("intel-rapl:0:0", "core", "1000000");
    rapl("intel-rapl:0:1", "dram", "1000000");
    rapl("intel-rapl:1", "package-1", "1000000");
    rapl("intel-rapl-mmio:0", "package-0", "1000000");
    look();
    EXPECT_FALSE(best());
    EXPECT_EQ(meters.why_none(), "");  // it will
    rapl("intel-rapl:0", "package-0", "9000000");
    rapl("intel-rapl:0:0", "core", "6000000");
    rapl("intel-rapl:0:1", "dram", "3000000");
    rapl("intel-rapl:1", "package-1", "5000000");
    rapl("intel-rapl-mmio:0", "package-0", "90000000");
    look();
    EXPECT_DOUBLE_EQ(find("RAPL intel-rapl:0")->watts.value(), 8);
    EXPECT_EQ(find("RAPL intel-rapl:1")->name, "CPU package 1");
    EXPECT_DOUBLE_EQ(find("RAPL intel-rapl:0:0")->watts.value(), 5);
    EXPECT_EQ(find("RAPL intel-rapl-mmio:0"), nullptr);
    EXPECT_DOUBLE_EQ(best().value(), 14);
    EXPECT_EQ(views[*meters.best()].name, "all CPU packages and memory");
}

TEST_F(Meters, one_that_cannot_be_read_says_so) {
    rapl("intel-rapl:0", "package-0", "1");
    root.remove("/sys/class/powercap/intel-rapl:0/energy_uj");
    // No file that even root may read.
    root.host.make_folder(root.host.system("/sys/class/powercap/intel-rapl:0/energy_uj"));
    look();
    look();
    EXPECT_FALSE(best());
    EXPECT_EQ(meters.why_none(), "no watts: RAPL intel-rapl:0: the kernel does not give it");
}

TEST_F(Meters, a_meter_of_the_firmware_goes_before_the_processors) {
    rapl("intel-rapl:0", "package-0", "1000000");
    // An old driver: its files are in the device's folder (acpi_power_meter.c of 6.1).
    root.put("/sys/class/hwmon/hwmon3/device/name", "power_meter\n");
    root.put("/sys/class/hwmon/hwmon3/device/power1_average", "9500000\n");
    look();
    rapl("intel-rapl:0", "package-0", "5000000");
    root.put("/sys/class/hwmon/hwmon3/device/power1_average", "31250000\n");
    look();
    EXPECT_DOUBLE_EQ(best().value(), 31.25);
    EXPECT_EQ(views[*meters.best()].covers, WattView::Covers::machine);
    // It vanishes: the processors' are still there.
    root.remove("/sys/class/hwmon/hwmon3");
    rapl("intel-rapl:0", "package-0", "9000000");
    now += 60s;
    look();
    rapl("intel-rapl:0", "package-0", "13000000");
    look();
    EXPECT_DOUBLE_EQ(best().value(), 4);
}

TEST_F(Meters, a_part_is_never_the_machine) {
    root.put("/sys/class/hwmon/hwmon0/name", "amdgpu\n");
    root.put("/sys/class/hwmon/hwmon0/power1_label", "PPT\n");
    root.put("/sys/class/hwmon/hwmon0/power1_average", "7000000\n");
    look();
    ASSERT_EQ(views.size(), 1u);
    EXPECT_DOUBLE_EQ(views[0].watts.value(), 7);
    EXPECT_FALSE(best());
}

TEST_F(Meters, a_chip_of_a_device_that_sleeps_is_not_read) {
    root.link("/sys/devices/pci0000:00/0000:03:00.0/subsystem", "../../../bus/pci");
    root.put("/sys/devices/pci0000:00/0000:03:00.0/power/runtime_status", "suspended\n");
    root.put("/sys/devices/pci0000:00/0000:03:00.0/hwmon/hwmon0/name", "amdgpu\n");
    root.put("/sys/devices/pci0000:00/0000:03:00.0/hwmon/hwmon0/power1_average", "7000000\n");
    root.link("/sys/devices/pci0000:00/0000:03:00.0/hwmon/hwmon0/device", "../..");
    root.link("/sys/class/hwmon/hwmon0", "../../devices/pci0000:00/0000:03:00.0/hwmon/hwmon0");
    look();
    ASSERT_EQ(views.size(), 1u);
    EXPECT_FALSE(views[0].watts);
    EXPECT_EQ(views[0].trouble, "asleep, not read");
    root.put("/sys/devices/pci0000:00/0000:03:00.0/power/runtime_status", "active\n");
    look();
    EXPECT_DOUBLE_EQ(views[0].watts.value_or(0), 7);
}

TEST_F(Meters, a_battery_tells_while_it_empties) {
    const std::string folder = "/sys/class/power_supply/BAT0";
    root.put(folder + "/type", "Battery\n");
    root.put(folder + "/status", "Charging\n");
    root.put(folder + "/current_now", "1500000\n");
    root.put(folder + "/voltage_now", "12000000\n");
    root.put("/sys/class/power_supply/AC/type", "Mains\n");
    root.put("/sys/class/power_supply/hidpp_battery_0/type", "Battery\n");
    root.put("/sys/class/power_supply/hidpp_battery_0/scope", "Device\n");
    look();
    EXPECT_FALSE(best());
    EXPECT_EQ(meters.why_none(), "no watts: battery BAT0: only known while it empties");
    root.put(folder + "/status", "Discharging\n");
    look();
    EXPECT_DOUBLE_EQ(best().value(), 18);
    ASSERT_EQ(views.size(), 1u);
}

TEST_F(Meters, a_figure_that_was_typed_in_is_not_measured) {
    PowerConfig config;
    config.watts = 12.5;
    meters.configure(config);
    look();
    ASSERT_EQ(views.size(), 1u);
    EXPECT_FALSE(views[0].measured);
    EXPECT_FALSE(best());
    EXPECT_FALSE(meters.watts(now + 1s));
}

TEST_F(Meters, a_command_is_asked_aside) {
    PowerConfig config;
    config.watts_command = "echo 41.5 W";
    meters.configure(config);
    look();
    for (int i = 0; i < 2000 && !best(); ++i) {
        std::this_thread::sleep_for(5ms);
        now += 500ms;
        views = meters.read(now);
    }
    EXPECT_DOUBLE_EQ(best().value(), 41.5);
    EXPECT_EQ(views[*meters.best()].source, "command");
}

TEST(OutsideMeter, what_it_says_and_does_not_say) {
    const auto trouble = [](const std::string& command) {
        OutsideMeter meter(command);
        meter.ask_and_wait();
        EXPECT_FALSE(meter.watts());
        return meter.trouble();
    };
    EXPECT_EQ(trouble("echo lots"), "the command said 'lots', which is no number of watts");
    EXPECT_EQ(trouble("echo no route >&2; exit 3"), "the command ended with status 3: no route");
    EXPECT_EQ(trouble("printf '\\033[2J7'"),
              "the command said '\\x1B[2J7', which is no number of watts");
    OutsideMeter meter("echo 9500 mW");
    meter.ask_and_wait();
    EXPECT_DOUBLE_EQ(meter.watts().value(), 9.5);
    EXPECT_EQ(meter.trouble(), "");
}

TEST(Cost, of_a_day_and_a_month) {
    PowerConfig config;
    EXPECT_FALSE(cost_of(10, 60, true, config).month);
    config.tariff = 0.30;
    const CostView cost = cost_of(10, 60, true, config);
    EXPECT_DOUBLE_EQ(cost.kwh_day, 0.24);
    EXPECT_DOUBLE_EQ(cost.month.value(), 0.24 * 365 / 12 * 0.30);
}

TEST(Cost, the_mean_weighs_by_time_and_leaves_out_what_was_not_seen) {
    MeanWatts mean;
    EXPECT_EQ(mean.watts(), 0);
    mean.add(10, 30);
    mean.add(20, 10);
    mean.add(500, 3600);
    EXPECT_DOUBLE_EQ(mean.watts(), 12.5);
    EXPECT_DOUBLE_EQ(mean.seconds(), 40);
}

TEST(Cost, shares_add_up) {
    Seen seen;
    seen.host.cpus = 4;
    seen.host.cpu = 0.5;  // two CPUs
    for (const auto& [id, cpu] : {std::pair(101, 0.5), std::pair(102, 1.0)}) {
        auto guest = std::make_shared<Guest>();
        guest->id = id;
        GuestView view;
        view.guest = guest;
        view.cpu = cpu;
        view.sighting.state = GuestState::running;
        seen.guests.push_back(view);
    }
    auto shares = energy_shares(seen, 20);
    ASSERT_EQ(shares.size(), 3u);
    EXPECT_EQ(shares[0].guest, 102);
    EXPECT_DOUBLE_EQ(shares[0].watts, 10);
    EXPECT_DOUBLE_EQ(shares[1].watts, 5);
    EXPECT_EQ(shares[2].guest, 0);
    EXPECT_DOUBLE_EQ(shares[2].watts, 5);
    // The guests' time is counted a little later than the machine's: never more than all.
    seen.host.cpu = 0.2;
    shares = energy_shares(seen, 20);
    EXPECT_DOUBLE_EQ(shares[0].share + shares[1].share, 1);
    EXPECT_DOUBLE_EQ(shares[2].watts, 0);
    // Nobody is busy.
    seen.guests.clear();
    seen.host.cpu = 0;
    shares = energy_shares(seen, 20);
    ASSERT_EQ(shares.size(), 1u);
    EXPECT_DOUBLE_EQ(shares[0].watts, 20);
}

}  // namespace
}  // namespace lodge
