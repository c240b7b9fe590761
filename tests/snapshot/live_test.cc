#include <fcntl.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "engine/vm/snapshot.h"
#include "tests/snapshot/vm_fixture.h"

namespace lodge {
namespace {

using namespace std::chrono_literals;
using Names = std::vector<std::string>;

constexpr std::string_view counting_config =
    "boot: order=scsi0\nmachine: pc\nmemory: 32\nname: tiny\n"
    "scsi0: local:101/vm-101-disk-0.qcow2,size=16M,mbps_rd=100\nscsihw: virtio-scsi-pci\n"
    "vga: none\n";

// CountingGuest boots a few bytes that count up in memory at 0x8000, a few thousand times a second:
// by the count one sees whether a guest goes on, starts afresh, or stands still.
class CountingGuest : public DiskGuest {
  public:
    explicit CountingGuest(const std::string& config = std::string(counting_config))
        : DiskGuest(config) {
        static constexpr unsigned char code[] = {
            0xfa,                                                  // cli
            0x31, 0xc0, 0x8e, 0xd8,                                // xor ax,ax; mov ds,ax
            0x66, 0xc7, 0x06, 0x00, 0x80, 0x00, 0x00, 0x00, 0x00,  // mov dword [0x8000],0
            0x66, 0xff, 0x06, 0x00, 0x80,                          // inc dword [0x8000]
            0xb9, 0xff, 0xff, 0xe2, 0xfe,                          // mov cx,-1; loop $
            0xeb, 0xf4};                                           // jmp to the inc
        std::string sector(512, '\0');
        std::copy(std::begin(code), std::end(code), sector.begin());
        sector[510] = '\x55';
        sector[511] = '\xaa';
        const std::string file = scratch.folder.path() + "/sector";
        std::ofstream(file, std::ios::binary) << sector;
        program({"/usr/bin/qemu-io", "-f", "qcow2", "-c", "write -s " + file + " 0 512", disk()});
    }

    int64_t count() {
        const auto words = qmp("human-monitor-command", {{"command-line", "xp /1xw 0x8000"}});
        const std::string text = words.get<std::string>();
        const size_t at = text.find("0x");
        return at == std::string::npos ? 0 : std::stoll(text.substr(at + 2), nullptr, 16);
    }
    int64_t wait_for_count(int64_t least) {
        int64_t now = 0;
        for (int look = 0; look < 600 && (now = count()) < least; ++look)
            std::this_thread::sleep_for(50ms);
        EXPECT_GE(now, least);
        return now;
    }
    bool counts_on() {
        const int64_t first = count();
        for (int look = 0; look < 100; ++look) {
            if (count() > first) return true;
            std::this_thread::sleep_for(20ms);
        }
        return false;
    }
};

TEST(Live, takes_disks_of_a_running_guest) {
    CountingGuest vm;
    vm.start_really();
    vm.wait_for_count(1);
    vm.snapshot("first");
    EXPECT_EQ(vm.disk_snapshots(), Names{"first"});
    EXPECT_EQ(vm.status(), "running");
    EXPECT_TRUE(vm.counts_on());
    EXPECT_EQ(vm.key("lock"), "");
    vm.snapshot("second");
    vm.delete_snapshot("first");
    EXPECT_EQ(vm.disk_snapshots(), Names{"second"});
    EXPECT_EQ(vm.key("parent"), "second");
    EXPECT_FALSE(vm.guest().config.snapshot("second")->has("parent"));
    vm.rollback("second");  // stops it
    EXPECT_FALSE(vm_process(vm.host(), 101));
}

TEST(Live, memory_comes_back_to_the_point) {
    CountingGuest vm;
    vm.start_really();
    const int64_t before = vm.wait_for_count(50);
    vm.snapshot("exact", true);
    EXPECT_EQ(vm.status(), "running");
    const int64_t at_most = vm.count();
    const Guest guest = vm.guest();
    const Section* section = guest.config.snapshot("exact");
    ASSERT_NE(section, nullptr);
    EXPECT_EQ(section->get("vmstate"), "local:101/vm-101-state-exact.raw");
    EXPECT_EQ(section->get("runningmachine")->substr(0, 10), "pc-i440fx-");
    EXPECT_TRUE(section->has("runningcpu"));
    EXPECT_LT(std::filesystem::file_size(vm.images() + "/vm-101-state-exact.raw"), 64u << 20);
    const int64_t later = vm.wait_for_count(at_most * 4 + 2000);
    vm.rollback("exact");  // goes on at once
    EXPECT_EQ(vm.status(), "running");
    const int64_t back = vm.count();
    EXPECT_GE(back, before);
    EXPECT_LT(back, later);
    EXPECT_TRUE(vm.counts_on());
    EXPECT_EQ(vm.key("lock"), "");
    EXPECT_EQ(vm.key("vmstate"), "");
    EXPECT_EQ(vm.key("runningmachine"), "");
    EXPECT_TRUE(vm.host().exists(vm.images() + "/vm-101-state-exact.raw"));
    // Once more, from a stopped guest, and then away with it.
    vm.stop_really();
    vm.rollback("exact");
    EXPECT_GE(vm.count(), before);
    EXPECT_TRUE(vm.counts_on());
    vm.delete_snapshot("exact");
    EXPECT_FALSE(vm.host().exists(vm.images() + "/vm-101-state-exact.raw"));
    EXPECT_TRUE(vm.disk_snapshots().empty());
}

TEST(Live, suspends_to_disk_and_goes_on) {
    CountingGuest vm;
    vm.start_really();
    const int64_t before = vm.wait_for_count(50);
    const Guest running = vm.guest();
    vm.carry_out(running.kind->suspend(vm.engine, running, {{"to-disk", true}}));
    EXPECT_FALSE(vm_process(vm.host(), 101));
    EXPECT_EQ(vm.key("lock"), "suspended");
    EXPECT_EQ(vm.look().state, GuestState::suspended);
    const std::string state = saved_state(vm.engine, vm.guest().config)->path;
    EXPECT_TRUE(vm.host().exists(state));
    EXPECT_NE(error_of([&] { vm.set({"memory=64"}); }).find("locked"), std::string::npos);
    vm.start_really();
    EXPECT_EQ(vm.status(), "running");
    EXPECT_GE(vm.count(), before);
    EXPECT_TRUE(vm.counts_on());
    EXPECT_EQ(vm.key("lock"), "");
    EXPECT_EQ(vm.key("vmstate"), "");
    EXPECT_FALSE(vm.host().exists(state));
}

TEST(Live, saved_memory_can_be_thrown_away) {
    CountingGuest vm;
    vm.start_really();
    const int64_t before = vm.wait_for_count(2000);
    const Guest running = vm.guest();
    vm.carry_out(running.kind->suspend(vm.engine, running, {{"to-disk", true}}));
    const std::string state = saved_state(vm.engine, vm.guest().config)->path;
    Plan plan;
    EXPECT_TRUE(plan_forget_memory(vm.engine, vm.guest(), plan));
    vm.carry_out(plan);
    EXPECT_FALSE(vm.host().exists(state));
    EXPECT_EQ(vm.key("lock") + vm.key("vmstate") + vm.key("runningcpu"), "");
    EXPECT_FALSE(plan_forget_memory(vm.engine, vm.guest(), plan));
    vm.start_really();
    EXPECT_LT(vm.count(), before);  // afresh
}

// A plan that breaks off after each of its steps leaves a guest that runs on.
TEST(Live, what_breaks_off_lets_the_guest_run_on) {
    CountingGuest vm;
    vm.start_really();
    vm.wait_for_count(10);
    const Guest guest = vm.guest();
    const std::string path = vm.engine.store.path("qemu-server", 101);
    const std::string before = *vm.host().read(path);
    const Plan plans[] = {
        guest.kind->snapshot(vm.engine, guest, {{"name", "first"}}),
        guest.kind->snapshot(vm.engine, guest, {{"name", "first"}, {"ram", true}}),
        vm_hibernate_plan(vm.engine, guest, {})};
    for (const Plan& whole : plans)
        for (size_t cut = 1; cut <= whole.steps.size(); ++cut) {
            if (whole.steps[cut - 1].action.verb == "vm-stop") break;  // no way back from here
            Plan plan = whole;
            plan.steps.resize(cut);
            plan.step("break off", {"run", {{"argv", Names{"/bin/false"}}}});
            EXPECT_NE(error_of([&] { vm.carry_out(plan); }), "no error");
            EXPECT_EQ(vm.status(), "running") << whole.title << cut;
            EXPECT_TRUE(vm.disk_snapshots().empty()) << whole.title << cut;
            EXPECT_EQ(*vm.host().read(path), before) << whole.title << cut;
            EXPECT_EQ(vm.host().list(vm.images()), Names{"vm-101-disk-0.qcow2"});
        }
    EXPECT_TRUE(vm.counts_on());
}

TEST(Live, a_full_disk_is_said_and_the_guest_runs_on) {
    CountingGuest vm;
    vm.start_really();
    Guest guest = vm.guest();
    Plan plan = guest.kind->snapshot(vm.engine, guest, {{"name", "first"}, {"ram", true}});
    for (Step& step : plan.steps)
        for (Action* action : {&step.action, step.undo ? &*step.undo : nullptr})
            if (action != nullptr && action->on.has("path") && action->verb.starts_with("vm-"))
                action->on.set({"path", "/dev/full"});
    EXPECT_NE(error_of([&] { vm.carry_out(plan); }).find("no space is left"), std::string::npos);
    EXPECT_EQ(vm.status(), "running");
    EXPECT_TRUE(vm.disk_snapshots().empty());
    EXPECT_TRUE(vm.guest().config.snapshots().empty());
}

// As after a kill -9 in the middle: QEMU goes on by itself and then holds the guest for ever.
TEST(Live, a_stream_that_nobody_watches_is_called_off) {
    CountingGuest vm;
    vm.start_really();
    vm.wait_for_count(10);
    const Values on = {{"guest", 101},
                       {"name", "first"},
                       {"path", "/dev/null"},
                       {"keys", Names{"scsi0"}},
                       {"volumes", Names{"local:101/vm-101-disk-0.qcow2"}}};
    const auto leave_behind = [&](bool hold) {
        Qmp monitor = vm_monitor(vm.host(), 101);
        nlohmann::json list = nlohmann::json::array();
        list.push_back({{"capability", "pause-before-switchover"}, {"state", hold}});
        monitor.call("migrate-set-capabilities", {{"capabilities", list}});
        const Fd file(::open("/dev/null", O_RDWR | O_CLOEXEC));
        monitor.call_with_fd(file.get(), "getfd", {{"fdname", "left"}});
        monitor.call("migrate", {{"uri", "fd:left"}});
        for (int look = 0; look < 200; ++look) {
            const std::string status = monitor.call("query-migrate").at("status");
            if (status == (hold ? "pre-switchover" : "completed")) break;
            std::this_thread::sleep_for(20ms);
        }
    };
    for (const bool hold : {true, false}) {
        leave_behind(hold);
        EXPECT_NE(vm.status(), "running");
        vm.run({"vm-snapshot-undo", on});
        EXPECT_EQ(vm.status(), "running");
    }
    EXPECT_TRUE(vm.counts_on());
    vm.snapshot("first", true);  // and another finds no trace of it
    EXPECT_EQ(vm.disk_snapshots(), Names{"first"});
}

TEST(Live, cancelled_while_it_writes_memory) {
    CountingGuest vm;
    vm.start_really();
    vm.wait_for_count(10);
    vm.make_image("vm-101-state-first.raw", "raw", "64M");
    vm.going = [] { return false; };
    Exit exit = Exit::ok;
    error_of(
        [&] {
            vm.run({"vm-save-state",
                    {{"guest", 101}, {"path", vm.images() + "/vm-101-state-first.raw"}}});
        },
        &exit);
    EXPECT_EQ(exit, Exit::cancelled);
    EXPECT_EQ(vm.status(), "running");
    EXPECT_TRUE(vm.counts_on());
}

TEST(Live, an_agent_that_is_not_there_is_told) {
    CountingGuest vm(std::string(counting_config) + "agent: 1\n");
    vm.start_really();
    vm.snapshot("first");
    EXPECT_NE(vm.all_said().find("file systems are not frozen: the guest's agent does not answer"),
              std::string::npos)
        << vm.all_said();
    EXPECT_EQ(vm.disk_snapshots(), Names{"first"});
}

TEST(Live, firmware_variables_go_along) {
    if (!std::filesystem::exists("/usr/share/OVMF/OVMF_VARS_4M.fd")) GTEST_SKIP() << "no ovmf";
    DiskGuest vm(
        "bios: ovmf\nefidisk0: local:101/vm-101-disk-1.qcow2,efitype=4m\nmachine: q35\n"
        "memory: 64\nname: tiny\nscsi0: local:101/vm-101-disk-0.qcow2,size=16M\n"
        "scsihw: virtio-scsi-single\nvga: none\n");
    vm.program({"/usr/bin/qemu-img", "convert", "-f", "raw", "-O", "qcow2",
                "/usr/share/OVMF/OVMF_VARS_4M.fd", vm.images() + "/vm-101-disk-1.qcow2"});
    vm.start_really();
    vm.snapshot("first");
    vm.snapshot("second", true);
    EXPECT_EQ(image_info(vm.host(), vm.images() + "/vm-101-disk-1.qcow2", "qcow2").snapshots,
              (Names{"first", "second"}));
    vm.rollback("second");
    EXPECT_EQ(vm.status(), "running");
    vm.rollback("first");
    EXPECT_FALSE(vm_process(vm.host(), 101));
}

TEST(Live, a_paused_guest_stays_paused) {
    CountingGuest vm;
    vm.start_really();
    vm.wait_for_count(10);
    vm.qmp("stop");
    vm.snapshot("still", true);
    EXPECT_NE(vm.status(), "running");
    vm.qmp("cont");
    EXPECT_EQ(vm.status(), "running");
    EXPECT_TRUE(vm.counts_on());
}

}  // namespace
}  // namespace lodge
