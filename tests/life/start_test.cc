#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "engine/process.h"
#include "engine/units.h"
#include "engine/vm/qmp.h"
#include "tests/life/tiny.h"

namespace lodge {
namespace {

using std::chrono::milliseconds;

void expect_has(const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
}

std::string proc_status(pid_t pid, const std::string& key, const Host& host) {
    for (const std::string& line :
         split(host.read("/proc/" + std::to_string(pid) + "/status").value_or(""), '\n'))
        if (line.starts_with(key + ":")) return std::string(trim(line.substr(key.size() + 1)));
    return "";
}

TEST(Start, runs_and_is_seen) {
    TinyGuest tiny;
    EXPECT_EQ(tiny.look().state, GuestState::stopped);
    tiny.start();
    const Sighting seen = tiny.look();
    EXPECT_EQ(seen.state, GuestState::running);
    EXPECT_TRUE(seen.emulated);
    EXPECT_GT(seen.memory_resident, 1 << 20);
    EXPECT_EQ(seen.memory_limit, 32 << 20);
    EXPECT_EQ(vm_process(tiny.host(), 101)->pid, seen.pid);
    EXPECT_EQ(vm_status(tiny.host(), 101, milliseconds(2000)), "running");
}

TEST(Start, gives_up_all_rights) {
    TinyGuest tiny;
    tiny.start();
    const pid_t pid = tiny.look().pid;
    EXPECT_EQ(proc_status(pid, "NoNewPrivs", tiny.host()), "1");
    EXPECT_EQ(proc_status(pid, "Seccomp", tiny.host()), "2");
    if (!tiny.host().is_root()) GTEST_SKIP() << "only root gives up a user";
    EXPECT_EQ(proc_status(pid, "CapEff", tiny.host()), "0000000000000000");
    EXPECT_EQ(proc_status(pid, "Uid", tiny.host()).find("0\t"), std::string::npos);
    EXPECT_EQ(proc_status(pid, "Groups", tiny.host()), "");
    struct stat own {
    }, file{};
    ASSERT_EQ(::stat((tiny.run_folder() + "/own").c_str(), &own), 0);
    ASSERT_EQ(::stat((tiny.run_folder() + "/pid").c_str(), &file), 0);
    EXPECT_NE(own.st_uid, 0u);
    EXPECT_EQ(file.st_uid, 0u);
}

TEST(Start, tells_qemus_own_words) {
    TinyGuest tiny;
    Exit exit = Exit::ok;
    const std::string words = error_of(
        [&] {
            tiny.start(tiny.start_values({"-device", "no-such-device"}));
        },
        &exit);
    EXPECT_EQ(exit, Exit::failed);
    expect_has(words, "cannot start 101 (tiny): QEMU ended with status 1:");
    expect_has(words, "'no-such-device' is not a valid device model name");
    tiny.run({"vm-kill", {{"guest", 101}}});
    tiny.run({"vm-clean", {{"guest", 101}}});
    EXPECT_FALSE(tiny.host().exists(tiny.run_folder()));
    EXPECT_TRUE(tiny.look().notes.empty());
}

TEST(Start, names_the_package_of_a_missing_qemu) {
    TinyGuest tiny;
    Values on = tiny.start_values();
    auto argv = on.list("argv");
    argv[0] = "qemu-system-none";
    on.set({"argv", argv});
    Exit exit = Exit::ok;
    expect_has(error_of([&] { tiny.start(on); }, &exit), "qemu-system-none");
    EXPECT_EQ(exit, Exit::missing);
}

TEST(Start, is_refused_while_it_runs) {
    TinyGuest tiny;
    tiny.start();
    const pid_t pid = tiny.look().pid;
    Exit exit = Exit::ok;
    expect_has(error_of(
                   [&] {
                       tiny.run({"vm-start", tiny.start_values()});
                   },
                   &exit),
               "it is running (process " + std::to_string(pid));
    EXPECT_EQ(exit, Exit::refused);
    error_of([&] { tiny.run(tiny.prepare_action()); }, &exit);
    EXPECT_EQ(exit, Exit::refused);
    tiny.run({"vm-clean", {{"guest", 101}}});
    EXPECT_EQ(tiny.look().pid, pid);
    EXPECT_EQ(tiny.look().state, GuestState::running);
}

// Both were planned while the guest did not run; the second must neither start nor harm it.
TEST(Start, two_at_once) {
    TinyGuest tiny;
    Plan plan;
    plan.title = "start 101 (tiny)";
    plan.guests = {101};
    plan.step("prepare", tiny.prepare_action(), Action{"vm-clean", {{"guest", 101}}});
    plan.step("start", {"vm-start", tiny.start_values()}, Action{"vm-kill", {{"guest", 101}}});
    const int first = tiny.engine.jobs.start(tiny.engine, plan);
    const int second = tiny.engine.jobs.start(tiny.engine, plan);
    std::vector<JobRecord> records;
    for (const int number : {first, second})
        records.push_back(tiny.engine.jobs.follow(number, {}));
    if (records[0].state != JobState::done) std::swap(records[0], records[1]);
    EXPECT_EQ(records[0].state, JobState::done) << records[0].error;
    EXPECT_EQ(records[1].state, JobState::failed);
    EXPECT_TRUE(records[1].exit == Exit::busy || records[1].exit == Exit::refused)
        << records[1].error;
    EXPECT_EQ(tiny.look().state, GuestState::running);
    // And a third, later.
    const JobRecord third = tiny.engine.jobs.follow(tiny.engine.jobs.start(tiny.engine, plan), {});
    EXPECT_EQ(third.exit, Exit::refused) << third.error;
    expect_has(third.error, "it is running");
    EXPECT_EQ(tiny.look().state, GuestState::running);
}

// Guests outlive whoever started them: a starter killed after its step leaves a guest that is seen
// and controlled by the next.
TEST(Start, outlives_its_starter) {
    TinyGuest tiny;
    const pid_t starter = ::fork();
    if (starter == 0) {
        tiny.start();
        ::kill(::getpid(), SIGKILL);
    }
    ::waitpid(starter, nullptr, 0);
    EXPECT_EQ(tiny.look().state, GuestState::running);
    tiny.carry_out(tiny.guest().kind->suspend(tiny.engine, tiny.guest(), {}));
    EXPECT_EQ(tiny.look().state, GuestState::paused);
}

TEST(Start, is_seen_without_its_configuration) {
    TinyGuest tiny;
    tiny.start();
    tiny.host().remove(tiny.engine.store.path("qemu-server", 101));
    const auto guests = list_guests(tiny.engine);
    ASSERT_EQ(guests.size(), 1u);
    expect_has(guests[0].unreadable, "was removed while it ran");
    EXPECT_EQ(guests[0].kind->look(tiny.engine, guests[0]).state, GuestState::running);
    tiny.carry_out(guests[0].kind->stop(tiny.engine, load_guest(tiny.engine, 101), {}));
    EXPECT_TRUE(list_guests(tiny.engine).empty());
}

TEST(Start, stale_files_are_replaced) {
    TinyGuest tiny;
    tiny.host().make_folder(tiny.run_folder());
    listen_unix(tiny.run_folder() + "/qmp");
    const auto self = identify(tiny.host(), ::getpid());
    ASSERT_TRUE(self);
    // A pid that somebody else has now, another boot, and nonsense.
    for (const std::string& stale :
         {fmt::format("{} {} {}", self->pid, self->start + 1, self->boot),
          fmt::format("{} {} {}", self->pid, self->start, "another-boot"), std::string("what"),
          fmt::format("{} {} {}", 1 << 22, 5, self->boot)}) {
        tiny.host().write(tiny.run_folder() + "/pid", stale);
        EXPECT_FALSE(vm_process(tiny.host(), 101)) << stale;
    }
    tiny.start();
    EXPECT_EQ(tiny.look().state, GuestState::running);
}

TEST(Start, a_pid_file_of_someone_else_counts_nothing) {
    TinyGuest tiny;
    if (!tiny.host().is_root()) GTEST_SKIP() << "needs another user";
    const auto self = identify(tiny.host(), ::getpid());
    tiny.host().write(tiny.run_folder() + "/pid", self->print());
    EXPECT_TRUE(vm_process(tiny.host(), 101));
    ASSERT_EQ(::chown((tiny.run_folder() + "/pid").c_str(), 65534, 65534), 0);
    EXPECT_FALSE(vm_process(tiny.host(), 101));
    tiny.host().remove(tiny.run_folder() + "/pid");
}

TEST(Start, held_until_somebody_says_go) {
    TinyGuest tiny;
    Values on = tiny.start_values({"-S"});
    on.set({"hold", "paused"});
    tiny.start(on);
    EXPECT_EQ(tiny.look().state, GuestState::paused);
    tiny.carry_out(tiny.guest().kind->resume(tiny.engine, tiny.guest(), {}));
    EXPECT_EQ(tiny.look().state, GuestState::running);
}

TEST(Start, commands_before_it_runs) {
    TinyGuest tiny;
    Values on =
        tiny.start_values({"-S", "-netdev", "user,id=net0", "-device", "e1000,netdev=net0,id=n0"});
    on.set({"before-run",
            std::vector<std::string>{
                R"({"execute": "set_link", "arguments": {"name": "n0", "up": false}})"}});
    tiny.start(on);
    EXPECT_EQ(tiny.look().state, GuestState::running);
}

TEST(Start, that_hangs_has_an_end) {
    TinyGuest tiny;
    Values on = tiny.start_values();
    on.set({"argv", std::vector<std::string>{"/bin/sleep", "60"}});
    on.set({"limit", 1});
    expect_has(error_of([&] { tiny.start(on); }), "did not answer in time");
    EXPECT_TRUE(vm_process(tiny.host(), 101));
    tiny.run({"vm-kill", {{"guest", 101}}});
    EXPECT_FALSE(vm_process(tiny.host(), 101));
}

TEST(Start, can_be_cancelled) {
    TinyGuest tiny;
    Values on = tiny.start_values();
    on.set({"argv", std::vector<std::string>{"/bin/sleep", "60"}});
    tiny.run(tiny.prepare_action());
    tiny.going = [] { return false; };
    Exit exit = Exit::ok;
    error_of([&] { tiny.run({"vm-start", on}); }, &exit);
    EXPECT_EQ(exit, Exit::cancelled);
}

TEST(Start, undo_of_what_never_began) {
    TinyGuest tiny;
    tiny.run({"vm-kill", {{"guest", 101}}});
    tiny.run({"vm-helper-stop", {{"guest", 101}, {"name", "swtpm"}}});
    tiny.run({"vm-clean", {{"guest", 101}}});
    tiny.run({"vm-clean", {{"guest", 101}}});
}

TEST(Start, helper_is_waited_for_and_ended) {
    TinyGuest tiny;
    tiny.run(tiny.prepare_action());
    const std::string socket = tiny.run_folder() + "/own/helper";
    Values on{{"guest", 101},
              {"name", "helper"},
              {"argv", std::vector<std::string>{"/bin/sh", "-c",
                                                "sleep 0.1; : > " + socket + "; exec sleep 60"}},
              {"socket", socket},
              {"log", guest_log_folder(tiny.host(), 101)}};
    if (tiny.host().is_root()) on.set({"user", "lodge-guest"});
    tiny.run({"vm-helper", on});
    const auto helper =
        ProcessId::parse(tiny.host().read_line(tiny.run_folder() + "/helper.helper"));
    ASSERT_TRUE(helper);
    EXPECT_TRUE(open_process(tiny.host(), *helper));
    tiny.run({"vm-helper-stop", {{"guest", 101}, {"name", "helper"}}});
    EXPECT_FALSE(open_process(tiny.host(), *helper));
}

TEST(Start, helper_that_fails_says_why) {
    TinyGuest tiny;
    tiny.run(tiny.prepare_action());
    expect_has(
        error_of([&] {
            tiny.run({"vm-helper",
                      {{"guest", 101},
                       {"name", "swtpm"},
                       {"argv", std::vector<std::string>{"/bin/sh", "-c", "echo no state; exit 1"}},
                       {"socket", tiny.run_folder() + "/own/swtpm"},
                       {"log", guest_log_folder(tiny.host(), 101)}}});
        }),
        "swtpm ended at once; it said: no state");
}

TEST(Start, hook_script) {
    TinyGuest tiny;
    const std::string script = tiny.scratch.folder.path() + "/hook.sh";
    tiny.host().write(script, "#!/bin/sh\necho \"$1 is $2\"\n[ $2 != post-start ]\n", 0755);
    const auto hook = [&](const char* phase, bool needed) {
        tiny.run(
            {"vm-hook", {{"guest", 101}, {"phase", phase}, {"path", script}, {"needed", needed}}});
    };
    hook("pre-start", true);
    expect_has(tiny.all_said(), "hook: 101 is pre-start");
    hook("post-start", false);
    expect_has(tiny.all_said(), "warning: the hook script failed at post-start");
    expect_has(error_of([&] { hook("post-start", true); }), "failed at post-start");
}

TEST(Start, command_line_for_people) {
    TinyGuest tiny;
    Values on = tiny.start_values();
    on.add("hand-over", "open 12 /dev/vhost-net");
    on.add("hand-over", "tap 13 tap101i0 bridge=vmbr0 vlan=7");
    const std::string text = tiny.engine.actions.shell({"vm-start", on});
    expect_has(text,
               "/usr/bin/qemu-system-x86_64 \\\n    -machine pc,accel=tcg \\\n    -m 32 \\\n");
    expect_has(text, "12<>/dev/vhost-net");
    expect_has(text, "ip link set dev tap101i0 master vmbr0");
    expect_has(text, "bridge vlan add dev tap101i0 vid 7 pvid untagged");
}

TEST(Start, handovers_as_text) {
    for (const char* text :
         {"listen 10 /run/a b/qmp", "connect 11 /x", "open 12 /dev/vhost-net", "read 13 /a,b.iso",
          "tap 14 tap101i0 bridge=vmbr0 vlan=10 mtu=9000 trunks=10;20-30 rate=2.5 multi-queue",
          "tap 15 tap101i1"})
        EXPECT_EQ(print_handover(parse_handover(text)), text);
    for (const char* text : {"", "listen", "listen x /a", "listen 1 /a", "what 10 /a"})
        EXPECT_NE(error_of([&] { parse_handover(text); }), "no error") << text;
}

TEST(Start, processors) {
    EXPECT_EQ(parse_cpu_list("0,5,8-11"), (std::vector<int>{0, 5, 8, 9, 10, 11}));
    for (const char* text : {"", "a", "3-1", "-1", "1-2-3", "99999"})
        EXPECT_NE(error_of([&] { parse_cpu_list(text); }), "no error") << text;
    TinyGuest tiny;
    Values on = tiny.start_values();
    on.set({"affinity", "0"});
    tiny.start(on);
    EXPECT_EQ(proc_status(tiny.look().pid, "Cpus_allowed_list", tiny.host()), "0");
}

}  // namespace
}  // namespace lodge
