#include "engine/vm/demo.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "engine/units.h"
#include "engine/vm/initramfs.h"
#include "tests/support/scratch.h"

namespace lodge {
namespace {

void put(const std::string& path, std::string_view content) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << content;
}

std::string module_file(const std::string& needs) {
    return std::string(
               "\x7f"
               "ELF…") +
           '\0' + "license=GPL" + '\0' + "depends=" + needs + '\0' + "name=x" + '\0';
}

TEST(Modules, SayWhatTheyNeed) {
    EXPECT_EQ(module_needs(module_file("virtio-ring,virtio")),
              (std::vector<std::string>{"virtio_ring", "virtio"}));
    EXPECT_TRUE(module_needs(module_file("")).empty());
    EXPECT_TRUE(module_needs("no module").empty());
}

TEST(Modules, AreLoadedAfterThoseTheyNeed) {
    const ScratchFolder scratch;
    const std::string top = scratch.path() + "/6.1";
    put(top + "/kernel/drivers/virtio-net.ko", module_file("failover,virtio"));
    put(top + "/kernel/drivers/virtio.ko", module_file("virtio_ring"));
    put(top + "/kernel/drivers/virtio_ring.ko", module_file(""));
    put(top + "/kernel/net/failover.ko", module_file("virtio-net"));  // a circle
    put(top + "/kernel/net/other.ko", module_file(""));
    put(top + "/modules.builtin", "kernel/fs/ext4/ext4.ko\nkernel/lib/crc-16.ko\n");
    const KernelModules modules(top);
    EXPECT_TRUE(modules.has("virtio_net"));
    EXPECT_TRUE(modules.built_in("ext4"));
    EXPECT_TRUE(modules.built_in("crc_16"));
    EXPECT_FALSE(modules.built_in("virtio"));
    constexpr std::string_view wanted[] = {"virtio_net", "ext4", "nowhere"};
    EXPECT_EQ(modules.in_order(wanted),
              (std::vector<std::string>{"failover", "virtio_ring", "virtio", "virtio_net"}));
}

TEST(Modules, MissingFolderIsSaid) {
    EXPECT_THROW(KernelModules("/nowhere/at/all"), Error);
}

TEST(Modules, UnpackedFilesAreReadAsTheyAre) {
    const ScratchFolder scratch;
    put(scratch.path() + "/plain.ko", module_file("a"));
    EXPECT_EQ(read_unpacked(scratch.path() + "/plain.ko"), module_file("a"));
    EXPECT_THROW(read_unpacked(scratch.path() + "/none.ko"), Error);
}

TEST(Busybox, MustNeedNoLibraries) {
    if (std::filesystem::exists("/bin/busybox")) {
        EXPECT_NO_THROW(require_static("/bin/busybox"));
    }
    EXPECT_THROW(require_static("/proc/self/exe"), Error);
    EXPECT_THROW(require_static("/etc/passwd"), Error);
    EXPECT_THROW(require_static("/nowhere"), Error);
}

TEST(DemoKernels, CloudFirstThenNewest) {
    const ScratchFolder scratch;
    for (const char* version : {"6.1.0-9-amd64", "6.1.0-56-amd64", "6.1.0-10-cloud-amd64"}) {
        put(scratch.path() + "/boot/vmlinuz-" + version, "k");
        put(scratch.path() + "/lib/modules/" + version + "/kernel/a.ko", "m");
    }
    put(scratch.path() + "/boot/vmlinuz-6.9-without-modules", "k");
    Host::Places places = ScratchEngine::places(scratch.path());
    places.sysroot = scratch.path();
    const auto kernels = demo_kernels(Host(places));
    ASSERT_EQ(kernels.size(), 3u);
    EXPECT_EQ(kernels[0].version, "6.1.0-10-cloud-amd64");
    EXPECT_EQ(kernels[1].version, "6.1.0-56-amd64");
    EXPECT_EQ(kernels[2].version, "6.1.0-9-amd64");
}

TEST(GuestFiles, AreScriptsThatAShellTakes) {
    const ScratchFolder scratch;
    for (const GuestFile& file : demo_guest_files()) {
        if (!file.program) continue;
        EXPECT_TRUE(file.content.starts_with("#!/bin/busybox sh\n")) << file.path;
        const std::string path = scratch.path() + "/script";
        put(path, file.content);
        EXPECT_EQ(std::system(("sh -n " + path).c_str()), 0) << file.path;
    }
}

TEST(DemoPlan, RefusesWhatMakesNoSense) {
    ScratchEngine scratch;
    EXPECT_THROW(demo_plan(scratch.engine, {{"count", 0}}), Error);
    EXPECT_THROW(demo_plan(scratch.engine, {{"name", "no spaces, please"}}), Error);
    EXPECT_THROW(demo_remove_plan(scratch.engine, {}), Error);
    EXPECT_TRUE(demo_guests(scratch.engine).empty());
}

// What stands in /boot decides whether something is downloaded; the plan says so either way.
TEST(DemoPlan, SaysAllItDoes) {
    ScratchEngine scratch;
    if (!scratch.host.program("busybox")) GTEST_SKIP() << "no busybox";
    std::optional<Plan> made;
    try {
        made = demo_plan(scratch.engine, {{"count", 2}, {"id", 300}});
    } catch (const Error& error) {
        GTEST_SKIP() << error.what();
    }
    const std::string shell = plan_as_shell(*made, all_actions());
    EXPECT_NE(shell.find("vmlinuz"), std::string::npos);
    EXPECT_NE(shell.find("vm-300-disk-0.qcow2"), std::string::npos) << shell;
    EXPECT_NE(shell.find("vm-301-disk-0.qcow2"), std::string::npos);
    EXPECT_NE(shell.find("name: demo-2"), std::string::npos);
    EXPECT_EQ(made->guests, (std::vector<int>{300, 301}));
    EXPECT_FALSE(scratch.host.exists(scratch.host.state_folder() + "/demo"));
}

}  // namespace
}  // namespace lodge
