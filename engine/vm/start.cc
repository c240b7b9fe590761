#include <algorithm>

#include "engine/cgroup.h"
#include "engine/device.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/guest_user.h"
#include "engine/network/nat.h"
#include "engine/storage/device_storage.h"
#include "engine/units.h"
#include "engine/vm/change.h"
#include "engine/vm/cloudinit.h"
#include "engine/vm/handover.h"
#include "engine/vm/life.h"
#include "engine/vm/snapshot.h"
#include "engine/vm/snapshot_parts.h"
#include "engine/vm/vm.h"

// The plan of a start: what stands in the way is said here, before anything happens.

namespace lodge {

std::chrono::seconds vm_start_limit(const Config& config) {
    constexpr int64_t usual = 30, large = 30720;  // s, MiB
    const int64_t memory = config.integer("memory");
    int64_t limit = memory > large ? std::max(usual, memory / 1024) : usual;
    if (!config.indexed("hostpci").empty()) limit *= 4;
    if (config.current.has("hugepages")) limit = std::max<int64_t>(limit, 150);
    if (config.current.has("vmstate")) limit = std::max<int64_t>(limit, 300);
    limit += 5 * static_cast<int64_t>(config.indexed("net").size());
    return std::chrono::seconds(limit);
}

CpuShare cpu_share(const Config& config) {
    CpuShare share;
    share.cpus = config.number("cpulimit");
    // Without the key the kernel's own default stands, which differs between its versions.
    if (config.current.has("cpuunits")) share.units = config.integer("cpuunits");
    return share;
}

std::vector<int> parse_cpu_list(std::string_view text) {
    std::vector<int> processors;
    for (const std::string& part : split(text, ',')) {
        const auto ends = split(trim(part), '-');
        const auto first = parse_integer(ends.front());
        const auto last = parse_integer(ends.back());
        if (ends.size() > 2 || !first || !last || *first < 0 || *last < *first || *last > 8191)
            fail(Exit::usage, "affinity: '{}' is no list of processors such as 0,5,8-11",
                 printable(text));
        for (int64_t one = *first; one <= *last; ++one)
            processors.push_back(static_cast<int>(one));
    }
    return processors;
}

void plan_hook(Engine& engine, const Guest& guest, Plan& plan, std::string_view phase,
               bool needed) {
    const auto volume = guest.config.current.get("hookscript");
    if (!volume) return;
    const VolumeInfo script = engine.storages.info(*volume);
    plan.step(fmt::format("run the hook script ({})", phase),
              {"vm-hook",
               {{"guest", guest.id}, {"phase", phase}, {"path", script.path}, {"needed", needed}}});
}

namespace {

// QEMU writes its number there and removes the file when it ends in order: the difference between
// a guest that turned itself off and a QEMU that died.
std::string pid_file(const VmCommand& command) {
    return command.folders.empty() ? "" : command.folders.front() + "/qemu.pid";
}

// The device files that QEMU opens by itself; their groups go along.
std::vector<std::string> devices_of(const VmCommand& command) {
    if (command.kvm) return {"/dev/kvm"};
    return {};
}

void plan_helpers(const Host& host, const VmCommand& command, int id, Plan& plan) {
    for (const Helper& helper : command.helpers) {
        Values on{{"guest", id},
                  {"name", helper.name},
                  {"argv", helper.argv},
                  {"socket", helper.socket},
                  {"log", guest_log_folder(host, id)}};
        if (host.is_root() && !helper.as_root) on.set({"user", guest_user_name});
        plan.step("start " + helper.name, {"vm-helper", std::move(on)},
                  Action{"vm-helper-stop", {{"guest", id}, {"name", helper.name}}});
    }
}

Action prepare_action(const Host& host, int id, const VmCommand& command) {
    Values on{
        {"guest", id}, {"run", guest_run_folder(host, id)}, {"log", guest_log_folder(host, id)}};
    if (!command.folders.empty()) on.set({"folders", command.folders});
    if (!command.owned.empty()) on.set({"owned", command.owned});
    if (host.is_root()) on.set({"user", guest_user_name});
    return {"vm-prepare", std::move(on)};
}

Action start_action(const Host& host, const Guest& guest, const VmCommand& command,
                    std::string_view hold) {
    Values on{{"guest", guest.id},
              {"name", guest_words(guest)},
              {"argv", command.argv},
              {"limit", vm_start_limit(guest.config).count()},
              {"kvm", command.kvm}};
    for (const Handover& handover : command.handovers)
        on.add("hand-over", print_handover(handover));
    for (const std::string& qmp : command.before_run)
        on.add("before-run", qmp);
    if (const std::string file = pid_file(command); !file.empty()) on.set({"pid-file", file});
    if (!command.affinity.empty()) on.set({"affinity", command.affinity});
    if (!hold.empty()) on.set({"hold", hold});
    if (const CpuShare share = cpu_share(guest.config); share != CpuShare{}) {
        on.set({"cpulimit", fmt::format("{}", share.cpus)});
        on.set({"cpuunits", share.units});
    }
    if (host.is_root()) {
        on.set({"user", guest_user_name});
        if (const auto devices = devices_of(command); !devices.empty())
            on.set({"devices", devices});
    }
    return {"vm-start", std::move(on)};
}

// "q35" names another machine after each upgrade of QEMU; saved memory fits its own only.
void use_saved_machine(Config& config, const SavedState& state) {
    if (state.machine.empty()) return;
    auto machine = config.properties("machine");
    if (!machine) return config.current.set("machine", state.machine);
    machine->set("type", state.machine);
    config.current.set("machine", machine->print());
}

// A saved guest goes on only with the processor it was saved with.
void use_saved_cpu(VmCommand& command, const SavedState& state) {
    const auto cpu = std::find(command.argv.begin(), command.argv.end(), "-cpu");
    if (!state.cpu.empty() && cpu != command.argv.end() && cpu + 1 != command.argv.end())
        *(cpu + 1) = state.cpu;
}

// Files that must be there and open before the guest's user can use them: said now rather than by
// QEMU in the middle.
void check_reachable(const Host& host, const Guest& guest, const VmCommand& command) {
    std::optional<Program::User> user;
    try {
        user = guest_user(host, devices_of(command));
    } catch (const Error& error) {
        if (error.exit() != Exit::missing) throw;
        return;  // made by the plan's first step
    }
    if (!user) return;
    for (const std::string& path : command.owned) {
        if (!host.exists(path)) continue;
        const std::string why = why_unreachable(user, path, false);
        // A file that is merely another's is given over by the start; a folder stays closed.
        if (why.find(" cannot pass ") != std::string::npos)
            fail(Exit::missing, "cannot start {}: {}", guest_words(guest), why);
    }
}

}  // namespace

Plan vm_start_steps(Engine& engine, const Guest& guest) {
    Plan plan;
    plan.guests.push_back(guest.id);
    Guest next = guest;
    // Saved memory goes on in the very machine that it was saved in: what waits, waits on.
    const auto state = saved_state(engine, next.config);
    if (state) use_saved_machine(next.config, *state);
    if (!state && has_pending(next.config)) {
        apply_pending(next.config);
        plan.step("take over the changes that waited for this start",
                  apply_pending_action(guest.id, guest.kind->folder()));
    }
    VmCommand command = vm_command(next.config, guest.id, vm_facts(engine, next));
    if (const std::string file = pid_file(command); !file.empty())
        command.argv.insert(command.argv.end(), {"-pidfile", file});
    std::string hold = command.freeze ? "paused" : "";
    if (state) {
        const auto more = resume_arguments();
        command.argv.insert(command.argv.end(), more.begin(), more.end());
        if (std::find(command.argv.begin(), command.argv.end(), "-S") == command.argv.end())
            command.argv.emplace_back("-S");
        use_saved_cpu(command, *state);
        hold = "incoming";
    }
    for (const std::string& words : command.warnings)
        plan.warn(words);
    if (const std::string words = ends_at_logout(engine.host); !words.empty()) plan.warn(words);
    check_reachable(engine.host, guest, command);
    for (const SnapshotDisk& disk : snapshot_disks(next.config.current))
        if (device_storage(engine.storages, disk.volume))
            plan_activation(engine.storages, engine.storages.info(disk.volume), plan);
    plan_guest_user(engine.host, plan);
    plan.step("make the folders for sockets and logs",
              prepare_action(engine.host, guest.id, command),
              Action{"vm-clean", {{"guest", guest.id}}});
    if (wants_cloudinit(next.config))
        plan.step("write the cloud-init disk", cloudinit_action(guest.id));
    plan_hook(engine, next, plan, "pre-start", true);
    for (const DeviceKind* kind : engine.devices)
        kind->plan_start(engine, next, plan);
    plan_helpers(engine.host, command, guest.id, plan);
    plan_vm_nat_up(engine, next.config, guest.id, plan);
    plan.step("start QEMU and wait until it says running",
              start_action(engine.host, next, command, hold),
              Action{"vm-kill", {{"guest", guest.id}}});
    for (const DeviceKind* kind : engine.devices)
        kind->plan_started(engine, next, plan);
    if (state) add_resume_steps(engine, next, *state, plan);
    plan_hook(engine, next, plan, "post-start", false);
    return plan;
}

Plan VmKind::start(Engine& engine, const Guest& guest, const Values&) const {
    const std::string words = guest_words(guest);
    const auto refused = [&](std::string_view why) {
        fail(Exit::refused, "cannot start {}: {}", words, why);
    };
    if (vm_process(engine.host, guest.id)) refused("it is running");
    if (guest.config.flag("template")) refused("it is a template; lodge clone makes a guest of it");
    if (guest.config.string_of("lock") != "suspended") refuse_if_held(guest, "start");
    Plan plan;
    plan.title = "start " + words;
    plan.append(vm_start_steps(engine, guest));
    plan.afterwards = guest.config.flag("freeze") ? words + " is started and waits for lodge resume"
                                                  : words + " is running";
    return plan;
}

}  // namespace lodge
