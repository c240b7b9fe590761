#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <functional>
#include <thread>

#include "engine/error.h"
#include "engine/trial_record.h"
#include "engine/units.h"
#include "passthrough/binding.h"
#include "passthrough/device_trial.h"
#include "passthrough/identity.h"
#include "tests/passthrough/fake_kernel.h"

// A device that may cut somebody off is handed over on trial, and comes back in every way.
namespace lodge {
namespace {

constexpr std::string_view kMachine = R"(
    iommu dmar0
    pci 0000:00:1c.0 060400 8086:7ab8 driver=pcieport group=5
    pci 0000:02:00.0 020000 8086:125c driver=igc group=14
    pci 0000:02:00.1 040300 8086:1234 driver=snd_hda_intel group=14
    net lan1 0000:02:00.0 down
    default-route lan1
    class hwmon hwmon0 - name=coretemp
    class hwmon hwmon1 - name=acpitz
    guest 101 name: web\nmemory: 256
)";

bool soon(const std::function<bool()>& done) {
    for (int i = 0; i < 12000; ++i) {
        if (done()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
}

class DeviceTrial : public testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "only root hands devices over";
        ::unsetenv("SSH_CONNECTION");
        ::prctl(PR_SET_CHILD_SUBREAPER, 1);
        kernel.show_processes();
        agree(120);
        before = kernel.state();
    }
    void TearDown() override {
        ::unsetenv("SSH_CONNECTION");
        for (const int number : trials::active(kernel.host()))
            kernel.host().remove(trials::path(kernel.host(), number));  // its watcher ends
    }
    void agree(int seconds) {
        const Inventory inventory = kernel.look();
        kernel.host().write(
            identity_path(kernel.host(), 101),
            identities_with(kernel.host(), 101, functions_at(inventory, "0000:02:00.0"), seconds));
    }
    // The part of a start that a kernel without a real QEMU can carry out.
    Plan start() {
        const Inventory inventory = kernel.look();
        const Guest guest = load_guest(kernel.engine(), 101);
        const auto functions = functions_at(inventory, "0000:02:00.0");
        Plan hand, plan;
        plan_hand_over(kernel.engine(), inventory, 101, functions, hand);
        for (Step& step : hand.steps) {
            step.action.on.erase("user");
            if (step.action.verb == "device-compare") step.action.on.set({"keep", true});
        }
        plan.title = "start 101 (web)";
        plan.guests = {101};
        plan_device_trial(kernel.engine(), guest, functions, hand, plan);
        plan.append(std::move(hand));
        plan_device_trial_begun(plan);
        return plan;
    }
    JobRecord begin() {
        Engine& engine = kernel.engine();
        return engine.jobs.follow(engine.jobs.start(engine, start()), {});
    }
    JobRecord run(const Plan& plan) {
        return kernel.engine().jobs.follow(kernel.engine().jobs.start(kernel.engine(), plan), {});
    }
    bool over() { return active_trials(kernel.host()).empty(); }
    std::string why_failed() {
        const auto failed = failed_subjects(kernel.host());
        return failed.empty() ? "" : failed.front().subject + ": " + failed.front().why;
    }
    int number() { return active_trials(kernel.host()).at(0).number; }
    void kill_watcher() {
        const auto watcher = ProcessId::parse(
            kernel.host().read_line(trials::watcher_path(kernel.host(), number())));
        ASSERT_TRUE(watcher);
        const Fd process = open_process(kernel.host(), *watcher);
        signal_process(process, SIGKILL);
        ASSERT_TRUE(wait_end(process, std::chrono::seconds(10)));
    }
    FakeKernel kernel{kMachine};
    std::string before;
};

TEST_F(DeviceTrial, UnconfirmedItComesBack) {
    agree(1);
    const JobRecord record = begin();
    ASSERT_EQ(record.state, JobState::done) << record.error;
    ASSERT_TRUE(soon([&] { return over(); }));
    EXPECT_EQ(kernel.state(), before);
    EXPECT_EQ(why_failed(), "02:00.0 (8086:125c) for guest 101: nobody confirmed it in time");
    const Guest guest = load_guest(kernel.engine(), 101);
    const Inventory inventory = kernel.look();
    EXPECT_EQ(failed_trials(kernel.host(), functions_at(inventory, "0000:02:00.0"), 101).size(),
              1U);
}

TEST_F(DeviceTrial, ConfirmedItStaysAndLaterStartsAreNone) {
    ASSERT_EQ(begin().state, JobState::done);
    EXPECT_EQ(active_trials(kernel.host()).at(0).title, "101 (web) has 02:00.0 (network card)");
    EXPECT_EQ(kernel.driver("0000:02:00.0"), "vfio-pci");
    const JobRecord kept = run(confirm_plan(kernel.host(), number()));
    ASSERT_EQ(kept.state, JobState::done) << kept.error;
    EXPECT_EQ(kernel.driver("0000:02:00.0"), "vfio-pci");
    EXPECT_EQ(known_identity(kernel.host(), 101, "0000:02:00.0")->consent, Identity::Consent::kept);
    const Inventory inventory = kernel.look();
    EXPECT_TRUE(on_trial(kernel.host(), load_guest(kernel.engine(), 101),
                         functions_at(inventory, "0000:02:00.0"))
                    .empty());
    Plan back;
    back.guests = {101};
    plan_give_back(kernel.engine(), 101, back);
    EXPECT_EQ(run(back).state, JobState::done);
    EXPECT_EQ(kernel.state(), before);
}

TEST_F(DeviceTrial, ASensorLostLaterTakesItBack) {
    ASSERT_EQ(begin().state, JobState::done);
    ::rename(kernel.host().system("/sys/class/hwmon/hwmon1").c_str(),
             kernel.host().system("/.fake/hwmon1").c_str());
    ASSERT_TRUE(soon([&] { return over(); }));
    ::rename(kernel.host().system("/.fake/hwmon1").c_str(),
             kernel.host().system("/sys/class/hwmon/hwmon1").c_str());
    EXPECT_EQ(kernel.state(), before);
    EXPECT_NE(why_failed().find("sensor chip acpitz is gone"), std::string::npos) << why_failed();
}

// A connection as sshd has it: what it is about does not matter.
struct Connection {
    Connection() {
        const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        here.sin_family = AF_INET;
        here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof here;
        ::bind(server, reinterpret_cast<sockaddr*>(&here), size);
        ::listen(server, 1);
        ::getsockname(server, reinterpret_cast<sockaddr*>(&here), &size);
        client = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        ::connect(client.get(), reinterpret_cast<sockaddr*>(&here), size);
        ::getsockname(client.get(), reinterpret_cast<sockaddr*>(&there), &size);
        accepted = Fd(::accept4(server, nullptr, nullptr, SOCK_CLOEXEC));
        ::close(server);
    }
    std::string words() const {
        return fmt::format("127.0.0.1 {} 127.0.0.1 {}", ntohs(there.sin_port),
                           ntohs(here.sin_port));
    }
    sockaddr_in here{}, there{};
    Fd client, accepted;
};

TEST_F(DeviceTrial, TheLostSshSessionTakesItBack) {
    Connection connection;
    ::setenv("SSH_CONNECTION", connection.words().c_str(), 1);
    ASSERT_EQ(begin().state, JobState::done);
    std::this_thread::sleep_for(std::chrono::milliseconds(1200));
    ASSERT_FALSE(over()) << "the session lives: " << why_failed();
    connection.client = Fd();
    ASSERT_TRUE(soon([&] { return over(); }));
    EXPECT_EQ(kernel.state(), before);
    EXPECT_NE(why_failed().find("the SSH session from 127.0.0.1 that began it was closed"),
              std::string::npos)
        << why_failed();
}

TEST_F(DeviceTrial, KilledWatcherAndRestart) {
    ASSERT_EQ(begin().state, JobState::done);
    kill_watcher();
    const auto said = recover_trials(kernel.engine());
    ASSERT_EQ(said.size(), 1U);
    EXPECT_EQ(kernel.state(), before);

    // A restart: /run is empty, and every driver has its own again.
    ASSERT_EQ(begin().state, JobState::done);
    kill_watcher();
    TrialRecord record = load_trial(kernel.host(), number());
    record.boot = "another";
    trials::store(kernel.host(), record);
    Plan back;
    back.guests = {101};
    plan_give_back(kernel.engine(), 101, back);
    back.steps.pop_back();  // nobody ended the trial: the power went
    ASSERT_EQ(run(back).state, JobState::done);
    EXPECT_EQ(recover_trials(kernel.engine()).size(), 1U);
    EXPECT_TRUE(over());
    EXPECT_EQ(kernel.state(), before);
    EXPECT_NE(why_failed().find("the machine was restarted"), std::string::npos) << why_failed();
}

TEST_F(DeviceTrial, AGuestThatEndsEndsIt) {
    ASSERT_EQ(begin().state, JobState::done);
    Plan back;
    back.guests = {101};
    plan_give_back(kernel.engine(), 101, back);
    ASSERT_EQ(run(back).state, JobState::done);
    EXPECT_TRUE(over());
    EXPECT_EQ(kernel.state(), before);
    EXPECT_EQ(why_failed(), "") << "it is tried again by the next start";
}

TEST_F(DeviceTrial, ADriverThatDoesNotComeBackIsSaid) {
    ASSERT_EQ(begin().state, JobState::done);
    kernel.put("/.fake/refuses-igc", "");
    EXPECT_EQ(run(take_back_plan(kernel.host(), number())).state, JobState::failed);
    const TrialView stuck = active_trials(kernel.host()).at(0);
    EXPECT_EQ(stuck.phase, TrialPhase::stuck);
    EXPECT_NE(stuck.trouble.find("does not come back to igc"), std::string::npos) << stuck.trouble;
    ::unlink(kernel.host().system("/.fake/refuses-igc").c_str());
    EXPECT_EQ(run(take_back_plan(kernel.host(), number())).state, JobState::done);
    EXPECT_EQ(kernel.state(), before);
}

TEST_F(DeviceTrial, PulledOutInTheMiddleItIsForgotten) {
    ASSERT_EQ(begin().state, JobState::done);
    kernel.remove_device("0000:02:00.0");
    EXPECT_EQ(run(take_back_plan(kernel.host(), number())).state, JobState::done);
    EXPECT_EQ(kernel.driver("0000:02:00.1"), "snd_hda_intel");
    EXPECT_TRUE(handed_devices(kernel.host()).empty());
    EXPECT_TRUE(over());
}

// Whoever carries it out is killed: the watcher puts all back, and what is left for `lodge job
// clean` finds nothing to do.
TEST_F(DeviceTrial, KilledAtEachStepItComesBack) {
    const size_t steps = start().steps.size();
    for (size_t step = 0; step < steps; ++step)
        for (const char* event : {"begin", "done"}) {
            SCOPED_TRACE(fmt::format("killed at {}:{}", step, event));
            Engine& engine = kernel.engine();
            ::setenv("LODGE_TEST_DIE_AT", fmt::format("{}:{}", step, event).c_str(), 1);
            const int job = engine.jobs.start(engine, start());
            ::unsetenv("LODGE_TEST_DIE_AT");
            const JobRecord record = engine.jobs.follow(job, {});
            // Past the last step it waits for an answer; that is not given here.
            if (!over() && active_trials(kernel.host()).at(0).phase == TrialPhase::waiting) {
                EXPECT_EQ(step + 1, steps);
                EXPECT_EQ(run(take_back_plan(kernel.host(), number())).state, JobState::done);
            }
            ASSERT_TRUE(soon([&] { return over(); }));
            EXPECT_EQ(kernel.state(), before);
            if (record.state == JobState::interrupted) {
                EXPECT_EQ(run(engine.jobs.clean(job)).state, JobState::done);
            }
            EXPECT_EQ(kernel.state(), before);
        }
}

}  // namespace
}  // namespace lodge
