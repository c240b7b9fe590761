// The machine out of text: what a test of a screen builds on.
#include "tests/screens/machine.h"

#include <gtest/gtest.h>

namespace lodge {
namespace {

TEST(Machine, shows_what_the_text_says) {
    Machine machine(R"(
host minipc01
    cpus 4
    cpu 12%
    memory 9.1G of 31G
    load 0.42 0.30 0.21
    uptime 12d 3h
    net in 1K out 2K
    history cpu 10% - 12%
guest 101 home-assistant
    memory: 4096
    [before-upgrade]
    snaptime: 1772000000
    state running
    uptime 12d
    cpu 4.1%
    resident 1.9G
    address 192.168.1.20
    net in 1K out 2K
    note software emulation
guest 102 ct jellyfin
    memory: 2048
job 7 start 101 (web)
    guests 101
    state running
    started 40s
    step make the disk
    step start QEMU
    done 1
    progress 12M of 1G bytes
    rate 10M
job 6 stop 102 (jellyfin)
    took 2s
    step stop it
    say asked it to end
storage local dir /var/lib/lodge
    content images,iso
    space 100G of 500G
    volume 101/vm-101-disk-0.qcow2 images qcow2 32G 4G
        owner 101
        user 101 scsi0
link vmbr0 bridge
    address 192.168.1.2/24
sensor temperature coretemp-isa-0000 41 Package id 0
    high 90
)");
    State& state = machine.state();
    EXPECT_EQ(state.host().name, "minipc01");
    EXPECT_EQ(state.host().uptime, 12 * 86400 + 3 * 3600);
    EXPECT_DOUBLE_EQ(state.host().cpu, 0.12);
    EXPECT_EQ(state.host().net_in, 1024.0);
    EXPECT_FALSE(state.host().disk_read.has_value());
    EXPECT_EQ(state.host().history.cpu.size(), 3u);
    EXPECT_TRUE(std::isnan(state.host().history.cpu.at(1)));
    ASSERT_TRUE(state.host().hottest.has_value());
    EXPECT_EQ(state.host().hottest->label, "Package id 0");
    ASSERT_EQ(state.guests().size(), 2u);
    const GuestView& first = state.guests()[0];
    EXPECT_EQ(first.guest->name, "home-assistant");
    EXPECT_EQ(first.sighting.memory_limit, int64_t{4} << 30);
    EXPECT_EQ(first.last_snapshot->name, "before-upgrade");
    EXPECT_EQ(first.addresses[0].ip, "192.168.1.20");
    EXPECT_EQ(first.sighting.notes[0], "software emulation");
    EXPECT_TRUE(first.is_up());
    EXPECT_FALSE(state.guest(102)->is_up());
    EXPECT_EQ(state.guest(103), nullptr);
    ASSERT_EQ(state.jobs().size(), 1u);
    EXPECT_EQ(state.jobs()[0].step, "start QEMU");
    state.look_at_jobs(1, 10);
    EXPECT_EQ(state.seen().job_count, 2u);
    ASSERT_EQ(state.seen().job_page.size(), 1u);
    EXPECT_EQ(state.seen().job_page[0].title, "stop 102 (jellyfin)");
    state.look_at_storages();
    EXPECT_EQ(state.seen().storages[0].volumes[0].users[0].key, "scsi0");
    state.look_at_links();
    EXPECT_EQ(state.seen().links[0].addresses[0], "192.168.1.2/24");
}

TEST(Machine, commands_take_it_for_the_machine) {
    Machine machine(
        "guest 101 web\n    state running\nguest 102 ct box\njob 6 stop web\n    say x\n");
    Engine& engine = machine.engine();
    const Guest web = find_guest(engine, "web");
    EXPECT_EQ(web.kind->look(engine, web).state, GuestState::running);
    const Guest box = find_guest(engine, "102");
    EXPECT_EQ(box.kind->look(engine, box).state, GuestState::stopped);
    EXPECT_EQ(engine.jobs.load(6).log, std::vector<std::string>{"x"});
    EXPECT_EQ(engine.jobs.load(6).state, JobState::done);
    EXPECT_EQ(machine.steady("in " + engine.host.config_folder()).find(engine.host.config_folder()),
              std::string::npos);
}

TEST(Machine, becomes_another_a_moment_later) {
    Machine machine("guest 101 web\n    state running\n    cpu 4.1%\n");
    const uint64_t before = machine.state().generation();
    machine.become("guest 101 web\n    state stopped\n");
    EXPECT_GT(machine.state().generation(), before);
    EXPECT_FALSE(machine.state().anything_running());
    EXPECT_EQ(machine.state().period(), std::chrono::seconds(5));
}

TEST(Machine, names_the_line_that_is_wrong) {
    try {
        Machine machine("host a\nguest 101 web\n    colour red\n");
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(std::string(error.what()), "line 3: colour red: not known here");
    }
}

}  // namespace
}  // namespace lodge
