#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <thread>

#include "engine/cgroup.h"
#include "engine/process.h"
#include "engine/vm/qmp.h"
#include "engine/vm/watch.h"
#include "tests/life/tiny.h"

namespace lodge {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

void expect_has(const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
}

const GuestKind& kind_of(const Guest& guest) {
    return *guest.kind;
}

TEST(Stop, ends_and_leaves_nothing) {
    TinyGuest tiny;
    tiny.start();
    const auto process = vm_process(tiny.host(), 101);
    const Guest guest = tiny.guest();
    tiny.carry_out(kind_of(guest).stop(tiny.engine, guest, {}));
    EXPECT_FALSE(open_process(tiny.host(), *process));
    EXPECT_FALSE(tiny.host().exists(tiny.run_folder()));
    const Cgroup cgroup(tiny.host(), 101);
    EXPECT_TRUE(cgroup.folder().empty() || !tiny.host().exists(cgroup.folder()));
    const Sighting seen = tiny.look();
    EXPECT_EQ(seen.state, GuestState::stopped);
    EXPECT_TRUE(seen.notes.empty()) << seen.notes.front();
}

TEST(Stop, by_force) {
    TinyGuest tiny;
    tiny.start();
    const Guest guest = tiny.guest();
    Values words;
    words.set({"force", true});
    tiny.carry_out(kind_of(guest).stop(tiny.engine, guest, words));
    EXPECT_EQ(tiny.look().state, GuestState::stopped);
    EXPECT_TRUE(tiny.look().notes.empty());
}

// A QEMU whose main loop stands still takes no command; SIGTERM is no use to it either.
TEST(Stop, qemu_that_hangs_is_killed) {
    TinyGuest tiny;
    tiny.start();
    const auto process = vm_process(tiny.host(), 101);
    ASSERT_EQ(::kill(process->pid, SIGSTOP), 0);
    EXPECT_EQ(tiny.look().state, GuestState::unknown);
    Values on{{"guest", 101}, {"name", "101 (tiny)"}, {"timeout", 1}, {"force", true}};
    tiny.run({"vm-stop", on});
    EXPECT_FALSE(vm_process(tiny.host(), 101));
    expect_has(tiny.all_said(), "is killed");
}

TEST(Stop, signals_nobody_else) {
    TinyGuest tiny;
    const pid_t other = ::fork();
    if (other == 0) {
        ::pause();
        ::_exit(0);
    }
    const auto process = identify(tiny.host(), other);
    ASSERT_TRUE(process);
    tiny.host().write(tiny.run_folder() + "/pid",
                      fmt::format("{} {} {}", other, process->start - 1, process->boot));
    Values on{{"guest", 101}, {"name", "101 (tiny)"}, {"timeout", 1}, {"force", true}};
    tiny.run({"vm-stop", on});
    tiny.run({"vm-kill", {{"guest", 101}}});
    EXPECT_EQ(::waitpid(other, nullptr, WNOHANG), 0);
    ::kill(other, SIGKILL);
    ::waitpid(other, nullptr, 0);
}

TEST(Shutdown, waits_as_long_as_told) {
    TinyGuest tiny;
    tiny.start();
    const Guest guest = tiny.guest();
    Values words;
    words.set({"timeout", 3});
    Exit exit = Exit::ok;
    // SeaBIOS hears no power button.
    const std::string text = error_of(
        [&] { tiny.carry_out(kind_of(guest).shutdown(tiny.engine, guest, words)); }, &exit);
    expect_has(text, "101 (tiny) did not shut down within 3 s");
    expect_has(text, "lodge stop 101");
    EXPECT_EQ(exit, Exit::failed);
    expect_has(tiny.all_said(), "asked by its power button");
    expect_has(tiny.all_said(), "asked again by its power button");
    EXPECT_EQ(tiny.look().state, GuestState::running);
    words.set({"force", true});
    tiny.carry_out(kind_of(guest).shutdown(tiny.engine, guest, words));
    EXPECT_EQ(tiny.look().state, GuestState::stopped);
}

TEST(Shutdown, lets_a_paused_guest_go_on) {
    TinyGuest tiny;
    tiny.start();
    vm_monitor(tiny.host(), 101).call("stop");
    EXPECT_EQ(tiny.look().state, GuestState::paused);
    Values on{{"guest", 101}, {"name", "x"}, {"timeout", 0}, {"agent", true}};
    error_of([&] { tiny.run({"vm-shutdown", on}); });
    expect_has(tiny.all_said(), "it goes on, so that it can end");
    expect_has(tiny.all_said(), "the guest agent cannot be asked");
}

TEST(Shutdown, can_be_given_up) {
    TinyGuest tiny;
    tiny.start();
    tiny.going = [] { return false; };
    Exit exit = Exit::ok;
    Values on{{"guest", 101}, {"name", "x"}, {"timeout", 60}, {"agent", false}, {"force", true}};
    error_of([&] { tiny.run({"vm-shutdown", on}); }, &exit);
    EXPECT_EQ(exit, Exit::cancelled);
    EXPECT_TRUE(vm_process(tiny.host(), 101));
}

TEST(Pause, and_on_again) {
    TinyGuest tiny;
    tiny.start();
    const Guest guest = tiny.guest();
    tiny.carry_out(kind_of(guest).suspend(tiny.engine, guest, {}));
    EXPECT_EQ(tiny.look().state, GuestState::paused);
    expect_has(error_of([&] { kind_of(guest).suspend(tiny.engine, guest, {}); }), "paused already");
    tiny.carry_out(kind_of(guest).resume(tiny.engine, guest, {}));
    EXPECT_EQ(tiny.look().state, GuestState::running);
    expect_has(error_of([&] { kind_of(guest).resume(tiny.engine, guest, {}); }),
               "it is not paused");
    tiny.carry_out(kind_of(guest).reset(tiny.engine, guest, {}));
    EXPECT_EQ(tiny.look().state, GuestState::running);
}

TEST(Refusals, of_a_guest_that_does_not_run) {
    TinyGuest tiny;
    const Guest guest = tiny.guest();
    const GuestKind& kind = kind_of(guest);
    Exit exit = Exit::ok;
    for (const auto& plan :
         std::vector<std::function<void()>>{[&] { kind.stop(tiny.engine, guest, {}); },
                                            [&] { kind.shutdown(tiny.engine, guest, {}); },
                                            [&] { kind.reboot(tiny.engine, guest, {}); },
                                            [&] { kind.reset(tiny.engine, guest, {}); },
                                            [&] { kind.suspend(tiny.engine, guest, {}); },
                                            [&] { kind.resume(tiny.engine, guest, {}); }}) {
        exit = Exit::ok;
        expect_has(error_of(plan, &exit), "101 (tiny): it is not running");
        EXPECT_EQ(exit, Exit::refused);
    }
}

TEST(End, by_itself_is_cleaned_by_who_looks) {
    TinyGuest tiny;
    tiny.start();
    const auto process = vm_process(tiny.host(), 101);
    Fd pidfd = open_process(tiny.host(), *process);
    vm_monitor(tiny.host(), 101).call("quit");
    ASSERT_TRUE(wait_end(pidfd, seconds(10)));
    ::waitpid(process->pid, nullptr, 0);
    const Sighting seen = tiny.look();
    EXPECT_EQ(seen.state, GuestState::stopped);
    EXPECT_TRUE(seen.notes.empty()) << seen.notes.front();
    EXPECT_FALSE(tiny.host().exists(tiny.run_folder()));
    EXPECT_FALSE(vm_last_end(tiny.host(), 101)->died);
}

TEST(End, by_a_crash_keeps_the_last_words) {
    TinyGuest tiny;
    tiny.start();
    const auto process = vm_process(tiny.host(), 101);
    ASSERT_EQ(::kill(process->pid, SIGKILL), 0);
    ::waitpid(process->pid, nullptr, 0);
    const Sighting seen = tiny.look();
    EXPECT_EQ(seen.state, GuestState::stopped);
    ASSERT_EQ(seen.notes.size(), 1u);
    expect_has(seen.notes[0], "QEMU died");
    EXPECT_TRUE(vm_last_end(tiny.host(), 101)->died);
    tiny.start();
    EXPECT_FALSE(vm_last_end(tiny.host(), 101));
}

TEST(Look, a_hung_guest_does_not_block) {
    TinyGuest tiny;
    tiny.start();
    const pid_t pid = vm_process(tiny.host(), 101)->pid;
    ::kill(pid, SIGSTOP);
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 20; ++i)
        EXPECT_EQ(tiny.look().state, GuestState::unknown);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20))
        << "each look waited for the guest";
    ::kill(pid, SIGCONT);
}

TEST(Watch, tells_what_happens) {
    TinyGuest tiny;
    Loop loop;
    std::vector<std::string> heard;
    GuestWatch watch(loop, tiny.host(), [&](int id, const std::string& what) {
        EXPECT_EQ(id, 101);
        heard.push_back(what);
    });
    const auto wait_for = [&](const std::string& what) {
        return loop.run_until(
            [&] { return std::find(heard.begin(), heard.end(), what) != heard.end(); },
            seconds(10));
    };
    tiny.start();
    EXPECT_TRUE(wait_for("started"));
    EXPECT_EQ(watch.watched(), 1u);
    vm_monitor(tiny.host(), 101).call("stop");
    EXPECT_TRUE(wait_for("stop"));
    const pid_t pid = vm_process(tiny.host(), 101)->pid;
    ::kill(pid, SIGSEGV);
    EXPECT_TRUE(wait_for("died"));
    EXPECT_EQ(watch.watched(), 0u);
    EXPECT_TRUE(vm_last_end(tiny.host(), 101)->died);
    ::waitpid(pid, nullptr, 0);
}

}  // namespace
}  // namespace lodge
