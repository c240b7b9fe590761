#include "bench/guests.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "bench/measure.h"
#include "engine/error.h"
#include "engine/process.h"
#include "engine/units.h"
#include "engine/vm/handover.h"
#include "engine/vm/qmp.h"
#include "engine/vm/vm.h"

namespace lodge::bench {
namespace {

std::string make_scratch() {
    std::string name = "/tmp/lodge-bench-XXXXXX";
    if (!::mkdtemp(name.data())) fail_errno(errno, "cannot make " + name);
    // QEMU runs as a user of its own and has to pass through.
    ::chmod(name.c_str(), 0755);
    ::setenv("LODGE_ROOT", name.c_str(), 1);
    return name;
}

}  // namespace

Scratch::Scratch()
    : top_(make_scratch()), host_(Host::real()), engine_(host_, all_actions(), guest_kinds()) {}

Scratch::~Scratch() {
    for (const Guest& guest : list_guests(engine_)) {
        if (const auto id = vm_process(host_, guest.id)) {
            const Fd process = open_process(host_, *id);
            if (process && signal_process(process, SIGKILL))
                wait_end(process, std::chrono::seconds(10));
        }
    }
    std::error_code ignored;
    std::filesystem::remove_all(top_, ignored);
}

void Scratch::add(int first, int count) {
    for (int id = first; id < first + count; ++id)
        host_.write_volatile(
            engine_.store.path("qemu-server", id),
            fmt::format("boot: order=\ncores: 1\nmemory: 64\nname: bench-{}\nballoon: 0\n"
                        "serial0: socket\nsmbios1: uuid=00000000-0000-4000-8000-{:012}\n"
                        "vga: none\ntags: bench\nostype: l26\n",
                        id, id));
}

void Scratch::remove(int first, int count) {
    for (int id = first; id < first + count; ++id)
        host_.remove(engine_.store.path("qemu-server", id));
}

double start_by_hand(Engine& engine, int id) {
    const Guest guest = load_guest(engine, id);
    const VmCommand command = vm_command(guest.config, id, vm_facts(engine, guest));
    const std::string run = guest_run_folder(engine.host, id);
    engine.host.make_folder(run);
    engine.host.make_folder(guest_log_folder(engine.host, id));
    for (const std::string& folder : command.folders)
        engine.host.make_folder(folder);
    return time_of([&] {
        std::vector<std::string> notes;
        std::vector<Fd> handed;
        Program program;
        program.argv = command.argv;
        for (const Handover& handover : command.handovers) {
            handed.push_back(open_handover(handover, notes));
            program.descriptors.emplace_back(handed.back().get(), handover.number);
        }
        const Fd log(::open("/dev/null", O_WRONLY | O_CLOEXEC));
        const pid_t pid = start_detached(program, log.get());
        engine.host.write_volatile(run + "/pid", identify(engine.host, pid)->print());
        Qmp qmp = Qmp::connect(run + "/qmp", std::chrono::seconds(30));
        while (qmp.call("query-status").at("status") != "running")
            std::this_thread::sleep_for(std::chrono::microseconds(200));
    });
}

void end_by_hand(Engine& engine, int id) {
    const auto process_id = vm_process(engine.host, id);
    if (!process_id) fail(Exit::failed, "guest {} does not run", id);
    const Fd process = open_process(engine.host, *process_id);
    Qmp::connect(guest_run_folder(engine.host, id) + "/qmp", std::chrono::seconds(30)).call("quit");
    if (!wait_end(process, std::chrono::seconds(30))) fail(Exit::failed, "QEMU {} stays", id);
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    std::filesystem::remove_all(guest_run_folder(engine.host, id));
}

std::vector<int> processes() {
    std::vector<int> pids;
    for (const auto& entry : std::filesystem::directory_iterator("/proc"))
        if (const auto pid = parse_integer(entry.path().filename().string()))
            pids.push_back(static_cast<int>(*pid));
    std::sort(pids.begin(), pids.end());
    return pids;
}

std::vector<std::string> left_behind(const std::vector<int>& before) {
    const Host host = Host::real();
    std::vector<std::string> found;
    for (const int pid : processes()) {
        if (pid == ::getpid() || std::binary_search(before.begin(), before.end(), pid)) continue;
        const std::string name = host.read_line("/proc/" + std::to_string(pid) + "/comm");
        const bool kernel_thread =
            host.read("/proc/" + std::to_string(pid) + "/cmdline").value_or("").empty();
        if (kernel_thread || name.starts_with("qemu-system")) continue;
        found.push_back(fmt::format("{} ({} KiB PSS)", name, pss(pid) / 1024));
    }
    return found;
}

}  // namespace lodge::bench
