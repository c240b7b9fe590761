#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "engine/store.h"
#include "engine/vm/vm.h"
#include "tests/support/scratch.h"

namespace lodge {
namespace {

namespace fs = std::filesystem;

// An engine whose kernel files lie in a folder of the test's.
struct FakeMachine {
    FakeMachine() { put("/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu sse2 vmx\n"); }
    static Host::Places places(const std::string& top) {
        Host::Places places = ScratchEngine::places(top);
        places.sysroot = top + "/root";
        return places;
    }
    void put(const std::string& path, const std::string& text) {
        fs::create_directories(fs::path(host.system(path)).parent_path());
        std::ofstream(host.system(path)) << text;
    }
    MachineFacts facts(const std::string& config) {
        Guest guest;
        guest.id = 101;
        guest.name = "web";
        guest.config = Config::parse(config, vm_schema(), "101.conf");
        return vm_facts(engine, guest);
    }

    ScratchFolder folder;
    Host host{places(folder.path())};
    Engine engine{host, all_actions(), guest_kinds()};
};

bool has_qemu() {
    return fs::exists("/usr/bin/qemu-system-x86_64");
}

TEST(Facts, KvmNeedsTheCpuAndTheDevice) {
    if (!has_qemu()) GTEST_SKIP() << "qemu-system-x86_64 is not installed";
    FakeMachine machine;
    EXPECT_FALSE(machine.facts("").kvm);
    EXPECT_NE(std::string::npos, machine.facts("").kvm_why_not.find("/dev/kvm"));
    machine.put("/dev/kvm", "");
    EXPECT_TRUE(machine.facts("").kvm);
    EXPECT_EQ("", machine.facts("").kvm_why_not);
    machine.put("/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu sse2 svm_lock\n");
    EXPECT_FALSE(machine.facts("").kvm);
    EXPECT_NE(std::string::npos, machine.facts("").kvm_why_not.find("vmx or svm"));
}

TEST(Facts, QemuIsAskedOnce) {
    if (!has_qemu()) GTEST_SKIP() << "qemu-system-x86_64 is not installed";
    FakeMachine machine;
    const MachineFacts first = machine.facts("");
    EXPECT_GE(first.qemu_major, 5);
    EXPECT_NE(first.machines.end(), std::find(first.machines.begin(), first.machines.end(), "q35"));
    EXPECT_NE(first.cpu_models.end(),
              std::find(first.cpu_models.begin(), first.cpu_models.end(), "kvm64"));
    EXPECT_EQ(first.cpu_models.end(),
              std::find(first.cpu_models.begin(), first.cpu_models.end(), "3dnow"));
    // What was learned is kept in the run folder and read back the same.
    const MachineFacts again = machine.facts("");
    EXPECT_EQ(first.machines, again.machines);
    EXPECT_EQ(first.cpu_models, again.cpu_models);
}

TEST(Facts, BridgesAndFolders) {
    if (!has_qemu()) GTEST_SKIP() << "qemu-system-x86_64 is not installed";
    FakeMachine machine;
    machine.put("/sys/class/net/vmbr0/bridge/bridge_id", "8000\n");
    machine.put("/sys/class/net/vmbr0/mtu", "9000\n");
    machine.put("/sys/class/net/eth0/mtu", "1500\n");
    fs::create_directories(machine.host.config_folder() + "/mapping");
    std::ofstream(machine.host.config_folder() + "/mapping/directory.cfg")
        << "data\n\tmap node=a,path=/srv/data\n\tmap node=b,path=/other\n\nmusic\n\tmap "
           "path=/m,node=a\n";
    const MachineFacts facts = machine.facts("net0: virtio,bridge=vmbr0\nvirtiofs0: data\n");
    EXPECT_EQ(std::vector<std::string>{"vmbr0"}, facts.bridges);
    EXPECT_EQ(9000, facts.bridge_mtus.at("vmbr0"));
    EXPECT_EQ("/srv/data", facts.directory_mappings.at("data"));
    EXPECT_EQ("/m", facts.directory_mappings.at("music"));
}

TEST(Facts, VolumesAndWhyOneIsMissing) {
    if (!has_qemu()) GTEST_SKIP() << "qemu-system-x86_64 is not installed";
    FakeMachine machine;
    const std::string images = machine.host.state_folder() + "/images/101";
    fs::create_directories(images);
    std::ofstream(images + "/vm-101-disk-0.raw") << std::string(4096, 'x');
    const MachineFacts facts = machine.facts(
        "ide0: local:101/vm-101-disk-0.raw\nide1: local:101/vm-101-disk-1.raw\n"
        "ide2: local:cloudinit,media=cdrom\nide3: none,media=cdrom\nscsi0: nas:101/x.raw\n");
    ASSERT_EQ(1U, facts.volumes.size());
    EXPECT_EQ(images + "/vm-101-disk-0.raw", facts.volumes.begin()->second.path);
    EXPECT_EQ("raw", facts.volumes.begin()->second.format);
    EXPECT_EQ(2U, facts.volume_problems.size());
    EXPECT_NE(std::string::npos, facts.volume_problems.at("nas:101/x.raw").find("nas"));
    EXPECT_TRUE(facts.cloudinit_iso.ends_with("/guest/101/cloudinit.iso"));
}

}  // namespace
}  // namespace lodge
