// A State on the loop: what wakes it, and what guests themselves say.
#include <gtest/gtest.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "engine/vm/qmp.h"
#include "tests/life/tiny.h"
#include "tests/state/fake_machine.h"
#include "tests/state/fake_server.h"

namespace lodge {
namespace {

using namespace std::chrono_literals;

class Looking : public testing::Test {
  protected:
    void begin() {
        state.keep_looking(loop, [this] { ++looks; });
    }
    // Runs the loop until a look has seen it.
    bool until(const std::function<bool()>& seen) { return loop.run_until(seen, 20s); }

    FakeMachine machine;
    Loop loop;
    State state{machine.eyes()};
    int looks = 0;
};

// The period is 5 s while nothing runs: what is seen sooner has woken it.
TEST_F(Looking, a_new_configuration_is_seen_at_once) {
    machine.guest(101, "name: web\n");
    begin();
    EXPECT_EQ(looks, 1);
    ASSERT_EQ(state.guests().size(), 1u);
    const auto start = std::chrono::steady_clock::now();
    machine.guest(102, "name: db\n");
    ASSERT_TRUE(until([&] { return state.guest(102) != nullptr; }));
    machine.guest(101, "name: other\n");
    ASSERT_TRUE(until([&] { return state.guest(101)->guest->name == "other"; }));
    std::filesystem::remove(machine.engine.store.path("qemu-server", 102));
    ASSERT_TRUE(until([&] { return state.guest(102) == nullptr; }));
    // Three events; were it the period that showed them, it would have been 15 s.
    EXPECT_LT(std::chrono::steady_clock::now() - start, 12s);
}

TEST_F(Looking, a_folder_that_was_replaced_is_watched_again) {
    machine.guest(101, "name: web\n");
    begin();
    const std::string folder = machine.host.config_folder() + "/qemu-server";
    std::filesystem::rename(folder, folder + ".old");
    ASSERT_TRUE(until([&] { return state.guests().empty(); }));
    machine.guest(102, "name: db\n");
    ASSERT_TRUE(until([&] { return state.guest(102) != nullptr; }));
    machine.guest(103, "name: third\n");
    ASSERT_TRUE(until([&] { return state.guest(103) != nullptr; }));
}

TEST_F(Looking, a_started_guest_is_seen_and_asked) {
    machine.guest(101, "name: web\nagent: 1\nnet0: virtio=52:54:00:11:22:33\n");
    state.show({.memory_used = true, .addresses = true});
    begin();
    machine.process(4001, 1000, 10, 1000, 2000);
    const std::string folder = guest_run_folder(machine.host, 101);
    machine.host.make_folder(folder);
    std::string status = "running";
    FakeServer monitor(loop, folder + "/qmp", std::string(qmp_greeting),
                       [&](std::string_view line) {
                           return monitor_reply(line, status,
                                                R"({"last-update":5,"stats":{)"
                                                R"("stat-total-memory":1000,)"
                                                R"("stat-free-memory":400}})");
                       });
    FakeServer agent(loop, folder + "/qga", "", [](std::string_view line) {
        return agent_reply(line, std::string(some_interfaces));
    });
    machine.run(101, 4001);
    ASSERT_TRUE(until([&] { return state.guest(101)->is_up(); }));
    ASSERT_TRUE(until([&] { return !state.guest(101)->addresses.empty(); }));
    EXPECT_EQ(state.guest(101)->addresses[0].ip, "192.168.1.20");
    ASSERT_TRUE(until([&] { return state.guest(101)->memory_used.has_value(); }));
    EXPECT_EQ(state.guest(101)->memory_used, 600);
    EXPECT_EQ(monitor.clients, 1);  // not at each look
    status = "io-error";
    machine.pass(10s);
    ASSERT_TRUE(until([&] { return state.guest(101)->sighting.state == GuestState::paused; }));
    EXPECT_EQ(state.guest(101)->sighting.notes[0],
              "paused by an error of a disk, such as a full storage");
    machine.end(101, 4001);
    ASSERT_TRUE(until([&] { return !state.guest(101)->is_up(); }));
    EXPECT_TRUE(state.guest(101)->addresses.empty());
}

TEST_F(Looking, a_hung_guest_says_so_and_others_go_on) {
    for (const int id : {101, 102}) {
        machine.guest(id, "name: web\n");
        machine.process(4000 + id, 1000, 10, 1000, 2000);
        machine.run(id, 4000 + id);
    }
    const Fd silent = listen_unix(guest_run_folder(machine.host, 101) + "/qmp");
    FakeServer monitor(loop, guest_run_folder(machine.host, 102) + "/qmp",
                       std::string(qmp_greeting),
                       [](std::string_view line) { return monitor_reply(line, "paused", ""); });
    begin();
    ASSERT_TRUE(until([&] { return state.guest(102)->sighting.state == GuestState::paused; }));
    EXPECT_EQ(state.guest(101)->sighting.state, GuestState::running);
    ASSERT_TRUE(until([&] { return state.guest(101)->sighting.state == GuestState::unknown; }));
    EXPECT_EQ(state.guest(101)->sighting.notes.back(), "QEMU does not answer");
}

TEST_F(Looking, ends_when_it_is_told) {
    begin();
    state.stop_looking();
    machine.guest(101, "name: web\n");
    EXPECT_FALSE(loop.run_until([&] { return looks > 1; }, 200ms));
}

// A real QEMU: its status, and its death.
TEST(LookingAtQemu, sees_a_pause_and_a_death) {
    TinyGuest tiny;
    tiny.start();
    Loop loop;
    State state(tiny.engine, std::make_unique<NoSenses>());
    state.keep_looking(loop, {});
    const auto until = [&](GuestState wanted) {
        return loop.run_until([&] { return state.guest(101)->sighting.state == wanted; }, 30s);
    };
    ASSERT_TRUE(until(GuestState::running));
    EXPECT_TRUE(state.guest(101)->sighting.emulated);
    EXPECT_GT(state.guest(101)->sighting.memory_resident, 1 << 20);
    tiny.run({"vm-tell", {{"guest", 101}, {"command", "stop"}}});
    ASSERT_TRUE(until(GuestState::paused));
    ASSERT_TRUE(loop.run_until([&] { return state.guest(101)->disk_read.has_value(); }, 30s));
    ASSERT_EQ(::kill(state.guest(101)->sighting.pid, SIGKILL), 0);
    ASSERT_TRUE(until(GuestState::stopped));
    ASSERT_FALSE(state.guest(101)->sighting.notes.empty());
    EXPECT_TRUE(state.guest(101)->sighting.notes[0].starts_with("QEMU died"));
}

TEST(LookingAtQemu, has_the_balloon_tell_only_when_it_is_shown) {
    TinyGuest tiny;
    tiny.start(tiny.start_values({"-device", "virtio-balloon-pci,id=balloon0"}));
    const auto interval = [&] {
        return vm_monitor(tiny.host(), 101)
            .call("qom-get", {{"path", "/machine/peripheral/balloon0"},
                              {"property", "guest-stats-polling-interval"}})
            .get<int>();
    };
    Loop loop;
    State state(tiny.engine, std::make_unique<NoSenses>());
    state.keep_looking(loop, {});
    loop.run_until([] { return false; }, 300ms);
    EXPECT_EQ(interval(), 0);
    state.show({.memory_used = true, .addresses = false});
    // Asking here takes a question of the state's back, so that it is given time in between.
    bool told = false;
    for (int turn = 0; turn < 20 && !told; ++turn) {
        loop.run_until([] { return false; }, 1500ms);
        told = interval() == 5;
    }
    EXPECT_TRUE(told);
    EXPECT_FALSE(state.guest(101)->memory_used.has_value());  // no system in it that would tell
}

}  // namespace
}  // namespace lodge
