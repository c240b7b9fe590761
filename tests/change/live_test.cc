#include <algorithm>
#include <fstream>

#include "engine/vm/change.h"
#include "tests/snapshot/vm_fixture.h"

namespace lodge {
namespace {

using nlohmann::json;

json block_of(DiskGuest& vm, const std::string& key) {
    for (const json& one : vm.qmp("query-block"))
        if (one.value("qdev", "").find(key) != std::string::npos) return one;
    return nullptr;
}

bool has_node(DiskGuest& vm, const std::string& name) {
    const json nodes = vm.qmp("query-named-block-nodes", {{"flat", true}});
    return std::any_of(nodes.begin(), nodes.end(),
                       [&](const json& node) { return node.value("node-name", "") == name; });
}

TEST(LiveChange, disks_come_and_go) {
    DiskGuest vm;
    vm.start_really();
    vm.set({"scsi1=local:1,ssd=1,mbps_rd=20"});
    EXPECT_EQ(block_of(vm, "scsi1").at("inserted").at("drv"), "qcow2");
    EXPECT_EQ(vm.key("scsi1").substr(0, 29), "local:101/vm-101-disk-1.qcow2");
    EXPECT_NE(vm.last.afterwards.find("changed now: scsi1"), std::string::npos);
    vm.set({}, {"scsi1"});
    EXPECT_TRUE(block_of(vm, "scsi1").is_null());
    for (const char* name : {"fmt-scsi1", "drive-scsi1", "file-scsi1"})
        EXPECT_FALSE(has_node(vm, name)) << name;
    EXPECT_EQ(vm.key("scsi1"), "");
    EXPECT_EQ(vm.key("unused0"), "local:101/vm-101-disk-1.qcow2");
    vm.set({"scsi1=local:101/vm-101-disk-1.qcow2"});
    EXPECT_EQ(vm.key("unused0"), "");
    EXPECT_EQ(vm.key("scsi1"), "local:101/vm-101-disk-1.qcow2,size=1G");
    EXPECT_FALSE(block_of(vm, "scsi1").is_null());
}

// What a new guest usually is: PCI Express, a controller and a thread for each disk.
TEST(LiveChange, disks_and_cards_come_and_go_on_q35) {
    DiskGuest vm(
        "machine: q35\nmemory: 32\nname: tiny\nscsi0: "
        "local:101/vm-101-disk-0.qcow2,iothread=1,size=16M\nscsihw: virtio-scsi-single\n"
        "vga: none\n");
    vm.start_really();
    vm.set({"scsi1=local:1,iothread=1", "virtio0=local:1", "net0=virtio"});
    EXPECT_EQ(block_of(vm, "scsi1").at("inserted").at("drv"), "qcow2");
    EXPECT_EQ(block_of(vm, "virtio0").at("inserted").at("drv"), "qcow2");
    Plan plan = vm.guest().kind->set(vm.engine, vm.guest(),
                                     {{"delete", std::vector<std::string>{"scsi1"}}});
    for (Step& step : plan.steps)
        if (step.action.verb == "vm-detach") step.action.on.set({"limit", 1});
    vm.carry_out(plan);
    EXPECT_EQ(vm.key("scsi1"), "");
    EXPECT_TRUE(block_of(vm, "scsi1").is_null());
    // Its controller is the guest's to let go of; it serves again.
    vm.set({"scsi1=local:101/vm-101-disk-1.qcow2,iothread=1"});
    EXPECT_FALSE(block_of(vm, "scsi1").is_null());
}

TEST(LiveChange, limits_hold_at_once) {
    DiskGuest vm;
    vm.start_really();
    const auto limits = [&] {
        return vm.qmp("qom-get", {{"path", "/objects/throttle-scsi0"}, {"property", "limits"}});
    };
    vm.set({"scsi0.mbps_rd=5", "scsi0.iops_wr=100", "scsi0.iops_wr_max=300"});
    EXPECT_EQ(limits().at("bps-read"), 5 << 20);
    EXPECT_EQ(limits().at("iops-write-max"), 300);
    vm.set({"scsi0.mbps_rd=", "scsi0.iops_wr_max="});
    EXPECT_EQ(limits().at("bps-read"), 0);
    EXPECT_EQ(limits().at("iops-write"), 100);
    EXPECT_EQ(limits().at("iops-write-max"), 0);
    EXPECT_EQ(vm.key("scsi0"), "local:101/vm-101-disk-0.qcow2,iops_wr=100,size=16M");
}

TEST(LiveChange, discs_are_put_in_and_taken_out) {
    DiskGuest vm(std::string(disk_config) + "ide2: none,media=cdrom\n");
    vm.host().make_folder(vm.host().state_folder() + "/template/iso");
    for (const char* name : {"a.iso", "b.iso"})
        vm.program(
            {"/usr/bin/truncate", "-s", "1M", vm.host().state_folder() + "/template/iso/" + name});
    vm.start_really();
    vm.set({"ide2=local:iso/a.iso,media=cdrom"});
    EXPECT_EQ(block_of(vm, "ide2").at("inserted").at("node-name"), "fmt-ide2");
    vm.set({"ide2=local:iso/b.iso,media=cdrom"});
    EXPECT_FALSE(block_of(vm, "ide2").at("tray_open").get<bool>());
    EXPECT_EQ(vm.key("ide2"), "local:iso/b.iso,media=cdrom");
    vm.set({"ide2=none,media=cdrom"});
    EXPECT_FALSE(block_of(vm, "ide2").contains("inserted"));
    EXPECT_FALSE(has_node(vm, "file-ide2"));
}

TEST(LiveChange, the_cable_is_pulled) {
    DiskGuest vm;
    vm.start_really();
    const auto link = [&] {
        return vm.qmp("human-monitor-command", {{"command-line", "info network"}})
            .get<std::string>();
    };
    vm.set({"net0.link_down=1"});
    vm.set({"net0.link_down=0"});
    EXPECT_EQ(vm.key("net0"), "virtio=52:54:00:11:22:33,link_down=0");
    EXPECT_NE(link().find("net0"), std::string::npos);
}

TEST(LiveChange, a_card_is_plugged_and_one_that_stays_waits) {
    DiskGuest vm;
    vm.start_really();
    vm.set({"net1=virtio,link_down=1"});
    EXPECT_NE(vm.key("net1").find("virtio=02:"), std::string::npos) << vm.key("net1");
    EXPECT_NE(vm.qmp("human-monitor-command", {{"command-line", "info network"}})
                  .get<std::string>()
                  .find("net1"),
              std::string::npos);
    // No system in the guest: nobody lets go of a PCI card.
    Plan plan =
        vm.guest().kind->set(vm.engine, vm.guest(), {{"delete", std::vector<std::string>{"net1"}}});
    for (Step& step : plan.steps)
        if (step.action.verb == "vm-detach") step.action.on.set({"limit", 1});
    vm.carry_out(plan);
    EXPECT_NE(vm.key("net1"), "");
    EXPECT_EQ(vm.guest().config.pending_deletes(), std::vector<std::string>{"net1"});
    EXPECT_NE(vm.all_said().find("did not let go of net1"), std::string::npos);
    vm.stop_really();
    vm.start_really();
    EXPECT_EQ(vm.key("net1"), "");
    EXPECT_FALSE(has_pending(vm.guest().config));
}

TEST(LiveChange, ports_are_forwarded) {
    DiskGuest vm;
    vm.start_really();
    vm.set({"hostfwd0=proto=tcp,host=22822,guest=22"});
    const auto rules = [&] {
        return vm.qmp("human-monitor-command", {{"command-line", "info usernet"}})
            .get<std::string>();
    };
    EXPECT_NE(rules().find("22822"), std::string::npos) << rules();
    vm.set({}, {"hostfwd0"});
    EXPECT_EQ(rules().find("22822"), std::string::npos) << rules();
}

TEST(LiveChange, processors_are_plugged_in) {
    DiskGuest vm(std::string(disk_config) + "cores: 4\nvcpus: 1\nhotplug: cpu\n");
    vm.start_really();
    EXPECT_EQ(vm.qmp("query-cpus-fast").size(), 1u);
    vm.set({"vcpus=3"});
    EXPECT_EQ(vm.qmp("query-cpus-fast").size(), 3u);
    vm.set({"vcpus=2"});
    EXPECT_EQ(vm.waiting("vcpus"), "2");
    EXPECT_EQ(vm.key("vcpus"), "3");
}

TEST(LiveChange, what_fails_leaves_the_file_as_it_was) {
    DiskGuest vm;
    vm.start_really();
    const std::string path = vm.engine.store.path("qemu-server", 101);
    const std::string before = *vm.host().read(path);
    vm.make_image("vm-101-disk-1.qcow2", "qcow2", "1M");
    std::ofstream(vm.images() + "/vm-101-disk-1.qcow2") << "no image at all";
    Plan plan = vm.guest().kind->set(vm.engine, vm.guest(),
                                     {{"values", std::vector<std::string>{"name=other"}}});
    const Guest now = vm.guest();
    EXPECT_NE(error_of([&] {
                  vm.set({"name=other", "scsi1=local:101/vm-101-disk-1.qcow2,size=1M"});
              }),
              "no error");
    EXPECT_EQ(*vm.host().read(path), before);
    EXPECT_FALSE(has_node(vm, "file-scsi1"));
    EXPECT_TRUE(block_of(vm, "scsi1").is_null());
}

TEST(LiveChange, two_at_once_do_not_overwrite_each_other) {
    DiskGuest vm;
    const Guest guest = vm.guest();
    const Plan one =
        guest.kind->set(vm.engine, guest, {{"values", std::vector<std::string>{"memory=64"}}});
    const Plan two =
        guest.kind->set(vm.engine, guest, {{"values", std::vector<std::string>{"cores=2"}}});
    vm.carry_out(one);
    Exit exit = Exit::ok;
    error_of([&] { vm.carry_out(two); }, &exit);
    EXPECT_EQ(exit, Exit::busy);
    EXPECT_EQ(vm.key("memory"), "64");
    EXPECT_EQ(vm.key("cores"), "");
}

TEST(LiveChange, balloon_is_told) {
    DiskGuest vm;
    vm.start_really();
    vm.set({"balloon=16"});
    EXPECT_EQ(vm.key("balloon"), "16");
}

}  // namespace
}  // namespace lodge
