#include "engine/error.h"
#include "engine/vm/vm.h"

namespace lodge {

std::vector<std::string> VmKind::warnings(Engine& engine, const Guest& guest) const {
    try {
        return vm_command(guest.config, guest.id, vm_facts(engine, guest)).warnings;
    } catch (const Error& error) {
        // What would stop a start is the first thing to know before one.
        return {error.what()};
    }
}

}  // namespace lodge
