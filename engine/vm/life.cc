#include "engine/vm/life.h"

#include "engine/error.h"
#include "engine/units.h"
#include "engine/vm/vm.h"

// The verbs of a virtual machine's life. On what they work:
//   vm-prepare      guest, run, log, [folders…] [owned…] [user]
//   vm-helper       guest, name, argv…, socket, log, [user] [limit]
//   vm-helper-stop  guest, name
//   vm-hook         guest, phase, path, needed
//   vm-start        guest, name, argv…, limit, kvm, [hand-over…] [before-run…] [hold: paused or
//                   incoming] [user] [devices…] [affinity] [cpulimit] [cpuunits] [pid-file]
//   vm-kill, vm-clean         guest
//   vm-shutdown     guest, name, timeout, agent, [force]
//   vm-stop         guest, name, timeout, [force]
//   vm-reboot       guest, name, timeout
//   vm-tell         guest, command: a QMP command without arguments

namespace lodge {
namespace {

std::string helper_stop_shell(const Values& on) {
    return fmt::format("# end the program {} of guest {}", on.text("name"), on.text("guest"));
}

std::string hook_shell(const Values& on) {
    return shell_line({on.text("path"), on.text("guest"), on.text("phase")});
}

std::string shutdown_shell(const Values& on) {
    std::string text;
    if (on.flag("agent")) text = "# guest agent: guest-shutdown; when it does not answer:\n";
    text += fmt::format("# QMP: system_powerdown; wait {} s", on.text("timeout"));
    if (on.flag("force")) text += "\n# then QMP: quit; wait 10 s; SIGTERM; wait 10 s; SIGKILL";
    return text;
}

std::string stop_shell(const Values& on) {
    if (on.flag("force")) return "# SIGTERM; wait 2 s; SIGKILL";
    return fmt::format("# QMP: quit; wait {} s; SIGTERM; wait 10 s; SIGKILL", on.text("timeout"));
}

std::string kill_shell(const Values& on) {
    return fmt::format("# SIGTERM to the QEMU of guest {}; wait 3 s; SIGKILL", on.text("guest"));
}

std::string clean_shell(const Values& on) {
    return fmt::format("# end the helpers of guest {}, remove its control group and run folder",
                       on.text("guest"));
}

std::string reboot_shell(const Values& on) {
    return fmt::format("# guest agent: guest-shutdown mode=reboot; wait {} s", on.text("timeout"));
}

std::string tell_shell(const Values& on) {
    return "# QMP: " + on.text("command");
}

constexpr ActionKind kinds[] = {
    {"vm-prepare", run_vm_prepare, vm_prepare_shell},
    {"vm-helper", run_vm_helper, vm_helper_shell},
    {"vm-helper-stop", run_vm_helper_stop, helper_stop_shell},
    {"vm-hook", run_vm_hook, hook_shell},
    {"vm-start", run_vm_start, vm_start_shell},
    {"vm-kill", run_vm_kill, kill_shell},
    {"vm-clean", run_vm_clean, clean_shell},
    {"vm-shutdown", run_vm_shutdown, shutdown_shell},
    {"vm-stop", run_vm_stop, stop_shell},
    {"vm-reboot", run_vm_reboot, reboot_shell},
    {"vm-tell", run_vm_tell, tell_shell},
};

}  // namespace

std::span<const ActionKind> vm_life_actions() {
    return kinds;
}

}  // namespace lodge
