#include "passthrough/mind.h"

#include <fcntl.h>
#include <sys/epoll.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <thread>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/loop.h"
#include "engine/units.h"
#include "engine/vm/life.h"
#include "engine/vm/usb_live.h"
#include "engine/vm/vm.h"
#include "passthrough/console.h"
#include "passthrough/handed.h"
#include "passthrough/udev.h"
#include "passthrough/usb_follow.h"
#include "passthrough/wishes.h"

namespace lodge {
namespace {

using std::chrono::seconds;

bool has_devices(const Host& host, int guest) {
    const auto handed = handed_devices(host);
    return std::any_of(handed.begin(), handed.end(),
                       [&](const Handed& one) { return one.guest == guest; });
}

void run_mind(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const int guest = static_cast<int>(on.integer("guest"));
    Program program;
    program.argv = split("lodge device mind " + on.text("guest"), ' ');
    program.argv[0] = host.need_program("lodge");
    // While the screen is dark the power button gives it back, and does not turn the machine off
    // (systemd-inhibit(1)).
    const auto inhibit = host.program("systemd-inhibit");
    if (console_holder(host) == guest && inhibit && host.exists(host.system("/run/systemd/system")))
        program.argv.insert(program.argv.begin(),
                            {*inhibit, "--what=handle-power-key", "--who=Lodge", "--mode=block",
                             "--why=The power button gives this machine its screen back"});
    program.folder = std::string("/");
    const Fd log = open_vm_log(host, guest, "", "devices.log");
    start_detached(program, log.get());
}

std::string mind_shell(const Values& on) {
    return fmt::format("lodge device mind {} &", on.text("guest"));
}

constexpr ActionKind kinds[] = {{"device-mind", run_mind, mind_shell}};

}  // namespace

void plan_mind(Engine& engine, int guest, Plan& plan) {
    if (!engine.host.program("lodge")) {
        plan.warn(
            "its devices come back by lodge stop or lodge device take-back only: the program "
            "lodge is not in a place where it could be started to wait for the guest's end");
        return;
    }
    plan.step(
        "have somebody wait for its end, to give its devices back, and follow what is plugged in",
        {"device-mind", {{"guest", guest}}});
}

namespace {

// Minder waits for the end of one QEMU process; until then it follows what is plugged in on USB.
class Minder {
  public:
    Minder(Engine& engine, int guest, const ProcessId& process)
        : engine_(engine), guest_(guest), pidfd_(open_process(engine.host, process)) {}

    void wait() {
        if (!pidfd_) return;
        end_ = loop_.on_end(pidfd_.get(), [this] { loop_.stop(); });
        try {
            watch_.emplace(loop_, std::vector<UdevWatch::Filter>{{"usb", "usb_device"}},
                           [this](const UdevWatch::Event& event) {
                               // "add" comes before the device can be used, "bind" after.
                               if (event.action == "bind" || event.action == "remove") look_soon();
                           });
        } catch (const Error& error) {
            say(error.what());
        }
        if (console_holder(engine_.host) == guest_) listen_to_button();
        look_soon();
        loop_.run();
    }

  private:
    static void say(const std::string& line) {
        fmt::print("{}\n", printable(line));
        std::fflush(stdout);
    }

    // While the guest has the screen the power button ends it: politely first.
    void listen_to_button() {
        button_.emplace(engine_.host);
        for (const Fd& fd : button_->fds())
            button_events_.push_back(loop_.on_io(fd.get(), EPOLLIN, [this](uint32_t events) {
                if (button_->pressed()) give_screen_back();
                // Unplugged, it would be ready for ever.
                if ((events & (EPOLLHUP | EPOLLERR)) != 0)
                    deaf_ = loop_.after(seconds(0), seconds(0), [this] { button_events_.clear(); });
            }));
    }

    void give_screen_back() {
        say("the power button was pressed: the guest is ended, and this machine has its screen");
        try {
            const Guest guest = load_guest(engine_, guest_);
            const Plan plan =
                guest.kind->shutdown(engine_, guest, {{"timeout", 30}, {"force", true}});
            engine_.jobs.follow(engine_.jobs.start(engine_, plan), {});
        } catch (const Error& error) {
            say(error.what());
        }
    }

    // Several come together: a hub with all that is behind it.
    void look_soon(std::chrono::milliseconds delay = std::chrono::milliseconds(200)) {
        soon_ = loop_.after(delay, std::chrono::milliseconds(50), [this] { look(); });
    }

    void look() {
        try {
            const Guest guest = load_guest(engine_, guest_);
            if (usb_wishes(engine_.host, guest.config).empty()) return;
            const Plan plan = plan_follow_usb(engine_, guest, vm_usb_nodes(engine_.host, guest));
            if (plan.steps.empty()) return;
            say(plan.title);
            const JobRecord record = engine_.jobs.follow(engine_.jobs.start(engine_, plan), {});
            if (record.exit == Exit::busy) look_soon(seconds(1));
        } catch (const Error& error) {
            // Another job is at work on the guest, or it is about to end: then its end is noticed.
            say(error.what());
            if (error.exit() == Exit::busy) look_soon(seconds(1));
        }
    }

    Engine& engine_;
    const int guest_;
    const Fd pidfd_;
    Loop loop_;
    std::optional<UdevWatch> watch_;
    std::optional<PowerButton> button_;
    std::vector<Loop::Source> button_events_;
    Loop::Source end_, soon_, deaf_;
};

// One minds a process; a second one has nothing to do.
void wait_for_end(Engine& engine, int guest, const ProcessId& process) {
    const std::string path = fmt::format("{}/lock-mind-{}-{}-{}", handed_folder(engine.host), guest,
                                         process.pid, process.start);
    engine.host.make_folder(handed_folder(engine.host));
    const FileLock alone(path, fmt::format("guest {} is minded already", guest),
                         std::chrono::milliseconds(0));
    Minder(engine, guest, process).wait();
    engine.host.remove(path);
}

}  // namespace

int mind_guest(Engine& engine, int guest) {
    const auto process = vm_process(engine.host, guest);
    if (process) wait_for_end(engine, guest, *process);
    // Whoever stopped it gives them back as well, and comes first.
    for (;;) {
        if (vm_process(engine.host, guest) || !has_devices(engine.host, guest)) return 0;
        const auto job = engine.jobs.of_guest(guest);
        if (job && job->state == JobState::running) {
            std::this_thread::sleep_for(seconds(1));
            continue;
        }
        Plan plan;
        plan.title = fmt::format("give back the devices of guest {}, which has ended", guest);
        plan.guests.push_back(guest);
        plan_give_back(engine, guest, plan);
        const int number = engine.jobs.start(engine, plan);
        const JobRecord record = engine.jobs.follow(number, {});
        if (record.exit != Exit::busy) return static_cast<int>(record.exit);
        std::this_thread::sleep_for(seconds(1));
    }
}

std::span<const ActionKind> mind_actions() {
    return kinds;
}

}  // namespace lodge
