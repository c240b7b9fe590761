#include "power/sensors.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "engine/process.h"
#include "power/sensor_names.h"
#include "power/sight_words.h"
#include "power/sleep.h"
#include "tests/power_sight/root.h"

#if defined(__SANITIZE_ADDRESS__)
#define LODGE_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LODGE_SANITIZED
#endif
#endif

namespace lodge {
namespace {

using namespace std::chrono_literals;
using Kind = SensorView::Kind;
using Time = std::chrono::steady_clock::time_point;

const Time start{100h};

std::string name_of(const std::string& chip, const std::string& label,
                    const std::string& device = "") {
    SensorView sensor;
    sensor.chip = chip;
    sensor.label = label;
    return sensor_name(sensor, device);
}

TEST(SensorNames, for_a_person) {
    EXPECT_EQ(name_of("coretemp-isa-0000", "Package id 0"), "CPU package 0");
    EXPECT_EQ(name_of("coretemp-isa-0000", "Core 12"), "CPU core 12");
    EXPECT_EQ(name_of("k10temp-pci-00c3", "Tctl"), "CPU, as its fan control takes it");
    EXPECT_EQ(name_of("nvme-pci-0100", "Composite", "nvme0n1 (Samsung SSD 980)"),
              "NVMe nvme0n1 (Samsung SSD 980)");
    EXPECT_EQ(name_of("nvme-pci-0100", "Sensor 2", "nvme0n1"), "NVMe nvme0n1, sensor 2");
    EXPECT_EQ(name_of("drivetemp-scsi-0-0", "temp1", "sda (WDC WD40EFRX)"),
              "disk sda (WDC WD40EFRX)");
    EXPECT_EQ(name_of("nct6775-isa-0290", "fan2"), "fan 2");
    EXPECT_EQ(name_of("nct6775-isa-0290", "CPUTIN"), "CPU, by the mainboard's sensor");
    EXPECT_EQ(name_of("thermal_zone3", "iwlwifi_1"), "Wi-Fi card");
    EXPECT_EQ(name_of("thermal_zone0", "x86_pkg_temp"), "CPU package");
    EXPECT_EQ(name_of("r8169_0_100:00-mdio-0", "temp1", "enp1s0"), "enp1s0, temperature 1");
    // Nothing better is known than what the chip says.
    EXPECT_EQ(name_of("it8613-isa-0a30", "Vcore of mine"), "");
}

class NoChips : public SensorSource {
  public:
    std::vector<SensorView> read(bool) override { return chips; }
    std::vector<SensorView> chips;
};

TEST(Sensors, duty_of_fans_and_the_kernels_own) {
    PowerRoot root;
    root.put("/sys/class/hwmon/hwmon0/name", "nct6775\n");
    root.put("/sys/class/hwmon/hwmon0/pwm1", "128\n");
    root.put("/sys/class/hwmon/hwmon0/pwm1_enable", "5\n");
    root.put("/sys/class/hwmon/hwmon0/pwm2", "999\n");
    root.put("/sys/class/thermal/cooling_device0/type", "Fan\n");
    root.put("/sys/class/thermal/cooling_device0/cur_state", "1\n");
    root.put("/sys/class/thermal/cooling_device0/max_state", "1\n");
    root.put("/sys/class/thermal/cooling_device1/type", "Processor\n");
    SensorLook look(root.host, std::make_unique<NoChips>());
    const auto& all = look.all(start);
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].kind, Kind::duty);
    EXPECT_NEAR(all[0].value, 50.2, 0.1);
    EXPECT_EQ(all[0].name, "fan control 1");
    EXPECT_EQ(sensor_state_words(all[0]), "automatic");
    EXPECT_EQ(all[1].name, "fan of the firmware");
    EXPECT_EQ(all[1].note, "on");
}

TEST(Sensors, zones_with_trip_points) {
    PowerRoot root;
    const std::string zone = "/sys/class/thermal/thermal_zone0";
    root.put(zone + "/type", "x86_pkg_temp\n");
    root.put(zone + "/temp", "86500\n");
    root.put(zone + "/trip_point_0_type", "passive\n");
    root.put(zone + "/trip_point_0_temp", "90000\n");
    root.put(zone + "/trip_point_1_type", "critical\n");
    root.put(zone + "/trip_point_1_temp", "105000\n");
    root.put("/sys/class/thermal/thermal_zone1/type", "iwlwifi_1\n");  // it is switched off
    SensorLook look(root.host, std::make_unique<NoChips>());
    const auto& all = look.all(start);
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].high, 90);
    EXPECT_EQ(all[0].critical, 105);
    EXPECT_TRUE(is_near_limit(all[0]));
    EXPECT_EQ(sensor_state_words(all[0]), "near its limit");
}

TEST(Sensors, what_was_not_seen_is_a_gap) {
    PowerRoot root;
    auto chips = std::make_unique<NoChips>();
    NoChips& readings = *chips;
    SensorView core;
    core.chip = "coretemp-isa-0000";
    core.label = "Core 0";
    core.value = 40;
    readings.chips = {core};
    SensorLook look(root.host, std::move(chips));
    look.all(start);
    readings.chips[0].value = 50;
    look.all(start + 600s);
    readings.chips[0].asleep = true;
    const auto& all = look.all(start + 631s);
    const History& past = *all[0].history;
    ASSERT_EQ(past.size(), History::capacity);
    EXPECT_TRUE(std::isnan(past.at(past.size() - 1)));
    EXPECT_EQ(past.at(past.size() - 32), 50);
    EXPECT_TRUE(std::isnan(past.at(past.size() - 33)));
}

TEST(Sleep, a_device_or_one_above_it_is_suspended) {
    PowerRoot root;
    const std::string port = "/sys/devices/pci0000:00/0000:00:1d.0";
    const std::string nvme = port + "/0000:02:00.0";
    root.put(nvme + "/nvme/nvme0/model", "x\n");
    root.put(nvme + "/power/runtime_status", "active\n");
    for (const std::string& device : {port, nvme})
        root.link(device + "/subsystem", "../../../bus/pci");
    root.link("/sys/class/hwmon/hwmon0/device", root.host.system(nvme + "/nvme/nvme0"));
    const std::string device = root.host.system("/sys/class/hwmon/hwmon0/device");
    EXPECT_FALSE(is_suspended(root.host, device));
    root.put(port + "/power/runtime_status", "suspended\n");
    EXPECT_TRUE(is_suspended(root.host, device));
    root.put(port + "/power/runtime_status", "active\n");
    root.put(nvme + "/power_state", "D3hot\n");
    EXPECT_TRUE(is_suspended(root.host, device));
    EXPECT_FALSE(is_suspended(root.host, root.host.system("/sys/class/hwmon/none")));
}

// As the mini PC of the tests has it: lm75 and others count as suspended for good.
TEST(Sleep, what_is_on_i2c_is_read) {
    PowerRoot root;
    const std::string smbus = "/sys/devices/pci0000:00/0000:00:1f.4";
    const std::string lm75 = smbus + "/i2c-0/0-0048";
    root.link(smbus + "/subsystem", "../../../bus/pci");
    root.put(smbus + "/class", "0x0c0500\n");
    root.put(smbus + "/power/runtime_status", "suspended\n");
    root.link(lm75 + "/subsystem", "../../../../../bus/i2c");
    root.put(lm75 + "/power/runtime_status", "suspended\n");
    EXPECT_FALSE(is_suspended(root.host, root.host.system(lm75)));
}

TEST(Sleep, uses_of_a_disk) {
    PowerRoot root;
    root.put("/sys/block/sda/stat", "  1000  5 8000 100  200  3 90 40  0 70 140 0 0 0 0 0 0\n");
    EXPECT_EQ(disk_uses(root.host, "sda"), 1200u);
    EXPECT_FALSE(disk_uses(root.host, "sdb"));
    root.put("/sys/block/sdc/stat", "1000\n");
    EXPECT_FALSE(disk_uses(root.host, "sdc"));
    EXPECT_FALSE(stands_still(root.host, "sda"));  // no such device to ask
}

// The real libsensors on files of ours: umockdev's library stands between it and the kernel. It has
// to be there when a process begins, so the tests below run in one of their own.
class Chips : public testing::Test {
  protected:
    void SetUp() override {
        const char* folder = std::getenv("UMOCKDEV_DIR");
        if (folder == nullptr) GTEST_SKIP() << "runs below real_library";
        top = folder;
    }
    void put(const std::string& path, const std::string& content) const {
        root.host.write_volatile(top + path, content);
    }
    void chip(int number, const std::string& device, const std::string& name) const {
        const std::string hwmon = "/hwmon" + std::to_string(number);
        const std::string below = "/sys/devices/" + device;
        put(below + "/hwmon" + hwmon + "/name", name + "\n");
        const std::string subsystem = top + below + "/hwmon" + hwmon + "/subsystem";
        std::filesystem::remove(subsystem);
        std::filesystem::create_symlink(top + "/sys/class/hwmon", subsystem);
        std::filesystem::create_directory_symlink("../..",
                                                  top + below + "/hwmon" + hwmon + "/device");
        std::filesystem::create_directories(top + "/sys/class/hwmon");
        std::filesystem::create_symlink("../../devices/" + device + "/hwmon" + hwmon,
                                        top + "/sys/class/hwmon" + hwmon);
    }
    void value(int number, const std::string& file, const std::string& content) const {
        put("/sys/class/hwmon/hwmon" + std::to_string(number) + "/" + file, content + "\n");
    }

    std::string top;
    PowerRoot root;
    Host real = Host(ScratchEngine::places(root.scratch.path()));  // its system root is ""
};

TEST_F(Chips, DISABLED_read_limits_alarms_and_hotplug) {
    const auto source = machine_sensors(real);
    EXPECT_TRUE(source->read(true).empty());
    chip(0, "platform/coretemp.0", "coretemp");
    std::filesystem::create_symlink("../../../bus/platform",
                                    top + "/sys/devices/platform/coretemp.0/subsystem");
    value(0, "temp1_label", "Package id 0");
    value(0, "temp1_input", "41000");
    value(0, "temp1_max", "80000");
    value(0, "temp1_crit", "100000");
    value(0, "temp1_crit_alarm", "0");
    auto seen = source->read(true);  // it was plugged in meanwhile
    ASSERT_EQ(seen.size(), 1u);
    EXPECT_EQ(seen[0].name, "CPU package 0");
    EXPECT_EQ(seen[0].chip, "coretemp-isa-0000");
    EXPECT_EQ(seen[0].value, 41);
    EXPECT_EQ(seen[0].high, 80);
    EXPECT_EQ(seen[0].critical, 100);
    EXPECT_FALSE(seen[0].alarm);
    value(0, "temp1_input", "101000");
    EXPECT_TRUE(source->read(true)[0].alarm);
    // Limits of a voltage that nobody set: no limits, and the alarm that comes of them is none.
    value(0, "in0_input", "3300");
    value(0, "in0_min", "0");
    value(0, "in0_max", "0");
    value(0, "in0_alarm", "1");
    std::filesystem::rename(top + "/sys/class/hwmon/hwmon0", top + "/sys/class/hwmon/hwmon1");
    seen = source->read(true);
    ASSERT_EQ(seen.size(), 2u);
    const SensorView& voltage = seen[seen[0].kind == SensorView::Kind::voltage ? 0 : 1];
    EXPECT_DOUBLE_EQ(voltage.value, 3.3);
    EXPECT_FALSE(voltage.low || voltage.high || voltage.alarm);
    value(1, "in0_max", "3000");
    std::filesystem::rename(top + "/sys/class/hwmon/hwmon1", top + "/sys/class/hwmon/hwmon0");
    for (const SensorView& one : source->read(true))
        EXPECT_TRUE(one.alarm) << one.label;
    for (const char* file : {"in0_input", "in0_min", "in0_max", "in0_alarm"})
        std::filesystem::remove(top + "/sys/class/hwmon/hwmon0/" + file);
    std::filesystem::rename(top + "/sys/class/hwmon/hwmon0", top + "/sys/class/hwmon/hwmon1");
    EXPECT_EQ(source->read(true).size(), 1u);
    std::filesystem::rename(top + "/sys/class/hwmon/hwmon1", top + "/sys/class/hwmon/hwmon0");
    value(0, "temp1_input", "-");  // what the driver says is no number
    EXPECT_TRUE(source->read(true).empty() || source->read(true)[0].value == 0);
    // A value vanishes while it is read, then the chip.
    std::filesystem::remove(top + "/sys/class/hwmon/hwmon0/temp1_input");
    EXPECT_TRUE(source->read(true).empty());
    std::filesystem::remove(top + "/sys/class/hwmon/hwmon0");
    EXPECT_TRUE(source->read(true).empty());
}

// A disk that turns: CHECK POWER MODE cannot be asked here, so that it is read only once it is
// used.
TEST_F(Chips, DISABLED_disks_are_left_asleep) {
    const std::string device = "pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0";
    chip(1, device, "drivetemp");
    std::filesystem::create_symlink("../../../../../../../bus/scsi",
                                    top + "/sys/devices/" + device + "/subsystem");
    value(1, "temp1_input", "33000");
    put("/sys/devices/" + device + "/model", "WDC WD40EFRX  \n");
    put("/sys/devices/" + device + "/block/sda/queue/rotational", "1\n");
    put("/sys/devices/" + device + "/block/sda/stat", "1 0 0 0 1 0 0 0 0 0 0\n");
    std::filesystem::create_directories(top + "/sys/block");
    std::filesystem::create_symlink("../devices/" + device + "/block/sda", top + "/sys/block/sda");
    auto seen = machine_sensors(real)->read(true);
    ASSERT_EQ(seen.size(), 1u);
    EXPECT_TRUE(seen[0].asleep);
    EXPECT_EQ(sensor_words(seen[0]), "asleep");
    EXPECT_EQ(seen[0].name, "disk sda (WDC WD40EFRX)");
    // A solid one does not mind, unless it is suspended.
    put("/sys/devices/" + device + "/block/sda/queue/rotational", "0\n");
    seen = machine_sensors(real)->read(true);
    ASSERT_EQ(seen.size(), 1u);
    EXPECT_FALSE(seen[0].asleep);
    EXPECT_EQ(seen[0].value, 33);
    std::filesystem::create_symlink("../../../bus/pci",
                                    top + "/sys/devices/pci0000:00/0000:00:17.0/subsystem");
    put("/sys/devices/pci0000:00/0000:00:17.0/power/runtime_status", "suspended\n");
    EXPECT_TRUE(machine_sensors(real)->read(true)[0].asleep);
}

TEST(Chips_, real_library) {
#ifdef LODGE_SANITIZED
    GTEST_SKIP() << "the sanitizer wants to be the first library itself";
#endif
    constexpr const char* library = "libumockdev-preload.so.0";
    void* there = ::dlopen(library, RTLD_LAZY);
    if (there == nullptr) GTEST_SKIP() << "umockdev is not installed";
    for (const char* test : {"read_limits_alarms_and_hotplug", "disks_are_left_asleep"}) {
        const ScratchFolder folder;
        std::filesystem::create_directories(folder.path() + "/sys/class/hwmon");
        std::filesystem::create_directories(folder.path() + "/sys/devices");
        Program program;
        program.argv = {std::filesystem::read_symlink("/proc/self/exe").string(),
                        "--gtest_also_run_disabled_tests",
                        std::string("--gtest_filter=Chips.DISABLED_") + test};
        program.environment = {{"LD_PRELOAD", library}, {"UMOCKDEV_DIR", folder.path()}};
        const Outcome outcome = run_program(program, 60s);
        EXPECT_EQ(outcome.status, 0) << outcome.output << outcome.trouble;
        EXPECT_NE(outcome.output.find("[  PASSED  ] 1 test"), std::string::npos) << outcome.output;
    }
}

}  // namespace
}  // namespace lodge
