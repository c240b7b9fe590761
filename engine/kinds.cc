#include "engine/container/container.h"
#include "engine/engine.h"
#include "engine/vm/vm.h"

namespace lodge {

std::span<const GuestKind* const> guest_kinds() {
    static const VmKind vm;
    static const CtKind ct;
    static const GuestKind* const kinds[] = {
        &vm,
        &ct,
    };
    return kinds;
}

}  // namespace lodge
