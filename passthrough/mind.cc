#include "passthrough/mind.h"

#include <fcntl.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/units.h"
#include "engine/vm/life.h"
#include "engine/vm/vm.h"
#include "passthrough/binding.h"

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
    plan.step("have somebody wait for its end, to give its devices back",
              {"device-mind", {{"guest", guest}}});
}

int mind_guest(Engine& engine, int guest) {
    const auto process = vm_process(engine.host, guest);
    if (process) {
        const Fd pidfd = open_process(engine.host, *process);
        while (pidfd && !wait_end(pidfd, std::chrono::hours(24)))
            continue;
    }
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
