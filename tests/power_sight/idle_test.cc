#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "power/blockers.h"
#include "power/residency.h"
#include "power/senses.h"
#include "tests/power_sight/root.h"

namespace lodge {
namespace {

using namespace std::chrono_literals;
using Time = std::chrono::steady_clock::time_point;
using Kind = BlockerView::Kind;

const Time start{100h};

class Idle : public testing::Test {
  protected:
    void cpu(int number, uint64_t c1, uint64_t c6) const {
        const std::string folder =
            "/sys/devices/system/cpu/cpu" + std::to_string(number) + "/cpuidle/state";
        const auto state = [&](int place, const char* name, const char* about, const char* latency,
                               uint64_t time) {
            const std::string at = folder + std::to_string(place);
            root.put(at + "/name", std::string(name) + "\n");
            root.put(at + "/desc", std::string(about) + "\n");
            root.put(at + "/latency", std::string(latency) + "\n");
            root.put(at + "/disable", "0\n");
            root.put(at + "/time", std::to_string(time) + "\n");
        };
        state(0, "POLL", "CPUIDLE CORE POLL IDLE", "0", 0);
        state(1, "C1", "MWAIT 0x00", "1", c1);
        state(2, "C6", "MWAIT 0x20", "127", c6);
    }
    PowerView look() {
        now += 2s;
        PowerView view;
        cores.look(view, now);
        return view;
    }

    PowerRoot root;
    CoreIdle cores{root.host};
    Time now = start;
};

TEST_F(Idle, shares_of_the_cores) {
    root.put("/sys/devices/system/cpu/online", "0-1\n");
    root.put("/sys/devices/system/cpu/cpuidle/current_driver", "intel_idle\n");
    cpu(0, 1000, 5000);
    cpu(1, 1000, 5000);
    PowerView view = look();
    ASSERT_EQ(view.idle.size(), 3u);  // without C0: nothing is known yet
    EXPECT_FALSE(view.idle[2].share);
    EXPECT_EQ(view.deepest, "");
    cpu(0, 1000 + 200000, 5000 + 1600000);
    cpu(1, 1000 + 400000, 5000 + 1200000);
    view = look();
    ASSERT_EQ(view.idle.size(), 4u);
    EXPECT_EQ(view.idle[0].name, "C0");
    EXPECT_NEAR(*view.idle[0].share, 0.15, 1e-9);
    EXPECT_NEAR(*view.idle[2].share, 0.15, 1e-9);
    EXPECT_NEAR(*view.idle[3].share, 0.70, 1e-9);
    EXPECT_EQ(view.idle[3].latency, 127);
    EXPECT_EQ(view.deepest, "C6");
    EXPECT_EQ(view.idle_driver, "intel_idle");
}

TEST_F(Idle, a_cpu_that_goes_offline_and_comes_back) {
    root.put("/sys/devices/system/cpu/online", "0-1\n");
    cpu(0, 0, 0);
    cpu(1, 0, 0);
    look();
    root.put("/sys/devices/system/cpu/online", "0\n");
    cpu(0, 0, 2000000);
    EXPECT_NEAR(*look().idle[3].share, 1, 1e-9);
    // Its counters stood still: the first look after it came back counts for nothing.
    root.put("/sys/devices/system/cpu/online", "0-1\n");
    cpu(0, 0, 4000000);
    EXPECT_NEAR(*look().idle[3].share, 1, 1e-9);
}

TEST_F(Idle, a_state_that_vanishes_while_it_is_read) {
    root.put("/sys/devices/system/cpu/online", "0\n");
    cpu(0, 0, 0);
    look();
    root.remove("/sys/devices/system/cpu/cpu0/cpuidle/state2");
    EXPECT_TRUE(look().idle.empty());
    EXPECT_EQ(look().idle.size(), 2u);  // with what is left, from the beginning
}

TEST_F(Idle, many_cpus_are_seen_in_turn) {
    root.put("/sys/devices/system/cpu/online", "0-255\n");
    for (int i = 0; i < 256; ++i)
        cpu(i, 0, 0);
    for (int i = 0; i < 8; ++i)
        look();
    for (int i = 0; i < 256; ++i)
        cpu(i, 0, 16000000);  // eight looks are sixteen seconds
    PowerView view;
    for (int i = 0; i < 8; ++i)
        view = look();
    EXPECT_NEAR(*view.idle[3].share, 1, 1e-9);
}

TEST_F(Idle, why_there_is_nothing) {
    EXPECT_EQ(look().no_idle, "no idle states: the kernel has no cpuidle driver for this machine");
    root.put("/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu vmx hypervisor lahf_lm\n");
    EXPECT_EQ(look().no_idle, "no idle states: a virtual machine leaves them to its host");
    PowerView view;
    Frequencies(root.host).look(view);
    EXPECT_EQ(view.no_frequencies, "no frequencies: a virtual machine leaves them to its host");
    EXPECT_EQ(package_counters(root.host)->trouble(),
              "no package idle states: a virtual machine leaves them to its host");
    root.put("/proc/cpuinfo", "vendor_id\t: AuthenticAMD\nflags\t\t: fpu svm\n");
    EXPECT_EQ(package_counters(root.host)->trouble(),
              "no package idle states: only Intel's processors count them");
    root.put("/proc/cpuinfo", "vendor_id\t: GenuineIntel\nflags\t\t: fpu vmx\n");
    EXPECT_EQ(package_counters(root.host)->trouble(),
              "no package idle states: the module intel_cstate is not loaded (modprobe "
              "intel_cstate)");
}

class FakePackages : public PackageCounters {
  public:
    explicit FakePackages(const Reading& reading) : reading_(reading) {}
    Reading read() override { return reading_; }
    std::string source() const override { return "test"; }
    std::string trouble() const override { return ""; }

  private:
    const Reading& reading_;
};

TEST(Packages, shares_of_the_clock) {
    PackageCounters::Reading reading{{{"PC2", 100}, {"PC6", 0}, {"PC8", 0}}, 1000};
    PackageIdle idle(std::make_unique<FakePackages>(reading));
    PowerView view;
    idle.look(view);
    ASSERT_EQ(view.packages.size(), 3u);
    EXPECT_FALSE(view.packages[0].share);
    reading = {{{"PC2", 300}, {"PC6", 500}, {"PC8", 0}}, 2000};
    view = PowerView();
    idle.look(view);
    EXPECT_DOUBLE_EQ(view.packages[0].share.value(), 0.2);
    EXPECT_DOUBLE_EQ(view.packages[1].share.value(), 0.5);
    EXPECT_EQ(view.deepest_package, "PC6");
    // The clock was set back with the counters: a sleep.
    reading = {{{"PC2", 0}, {"PC6", 0}, {"PC8", 0}}, 10};
    view = PowerView();
    idle.look(view);
    EXPECT_FALSE(view.packages[0].share);
}

TEST(Packages, of_the_firmware) {
    PowerRoot root;
    root.put("/sys/devices/system/cpu/cpuidle/low_power_idle_cpu_residency_us", "77\n");
    const auto counters = package_counters(root.host);
    EXPECT_EQ(counters->source(), "ACPI LPIT");
    EXPECT_EQ(counters->read().counters[0].ticks, 77u);
}

TEST(CpuList, as_the_kernel_writes_it) {
    EXPECT_EQ(kernel_cpu_list("0-2,7\n"), (std::vector<int>{0, 1, 2, 7}));
    EXPECT_EQ(kernel_cpu_list(""), std::vector<int>{});
    EXPECT_EQ(kernel_cpu_list("3-1"), std::vector<int>{});
    EXPECT_EQ(kernel_cpu_list("0-99999999"), std::vector<int>{});
    EXPECT_EQ(kernel_cpu_list("zero"), std::vector<int>{});
}

TEST(Frequency, of_each_cpu) {
    PowerRoot root;
    const std::string policy = "/sys/devices/system/cpu/cpufreq/policy0";
    root.put("/sys/devices/system/cpu/online", "0,2\n");
    root.put(policy + "/affected_cpus", "0 1 2\n");
    root.put(policy + "/scaling_cur_freq", "800000\n");
    root.put(policy + "/scaling_min_freq", "800000\n");
    root.put(policy + "/scaling_max_freq", "3400000\n");
    root.put(policy + "/scaling_governor", "powersave\n");
    root.put(policy + "/energy_performance_preference", "balance_power\n");
    root.put(policy + "/scaling_driver", "intel_pstate\n");
    PowerView view;
    Frequencies(root.host).look(view);
    ASSERT_EQ(view.cpus.size(), 3u);
    EXPECT_EQ(view.cpus[0].most, 3400000);
    EXPECT_FALSE(view.cpus[1].online);
    EXPECT_EQ(view.cpus[2].preference, "balance_power");
    EXPECT_EQ(view.driver, "intel_pstate");
}

TEST(Interrupts, of_all_cpus_together) {
    const auto all = parse_interrupts(
        "           CPU0       CPU1\n"
        "   1:          9         2  IR-IO-APIC    1-edge      i8042\n"
        " 127:        100       200  IR-PCI-MSIX-0000:01:00.0    0-edge      enp1s0\n"
        " NMI:          1         1   Non-maskable interrupts\n"
        " LOC:       1000      2000   Local timer interrupts\n"
        " ERR:          7\n"
        " 200:          1\n"
        "garbage\n");
    ASSERT_EQ(all.size(), 6u);
    EXPECT_EQ(all[1].name, "127");
    EXPECT_EQ(all[1].count, 300u);
    EXPECT_EQ(all[1].what, "enp1s0");
    EXPECT_EQ(all[3].what, "Local timer interrupts");
    EXPECT_EQ(all[4].count, 7u);
    EXPECT_EQ(all[5].count, 1u);
    EXPECT_TRUE(parse_interrupts("").empty());
}

TEST(Timers, that_are_due_within_a_second) {
    const auto due = parse_timers(
        "Timer List Version: v0.10\nnow at 50 nsecs\n\ncpu: 0\n clock 0:\nactive timers:\n"
        " #0: <0000000042d13a39>, tick_sched_timer, S:01\n"
        " # expires at 100-100 nsecs [in 2211115 to 2211115 nsecs]\n"
        " #1: <0000000042d13a40>, hrtimer_wakeup, S:01\n"
        " # expires at 100-100 nsecs [in 6000000000 to 6000050000 nsecs]\n"
        " #2: <0000000042d13a41>, hrtimer_wakeup, S:01\n"
        " # expires at 100-100 nsecs [in -20 to 50 nsecs]\n");
    EXPECT_EQ(due, (std::map<std::string, int>{{"hrtimer_wakeup", 1}, {"tick_sched_timer", 1}}));
}

// A machine with a root port, a NIC, an NVMe drive, an old bridge with an old card, USB.
class Devices : public testing::Test {
  protected:
    Devices() {
        device("0000:00:00.0", "", "0x060000", "on");
        device("0000:00:1c.0", "", "0x060400", "auto");
        device("0000:01:00.0", "0000:00:1c.0/", "0x020000", "on");
        device("0000:00:1d.0", "", "0x060400", "auto");
        device("0000:02:00.0", "0000:00:1d.0/", "0x010802", "auto");
        device("0000:00:14.0", "", "0x0c0330", "auto");
        put("0000:00:1c.0/0000:01:00.0/link/l1_aspm", "0\n");
        put("0000:00:1c.0/0000:01:00.0/net/enp1s0/mtu", "1500\n");
        put("0000:00:1d.0/0000:02:00.0/link/l1_aspm", "1\n");
        put("0000:00:1d.0/0000:02:00.0/nvme/nvme0/model", "x\n");
        const std::string usb = "0000:00:14.0/usb1/1-2";
        put(usb + "/power/control", "on\n");
        put(usb + "/product", "K120 Keyboard\n");
        put(usb + "/idVendor", "046d\n");
        put(usb + "/idProduct", "c31c\n");
        root.link("/sys/bus/usb/devices/1-2", "../../../devices/pci0000:00/" + usb);
    }
    void put(const std::string& path, const std::string& content) {
        root.put("/sys/devices/pci0000:00/" + path, content);
    }
    void device(const std::string& name, const std::string& above, const std::string& kind,
                const std::string& control) {
        put(above + name + "/class", kind + "\n");
        put(above + name + "/vendor", "0x8086\n");
        put(above + name + "/device", "0x125c\n");
        put(above + name + "/power/control", control + "\n");
        put(above + name + "/max_link_speed", "8.0 GT/s PCIe\n");
        put(above + name + "/config", "\x86\x80");
        paths.push_back("/sys/devices/pci0000:00/" + above + name);
        root.link("/sys/bus/pci/devices/" + name, "../../../devices/pci0000:00/" + above + name);
    }

    PowerRoot root;
    std::vector<std::string> paths;
};

TEST_F(Devices, that_are_in_the_way) {
    const auto found = device_blockers(root.host);
    ASSERT_EQ(found.size(), 3u);
    EXPECT_EQ(found[0].kind, Kind::aspm);
    EXPECT_EQ(found[0].what, "Ethernet enp1s0 (8086:125c)");
    EXPECT_EQ(found[0].raw, "0000:01:00.0");
    EXPECT_EQ(found[0].why, "ASPM L1 is off");
    EXPECT_EQ(found[1].kind, Kind::runtime);
    EXPECT_EQ(found[1].raw, "0000:01:00.0");
    EXPECT_EQ(found[2].what, "K120 Keyboard (046d:c31c)");
}

TEST_F(Devices, a_link_that_the_kernel_may_not_touch) {
    root.remove("/sys/devices/pci0000:00/0000:00:1d.0/0000:02:00.0/link");
    const auto found = device_blockers(root.host);
    EXPECT_EQ(found[1].raw, "0000:02:00.0");
    EXPECT_EQ(found[1].what, "NVMe drive nvme0 (8086:125c)");
    EXPECT_EQ(found[1].why, "its link has no ASPM to set");
}

class NoChips : public SensorSource {
  public:
    std::vector<SensorView> read(bool) override { return {}; }
};

// Opening a device's configuration space to read it would resume the device.
TEST_F(Devices, polling_never_opens_configuration_space) {
    const Fd watch(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    std::vector<std::string> files;
    for (const std::string& path : paths)
        files.push_back(root.host.system(path) + "/config");
    for (const std::string& file : files)
        ASSERT_GE(::inotify_add_watch(watch.get(), file.c_str(), IN_OPEN | IN_ACCESS), 0) << file;
    PackageCounters::Reading none;
    PowerSenses senses(root.host, std::make_unique<NoChips>(), std::make_unique<FakePackages>(none),
                       true);
    Seen seen;
    for (int i = 0; i < 20; ++i) {
        const Time now = start + 15s * i;
        senses.hottest(now);
        senses.watts(now);
        senses.sensors(now);
        seen.power = senses.power(seen, now);
    }
    EXPECT_EQ(seen.power->blockers.size(), 3u);
    char events[4096];
    EXPECT_EQ(::read(watch.get(), events, sizeof events), -1) << "somebody opened one";
    // The test can fail: an open is seen.
    root.host.read(files[0]);
    EXPECT_GT(::read(watch.get(), events, sizeof events), 0);
}

TEST(Busy, interrupts_and_processes) {
    PowerRoot root;
    const auto counts = [&](int irq, int runs, int thread) {
        root.put("/proc/interrupts",
                 fmt::format("   CPU0\n  5: {}  IO-APIC  5-edge  enp1s0\n", irq));
        root.put("/proc/77/comm", "busy-thing\n");
        root.put("/proc/77/task/77/schedstat", fmt::format("1 2 {}\n", runs));
        root.put("/proc/77/task/78/schedstat", fmt::format("1 2 {}\n", thread));
    };
    BusyLook busy(root.host);
    counts(100, 10, 10);
    EXPECT_TRUE(busy.look({}, start).empty());
    counts(300, 50, 30);
    const auto found = busy.look({}, start + 2s);
    ASSERT_EQ(found.size(), 2u);
    EXPECT_EQ(found[0].kind, Kind::interrupt);
    EXPECT_DOUBLE_EQ(found[0].rate, 100);
    EXPECT_EQ(found[0].what, "enp1s0");
    EXPECT_DOUBLE_EQ(found[1].rate, 30);
    EXPECT_EQ(found[1].what, "busy-thing");
    // A thread ends, one begins, a counter is another's.
    root.remove("/proc/77/task/78");
    root.put("/proc/77/task/79/schedstat", "1 2 20\n");
    EXPECT_DOUBLE_EQ(busy.look({}, start + 4s)[0].rate, 10);
    root.remove("/proc/77");
    EXPECT_TRUE(busy.look({}, start + 6s).empty());
}

}  // namespace
}  // namespace lodge
