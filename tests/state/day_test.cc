// A day of looks, by a clock that the test moves: nothing piles up.
#include <gtest/gtest.h>
#include <malloc.h>

#include "engine/job_events.h"
#include "tests/state/fake_machine.h"

namespace lodge {
namespace {

using namespace std::chrono_literals;

// Looks in the day, ten seconds apart: what is done each 10, 30, 60 or 120 s comes round often.
constexpr int looks = 8640;

size_t open_descriptors() {
    size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
        ++count;
    return count;
}

class Day : public testing::Test {
  protected:
    Day() {
        for (int id = 100; id < 120; ++id)
            machine.guest(id, "name: web\nmemory: 64\nagent: 1\n");
        for (int id = 100; id < 103; ++id)
            start(id);
    }
    void start(int id) {
        pids[id] = ++last_pid;
        machine.process(last_pid, 100, 10, 0, 0);
        machine.run(id, last_pid);
    }
    void add_job(int number) {
        Plan plan;
        plan.title = "do something";
        plan.guests = {100};
        plan.step("it", {"run", {}});
        const std::string folder = fmt::format("{}/jobs/{}", machine.host.state_folder(), number);
        machine.host.write_volatile(folder + "/plan.json", plan_to_json(plan));
        JobLog log(folder + "/events", machine.host);
        log.step(0, "begin");
        if (number % 2 == 0) log.end(JobState::done, Exit::ok, "");
        std::filesystem::remove_all(
            fmt::format("{}/jobs/{}", machine.host.state_folder(), number - 20));
    }
    // What happens now and then in a day.
    void live(int count) {
        machine.processor_time(count, count * 3);
        machine.links({{"tap100i0", count, count}, {"eth0", count, count}});
        if (count % 60 != 0) return;
        const int round = count / 60;
        const int id = 100 + round % 3;
        machine.end(id, pids[id]);
        while (loop.run_once(0ms)) {
        }
        state.look();
        start(id);
        machine.guest(119, fmt::format("name: round{}\n", round));
        if (round % 2 == 0)
            machine.guest(150, "name: visitor\n");
        else
            std::filesystem::remove(machine.engine.store.path("qemu-server", 150));
        add_job(round + 1);
        while (loop.run_once(0ms)) {
        }
    }
    void look(int count) {
        machine.pass(10s);
        state.look();
        if (count % 10 != 0) return;
        state.look_at_host();
        state.look_at_links();
        state.look_at_disks();
        state.look_at_storages();
        state.look_at_jobs(0, 50);
    }

    FakeMachine machine;
    Loop loop;
    State state{machine.eyes()};
    std::map<int, int> pids;
    int last_pid = 4000;
};

TEST_F(Day, leaves_nothing_behind) {
    state.show({.memory_used = true, .addresses = true});
    state.keep_looking(loop, {});
    size_t descriptors = 0, memory = 0;
    for (int count = 1; count <= looks; ++count) {
        live(count);
        look(count);
        if (count != looks / 2) continue;
        // By now every history and every cache is as full as it gets.
        descriptors = open_descriptors();
        memory = ::mallinfo2().uordblks;
    }
    EXPECT_LE(open_descriptors(), descriptors + 2);
    EXPECT_LE(::mallinfo2().uordblks, memory + (200u << 10));
    EXPECT_TRUE(state.anything_running());
    EXPECT_FALSE(state.guest(101)->history->cpu.empty());
    EXPECT_EQ(state.host().history.cpu.size(), History::capacity);
    EXPECT_LE(state.seen().job_count, 21u);
}

}  // namespace
}  // namespace lodge
