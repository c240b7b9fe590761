#include "bench/devices.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "engine/engine.h"
#include "engine/error.h"
#include "passthrough/findings.h"

namespace lodge::bench {
namespace {

namespace fs = std::filesystem;

constexpr int groups = 20, functions = 60, rounds = 30;

// FakeMachine is a /sys with as much in it as a well-filled mini PC has. Each group is a slot with
// a card of two or three functions; below every second one is an interface, below others a disk.
class FakeMachine {
  public:
    FakeMachine()
        : top_(fs::temp_directory_path() / ("lodge-bench-devices-" + std::to_string(::getpid()))) {
        put("/sys/class/iommu/dmar0/name", "");
        put("/proc/interrupts", " 24: 0 IR-PCI-MSI 1-edge nvme\n");
        put("/proc/meminfo", "MemTotal: 16777216 kB\nMemAvailable: 8388608 kB\n");
        put("/proc/net/route", "Iface\tDestination\tGateway\n");
        put("/proc/self/mountinfo", "20 1 259:0 / / rw - ext4 /dev/nvme0n1 rw\n");
        for (int i = 0; i < functions; ++i)
            add(i / (functions / groups), i % (functions / groups));
    }
    FakeMachine(const FakeMachine&) = delete;
    FakeMachine& operator=(const FakeMachine&) = delete;
    ~FakeMachine() {
        std::error_code ignored;
        fs::remove_all(top_, ignored);
    }

    Host::Places places() const {
        Host::Places places;
        places.sysroot = (top_ / "root").string();
        places.config = (top_ / "etc").string();
        places.run = (top_ / "run").string();
        places.state = (top_ / "state").string();
        places.program_folders = {"/usr/bin", "/bin", "/usr/sbin", "/sbin"};
        return places;
    }
    std::string bus() const { return (top_ / "root/sys/bus/pci").string(); }

  private:
    fs::path at(const std::string& path) const { return fs::path(top_.string() + "/root" + path); }
    void put(const std::string& path, const std::string& text) const {
        fs::create_directories(at(path).parent_path());
        std::ofstream(at(path), std::ios::binary) << text;
    }
    void link(const std::string& path, const std::string& target) const {
        fs::create_directories(at(path).parent_path());
        fs::create_symlink(fs::relative(at(target), at(path).parent_path()), at(path));
    }
    void add(int group, int number) const {
        const std::string address = fmt::format("0000:{:02x}:00.{}", group + 1, number);
        const std::string folder = "/sys/devices/pci0000:00/" + address;
        const bool net = group % 2 == 0;
        const auto file = [&](const char* name, const std::string& text) {
            put(folder + "/" + name, text + "\n");
        };
        file("class", net ? "0x020000" : "0x010802");
        file("vendor", "0x8086");
        file("device", "0x10d3");
        file("subsystem_vendor", "0x8086");
        file("subsystem_device", "0x0000");
        file("driver_override", "(null)");
        file("reset_method", "flr pm bus");
        file("power_state", "D0");
        file("power/runtime_status", "active");
        file("d3cold_allowed", "1");
        file("numa_node", "-1");
        file("irq", "0");
        for (const char* name : {"current_link_speed", "max_link_speed"})
            file(name, "8.0 GT/s PCIe");
        for (const char* name : {"current_link_width", "max_link_width"})
            file(name, "4");
        std::string bars;
        for (int bar = 0; bar < 13; ++bar)
            bars += bar < 3 ? fmt::format("0x{0:016x} 0x{1:016x} 0x0000000000040200\n",
                                          0xf0000000 + group * 0x100000 + bar * 0x10000,
                                          0xf000ffff + group * 0x100000 + bar * 0x10000)
                            : "0x0000000000000000 0x0000000000000000 0x0000000000000000\n";
        put(folder + "/resource", bars);
        std::string space(256, '\0');
        space[0] = static_cast<char>(0x86), space[1] = static_cast<char>(0x80);
        space[2] = static_cast<char>(0xd3), space[3] = 0x10;
        put(folder + "/config", space);
        link("/sys/bus/pci/devices/" + address, folder);
        put(fmt::format("/sys/kernel/iommu_groups/{}/type", group), "DMA-FQ\n");
        put(fmt::format("/sys/kernel/iommu_groups/{}/reserved_regions", group),
            "0x00000000fee00000 0x00000000feefffff msi\n");
        link(folder + "/iommu_group", fmt::format("/sys/kernel/iommu_groups/{}", group));
        const std::string driver = net ? "e1000e" : "nvme";
        put("/sys/bus/pci/drivers/" + driver + "/bind", "");
        link(folder + "/driver", "/sys/bus/pci/drivers/" + driver);
        const std::string name = fmt::format("{}{}x{}", net ? "eno" : "nvme", group, number);
        if (net) {
            put(folder + "/net/" + name + "/flags", "0x1003\n");
            link("/sys/class/net/" + name, folder + "/net/" + name);
        } else {
            put(folder + "/block/" + name + "/dev", fmt::format("259:{}\n", group * 3 + number));
            link("/sys/class/block/" + name, folder + "/block/" + name);
        }
        put(folder + "/hwmon/hwmon" + std::to_string(group * 3 + number) + "/name", driver + "\n");
        link(fmt::format("/sys/class/hwmon/hwmon{}", group * 3 + number),
             folder + "/hwmon/hwmon" + std::to_string(group * 3 + number));
    }

    fs::path top_;
};

}  // namespace

std::vector<Row> device_rows() {
    const FakeMachine machine;
    Host host(machine.places());
    Engine engine(host, all_actions(), guest_kinds());
    Figures ours, theirs;
    size_t judged = 0;
    const auto look = [&] {
        const Inventory inventory = take_inventory(engine, {}, true);
        judged = 0;
        for (const PciFunction& function : inventory.pci) {
            judge(engine, inventory, {&function});
            ++judged;
        }
    };
    look();
    if (judged != functions)
        fail(Exit::failed, "{} functions were seen, not {}", judged, functions);
    const bool peer = host.program("lspci").has_value();
    for (int round = 0; round < rounds; ++round) {
        ours.add(time_of(look));
        if (peer)
            theirs.add(time_program({*host.program("lspci"), "-A", "linux-sysfs", "-O",
                                     "sysfs.path=" + machine.bus(), "-vvv"}));
    }
    const std::string what = "look at 60 devices in 20 groups, and judge each";
    return {{what, "lodge", ours, "<= 20 ms", "inside the program that runs"},
            {what, "lspci -vvv", theirs, "",
             peer ? "a program that starts, and judges nothing" : "lspci is not installed"}};
}

}  // namespace lodge::bench
