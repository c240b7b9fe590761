#include "engine/error.h"
#include "engine/host.h"
#include "engine/vm/qmp.h"
#include "engine/vm/vm.h"

namespace lodge {

std::optional<ProcessId> vm_process(const Host& host, int id) {
    const auto text = host.read(guest_run_folder(host, id) + "/pid");
    if (!text) return std::nullopt;
    const auto named = ProcessId::parse(*text);
    if (!named) return std::nullopt;
    const auto found = identify(host, named->pid);
    if (!found || found->start != named->start || found->boot != named->boot) return std::nullopt;
    return found;
}

Qmp vm_monitor(const Host& host, int id, std::chrono::milliseconds patience) {
    const auto process = vm_process(host, id);
    if (!process) fail(Exit::refused, "guest {} is not running", id);
    try {
        return Qmp::connect(guest_run_folder(host, id) + "/qmp", patience);
    } catch (const Error& error) {
        // It may have ended between the two looks.
        if (!vm_process(host, id)) fail(Exit::refused, "guest {} is not running", id);
        fail(error.exit(), "guest {} (process {}): {}", id, process->pid, error.what());
    }
}

}  // namespace lodge
