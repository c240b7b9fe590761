#include "power/heat.h"

#include <gtest/gtest.h>

#include <map>

#include "engine/cgroup.h"
#include "engine/error.h"
#include "power/guest_weights.h"
#include "power/power_config.h"
#include "tests/power_sight/root.h"

namespace lodge {
namespace {

using namespace std::chrono_literals;
using Time = std::chrono::steady_clock::time_point;

const Time start{100h};

TEST(HeatSwitch, has_hysteresis) {
    HeatSwitch heat(85, 75);
    EXPECT_FALSE(heat.feel(84.9));
    EXPECT_TRUE(heat.feel(85));
    EXPECT_TRUE(heat.feel(76));
    EXPECT_TRUE(heat.feel(75));
    EXPECT_TRUE(heat.feel(std::nullopt));  // a sensor that is gone for a moment
    EXPECT_FALSE(heat.feel(74.9));
    EXPECT_FALSE(heat.feel(80));
    EXPECT_FALSE(heat.feel(std::nullopt));
}

class Heat : public testing::Test {
  protected:
    void counts(int core, int package) {
        for (const char* cpu : {"cpu0", "cpu1"}) {
            const std::string folder = std::string("/sys/devices/system/cpu/") + cpu;
            root.put(folder + "/thermal_throttle/core_throttle_count", fmt::format("{}\n", core));
            root.put(folder + "/thermal_throttle/package_throttle_count",
                     fmt::format("{}\n", package));
            root.put(folder + "/topology/physical_package_id", "0\n");
        }
    }
    HeatView look() {
        now += 3s;
        PowerView view;
        heat.look(view, seen, {}, now);
        return view.heat;
    }
    void degrees(double value) {
        SensorView sensor;
        sensor.value = value;
        sensor.high = 100;
        seen.host.hottest = sensor;
    }

    PowerRoot root;
    HeatLook heat{root.host};
    Seen seen;
    Time now = start;
};

TEST_F(Heat, warns_before_and_while) {
    counts(3, 5);
    degrees(80);
    HeatView view = look();
    EXPECT_EQ(view.warning, "");
    EXPECT_EQ(view.throttled, 11);  // the package's once
    EXPECT_EQ(view.limit, 100);
    degrees(95);
    EXPECT_EQ(look().warning, "95 C is near to the 100 C from which on it is slowed down");
    counts(4, 5);
    EXPECT_EQ(look().warning, "the processor is slowed down by its heat");
    now += 20s;
    degrees(80);
    EXPECT_EQ(look().warning, "");
    root.put("/sys/class/thermal/cooling_device0/type", "Processor\n");
    root.put("/sys/class/thermal/cooling_device0/cur_state", "3\n");
    EXPECT_EQ(look().warning, "the kernel slows the processor down (Processor)");
}

TEST_F(Heat, a_machine_without_any) {
    const HeatView view = look();
    EXPECT_FALSE(view.now);
    EXPECT_EQ(view.throttled, 0);
    EXPECT_EQ(view.warning, "");
}

TEST(PowerConfig, is_read_with_what_is_wrong_told) {
    const PowerConfig config = parse_power_config(
        "# mine\n\ntariff: 0.32\ncurrency: CHF\nwatts: 9500 mW\nwatts-command: curl -s x | jq .p\n"
        "heat-above: 85\nheat-weight: 30\ncolour: red\nnonsense\nheat-below: hot\n");
    EXPECT_EQ(config.tariff, 0.32);
    EXPECT_EQ(config.currency, "CHF");
    EXPECT_EQ(config.watts, 9.5);
    EXPECT_EQ(config.watts_command, "curl -s x | jq .p");
    ASSERT_TRUE(config.heat);
    EXPECT_EQ(config.heat->below, 75);
    EXPECT_EQ(config.heat->weight, 30);
    EXPECT_EQ(config.problems, (std::vector<std::string>{
                                   "power.cfg:9: colour: red: no key of this file",
                                   "power.cfg:10: nonsense: a line is 'key: value'",
                                   "power.cfg:11: heat-below: hot: a temperature from 20 to 120"}));
    EXPECT_EQ(heat_rule_words(*config.heat),
              "from 85 C on the guests' CPU weight is 30, until it is below 75 C");
    EXPECT_FALSE(parse_power_config("heat-below: 70\n").heat);
}

TEST(PowerConfig, is_changed_without_losing_anything) {
    const std::string text = "# mine\ntariff: 0.32\n\nunknown: x\ntariff: 0.99\n";
    EXPECT_EQ(with_power_key(text, "tariff", "0.4"), "# mine\ntariff: 0.4\n\nunknown: x\n");
    EXPECT_EQ(with_power_key(text, "tariff", ""), "# mine\n\nunknown: x\n");
    EXPECT_EQ(with_power_key("", "watts", "12 W"), "watts: 12 W\n");
    EXPECT_THROW(with_power_key(text, "tarif", "1"), Error);
    EXPECT_THROW(with_power_key(text, "watts", "many"), Error);
    EXPECT_THROW(with_power_key(text, "watts-command", "a\nb"), Error);
}

TEST(Watts, as_people_and_programs_write_them) {
    EXPECT_EQ(parse_watts("12.5"), 12.5);
    EXPECT_EQ(parse_watts(" 12.5 W\n"), 12.5);
    EXPECT_EQ(parse_watts("9500mW"), 9.5);
    EXPECT_EQ(parse_watts("0.2 kW"), 200);
    for (const char* wrong : {"", "W", "-3", "1e9", "12 apples", "12 13", "nan"})
        EXPECT_FALSE(parse_watts(wrong)) << wrong;
}

// A machine whose guests have control groups, as systemd or Lodge itself makes them.
class Weights : public testing::Test {
  protected:
    Weights() {
        root.put("/proc/self/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n");
        group = guests_group(root.host);
        guest(101, 4001, "/" + group + "/101", "", "100");
        guest(102, 4002, "/system.slice/" + group + "-102.scope", "", "200");
        guest(103, 4003, "/" + group + "/103", ".monitor", "100");
    }
    void guest(int id, int pid, const std::string& folder, const std::string& below,
               const std::string& weight) {
        root.put(fmt::format("/proc/{}/cgroup", pid), "0::" + folder + below + "\n");
        files[id] = "/sys/fs/cgroup" + folder + "/cpu.weight";
        root.put(files[id], weight + "\n");
    }
    std::string weight(int id) { return root.host.read_line(root.host.system(files[id])); }

    PowerRoot root;
    std::string group;
    std::map<int, std::string> files;
    const std::vector<std::pair<int, pid_t>> guests = {{101, 4001}, {102, 4002}, {103, 4003}};
};

TEST_F(Weights, are_lowered_and_put_back) {
    GuestWeights weights(root.host);
    EXPECT_TRUE(weights.lower(guests, 20).empty());
    EXPECT_TRUE(weights.lower(guests, 20).empty());
    for (const int id : {101, 102, 103})
        EXPECT_EQ(weight(id), "20") << id;
    weights.put_back();
    EXPECT_EQ(weight(101), "100");
    EXPECT_EQ(weight(102), "200");
    EXPECT_EQ(weight(103), "100");
    EXPECT_FALSE(weights.lowered());
    // A process deep inside the guest's own groups.
    root.put("/proc/4003/cgroup", "0::/" + group + "/103/ns/init.scope\n");
    weights.lower({{103, 4003}}, 20);
    EXPECT_EQ(weight(103), "20");
}

TEST_F(Weights, are_put_back_by_who_comes_after_a_crash) {
    { GuestWeights(root.host).lower(guests, 20); }
    GuestWeights after(root.host);
    EXPECT_TRUE(after.lowered());
    after.put_back();
    EXPECT_EQ(weight(102), "200");
    EXPECT_FALSE(GuestWeights(root.host).lowered());
}

TEST_F(Weights, of_others_are_let_alone) {
    root.put(files[101], "10\n");  // lower already: never raised
    GuestWeights weights(root.host);
    weights.lower(guests, 20);
    EXPECT_EQ(weight(101), "10");
    root.put(files[102], "55\n");                     // somebody has changed it meanwhile
    root.remove("/sys/fs/cgroup/" + group + "/103");  // the guest has ended
    weights.put_back();
    EXPECT_EQ(weight(101), "10");
    EXPECT_EQ(weight(102), "55");
}

TEST_F(Weights, of_a_guest_without_a_group) {
    root.put("/proc/4004/cgroup", "0::/user.slice\n");
    GuestWeights weights(root.host);
    EXPECT_EQ(weights.lower({{104, 4004}, {105, 4005}}, 20),
              (std::vector<std::string>{"guest 104 has no control group with a CPU weight",
                                        "guest 105 has no control group with a CPU weight"}));
}

TEST_F(Weights, of_version_1) {
    root.put("/proc/self/mounts", "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n");
    root.put("/proc/4001/cgroup", "5:memory:/x\n4:cpu,cpuacct:/" + group + "/101\n0::/\n");
    const std::string shares = "/sys/fs/cgroup/cpu,cpuacct/" + group + "/101/cpu.shares";
    root.put(shares, "1024\n");
    GuestWeights(root.host).lower({{101, 4001}}, 20);
    EXPECT_EQ(root.host.read_line(root.host.system(shares)), "204");
}

}  // namespace
}  // namespace lodge
