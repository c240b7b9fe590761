// What is seen of a machine whose kernel files the test writes.
#include <gtest/gtest.h>

#include "engine/job_events.h"
#include "tests/state/fake_machine.h"

namespace lodge {
namespace {

using namespace std::chrono_literals;

class Look : public testing::Test {
  protected:
    FakeMachine machine;
    State state{machine.eyes()};

    const GuestView& guest(int id) {
        const GuestView* found = state.guest(id);
        if (!found) throw Error("no such guest is seen");
        return *found;
    }
    void look(std::chrono::milliseconds after = 1s) {
        machine.pass(after);
        state.look();
    }
};

TEST_F(Look, sees_the_machine) {
    state.look();
    EXPECT_EQ(state.host().name, "minipc01");
    EXPECT_EQ(state.host().kernel, "6.1.0");
    EXPECT_EQ(state.host().cpus, 1);
    EXPECT_EQ(state.host().cpu, 0);
    EXPECT_EQ(state.host().uptime, 1000);
    EXPECT_EQ(state.host().load[1], 0.30);
    EXPECT_EQ(state.host().memory_used, 10000 * 1024);
    EXPECT_EQ(state.host().swap_used, 40 * 1024);
    EXPECT_FALSE(state.host().net_in.has_value());
    EXPECT_TRUE(state.host().history.cpu.empty());
    machine.processor_time(150, 950);
    look();
    EXPECT_DOUBLE_EQ(state.host().cpu, 0.5);
    EXPECT_EQ(state.host().history.cpu.size(), 1u);
    look(5s);
    EXPECT_EQ(state.host().history.cpu.size(), 6u);
}

TEST_F(Look, counts_what_passes_real_cards_and_disks) {
    machine.put("/sys/class/net/enp1s0/device/vendor", "x");
    machine.put("/sys/block/sda/device/vendor", "x");
    machine.links({{"lo", 500, 500}, {"enp1s0", 1000, 100}, {"vmbr0", 7, 7}});
    machine.put("/proc/diskstats", "8 0 sda 1 0 10 0 1 0 20 0 0 5 0\n8 1 sda1 1 0 10 0 1 0 20 0\n");
    state.look();
    machine.links({{"lo", 900, 900}, {"enp1s0", 3000, 200}, {"vmbr0", 9, 9}});
    machine.put("/proc/diskstats", "8 0 sda 1 0 14 0 1 0 28 0 0 9 0\n8 1 sda1 1 0 99 0 1 0 99 0\n");
    look(2s);
    EXPECT_EQ(state.host().net_in, 1000.0);
    EXPECT_EQ(state.host().net_out, 50.0);
    EXPECT_EQ(state.host().disk_read, 1024.0);
    EXPECT_EQ(state.host().disk_write, 2048.0);
}

TEST_F(Look, follows_a_running_guest) {
    machine.guest(101, "name: web\nmemory: 64\n");
    machine.guest(102, "name: db\nmemory: 32\n");
    machine.process(4001, 1000, 10, 1000, 2000);
    machine.run(101, 4001);
    machine.links({{"tap101i0", 100, 1000}, {"tap101i1", 1, 1}, {"tap102i0", 5, 5}});
    state.look();
    ASSERT_EQ(state.guests().size(), 2u);
    EXPECT_EQ(guest(101).sighting.state, GuestState::running);
    EXPECT_EQ(guest(101).sighting.pid, 4001);
    EXPECT_EQ(guest(101).sighting.uptime, 500);
    EXPECT_EQ(guest(101).sighting.memory_resident, 10 * ::sysconf(_SC_PAGESIZE));
    EXPECT_EQ(guest(101).sighting.memory_limit, 64 << 20);
    EXPECT_FALSE(guest(101).disk_read.has_value());
    EXPECT_EQ(guest(102).sighting.state, GuestState::stopped);
    EXPECT_EQ(guest(102).history, nullptr);
    EXPECT_TRUE(state.anything_running());
    EXPECT_EQ(state.period(), 1s);

    machine.process(4001, 1050, 20, 5000, 2000);
    machine.links({{"tap101i0", 300, 3000}, {"tap101i1", 1, 1}, {"tap102i0", 5, 5}});
    look();
    EXPECT_DOUBLE_EQ(guest(101).cpu, 50.0 / static_cast<double>(::sysconf(_SC_CLK_TCK)));
    EXPECT_EQ(guest(101).disk_read, 4000.0);
    EXPECT_EQ(guest(101).disk_write, 0.0);
    EXPECT_EQ(guest(101).net_in, 2000.0);
    EXPECT_EQ(guest(101).net_out, 200.0);
    EXPECT_FALSE(guest(102).net_in.has_value());
    ASSERT_NE(guest(101).history, nullptr);
    EXPECT_EQ(guest(101).history->net_in.size(), 1u);
    EXPECT_EQ(guest(101).history->net_in.at(0), 2000);

    machine.end(101, 4001);
    look();
    EXPECT_EQ(guest(101).sighting.state, GuestState::stopped);
    EXPECT_EQ(guest(101).cpu, 0);
    EXPECT_FALSE(guest(101).disk_read.has_value());
    EXPECT_EQ(guest(101).history, nullptr);
    EXPECT_FALSE(state.anything_running());
    EXPECT_EQ(state.period(), 5s);
}

TEST_F(Look, a_guest_that_was_started_again_begins_anew) {
    machine.guest(101, "name: web\nmemory: 64\n");
    machine.process(4001, 1000, 10, 1000, 2000);
    machine.run(101, 4001);
    state.look();
    machine.end(101, 4001);
    machine.process(4002, 5, 10, 10, 20);
    machine.run(101, 4002);
    look();
    EXPECT_EQ(guest(101).sighting.pid, 4002);
    EXPECT_EQ(guest(101).cpu, 0);
    EXPECT_FALSE(guest(101).disk_read.has_value());
}

TEST_F(Look, an_unreadable_figure_is_unknown) {
    machine.guest(101, "name: web\n");
    machine.process(4001, 1000, 10, 1000, 2000);
    std::filesystem::remove(machine.host.system("/proc/4001/io"));
    machine.run(101, 4001);
    state.look();
    look();
    EXPECT_FALSE(guest(101).disk_read.has_value());
    EXPECT_FALSE(guest(101).net_in.has_value());
    EXPECT_TRUE(std::isnan(guest(101).history->disk_read.at(0)));
    EXPECT_EQ(guest(101).history->cpu.at(0), 0);
}

TEST_F(Look, reads_a_configuration_again_when_it_changed) {
    machine.guest(101,
                  "name: web\n[yesterday]\nsnaptime: 1000\n[today]\nparent: yesterday\n"
                  "snaptime: 2000\n[half]\nsnaptime: 3000\nsnapstate: prepare\n");
    machine.guest(100,
                  "name: first\nipconfig0: ip=dhcp,ip6=fd00::5/64\nipconfig1: ip=10.0.0.5/24\n");
    state.look();
    const auto before = guest(101).guest;
    EXPECT_EQ(guest(101).last_snapshot, (LastSnapshot{"today", 2000}));
    EXPECT_EQ(guest(100).addresses,
              (std::vector<GuestAddress>{{"10.0.0.5", true}, {"fd00::5", true}}));
    look();
    EXPECT_EQ(guest(101).guest, before);
    machine.guest(101, "name: renamed\n");
    machine.guest(99, "name: no guest\n");
    machine.guest(103, "name: new\n");
    std::filesystem::remove(machine.engine.store.path("qemu-server", 100));
    look();
    ASSERT_EQ(state.guests().size(), 2u);
    EXPECT_EQ(guest(101).guest->name, "renamed");
    EXPECT_FALSE(guest(101).last_snapshot.has_value());
    EXPECT_EQ(guest(103).guest->name, "new");
}

TEST_F(Look, generation_grows_with_what_a_person_would_see) {
    machine.guest(101, "name: web\n");
    machine.process(4001, 1000, 100000, 0, 0);
    machine.run(101, 4001);
    state.look();
    look();
    const uint64_t all = state.generation();
    const uint64_t guests = state.generation(State::Part::guests);
    look();
    EXPECT_EQ(state.generation(), all);
    machine.process(4001, 1000, 100001, 0, 0);  // no digit of it changes
    look();
    EXPECT_EQ(state.generation(), all);
    machine.process(4001, 1010, 100001, 0, 0);
    look();
    EXPECT_GT(state.generation(State::Part::guests), guests);
    EXPECT_EQ(state.generation(), all + 1);
}

TEST_F(Look, jobs_are_pages_and_old_ones_are_read_once) {
    for (int number = 1; number <= 5; ++number) {
        Plan plan;
        plan.title = fmt::format("do {}", number);
        plan.guests = {101};
        plan.step("first", {"run", {}});
        plan.step("second", {"run", {}});
        const std::string folder = fmt::format("{}/jobs/{}", machine.host.state_folder(), number);
        machine.host.write_volatile(folder + "/plan.json", plan_to_json(plan));
        JobLog log(folder + "/events", machine.host);
        log.step(0, "begin");
        if (number < 5) log.end(JobState::done, Exit::ok, "");
    }
    state.look();
    ASSERT_EQ(state.jobs().size(), 1u);
    EXPECT_EQ(state.jobs()[0].number, 5);
    EXPECT_EQ(state.jobs()[0].state, JobState::interrupted);
    EXPECT_EQ(state.jobs()[0].step, "first");
    state.look_at_jobs(1, 2);
    EXPECT_EQ(state.seen().job_count, 5u);
    ASSERT_EQ(state.seen().job_page.size(), 2u);
    EXPECT_EQ(state.seen().job_page[0].title, "do 4");
    EXPECT_EQ(state.seen().job_page[1].number, 3);
    machine.host.write_volatile(machine.host.state_folder() + "/jobs/4/plan.json", "{}");
    state.look_at_jobs(1, 2);
    EXPECT_EQ(state.seen().job_page[0].title, "do 4");
    state.look_at_jobs(4, 100);
    EXPECT_EQ(state.seen().job_page.size(), 1u);
    state.look_at_jobs(400, 100);
    EXPECT_TRUE(state.seen().job_page.empty());
    JobLog(machine.host.state_folder() + "/jobs/5/events", machine.host)
        .end(JobState::cleaned, Exit::failed, "");
    look();
    EXPECT_TRUE(state.jobs().empty());
    state.look_at_jobs(0, 1);
    EXPECT_EQ(state.seen().job_page[0].state, JobState::cleaned);
}

TEST_F(Look, a_jobs_rate_and_time_left) {
    const std::string folder = machine.host.state_folder() + "/jobs/1";
    Plan plan;
    plan.title = "copy";
    plan.step("copy it", {"run", {}});
    machine.host.write_volatile(folder + "/plan.json", plan_to_json(plan));
    // This test's own process stands for the job's.
    const std::string stat = fmt::format("/proc/{}/stat", ::getpid());
    machine.put(stat, *machine.host.read(stat));
    machine.host.write_volatile(folder + "/pid", identify(machine.host, ::getpid())->print());
    JobLog log(folder + "/events", machine.host);
    log.step(0, "begin");
    log.progress(100, 1100, "bytes");
    state.look();
    ASSERT_EQ(state.jobs().size(), 1u);
    EXPECT_EQ(state.jobs()[0].state, JobState::running);
    EXPECT_EQ(state.jobs()[0].total, 1100);
    EXPECT_FALSE(state.jobs()[0].rate.has_value());
    EXPECT_TRUE(state.anything_running());
    log.progress(300, 1100, "bytes");
    look(2s);
    EXPECT_EQ(state.jobs()[0].rate, 100.0);
    EXPECT_EQ(state.jobs()[0].time_left, 8);
    log.end(JobState::done, Exit::ok, "");
    look();
    EXPECT_TRUE(state.jobs().empty());
}

TEST_F(Look, sensors_of_the_processor_are_the_headers) {
    SensorView core;
    core.chip = "coretemp-isa-0000";
    core.label = "Package id 0";
    core.value = 55;
    core.high = 80;
    core.critical = 100;
    SensorView disk = core;
    disk.chip = "nvme-pci-0100";
    disk.value = 70;
    machine.chips = {core, disk};
    machine.put("/sys/class/thermal/thermal_zone0/type", "acpitz\n");
    machine.put("/sys/class/thermal/thermal_zone0/temp", "27800\n");
    machine.put("/sys/class/thermal/thermal_zone0/trip_point_0_type", "critical\n");
    machine.put("/sys/class/thermal/thermal_zone0/trip_point_0_temp", "119000\n");
    machine.put("/sys/class/thermal/thermal_zone1/type", "x86_pkg_temp\n");
    machine.put("/sys/class/thermal/thermal_zone1/temp", "56000\n");
    state.look();
    EXPECT_FALSE(state.host().hottest.has_value());  // not before the first picture
    look();
    ASSERT_TRUE(state.host().hottest.has_value());
    EXPECT_EQ(state.host().hottest->value, 55);
    state.look_at_host();
    ASSERT_EQ(state.seen().sensors.size(), 3u);
    EXPECT_EQ(state.seen().sensors[2].label, "acpitz");
    EXPECT_DOUBLE_EQ(state.seen().sensors[2].value, 27.8);
    EXPECT_EQ(state.seen().sensors[2].critical, 119.0);
    machine.chips.clear();
    look(6s);
    EXPECT_EQ(state.host().hottest->label, "x86_pkg_temp");
}

TEST_F(Look, closer_at_the_host) {
    for (const char* kind : {"cpu", "memory", "io"})
        machine.put(std::string("/proc/pressure/") + kind,
                    "some avg10=1.50 avg60=0.00 avg300=0.00 total=0\n");
    state.look_at_host();
    machine.processor_time(125, 975);
    state.look_at_host();
    ASSERT_EQ(state.host().cpu_shares.size(), 1u);
    EXPECT_DOUBLE_EQ(state.host().cpu_shares[0], 0.25);
    ASSERT_TRUE(state.host().pressure.has_value());
    EXPECT_DOUBLE_EQ(state.host().pressure->io, 0.015);
}

}  // namespace
}  // namespace lodge
