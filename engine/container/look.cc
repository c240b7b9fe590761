#include <algorithm>

#include "engine/container/container.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/store.h"
#include "engine/text.h"
#include "engine/vm/change.h"
#include "engine/vm/vm.h"

namespace lodge {
namespace {

class CtFollowing : public Following {
  public:
    std::optional<ProcessId> process(const Host& host, int id) const override {
        return ct_process(host, id);
    }
    Sighting sighting(Engine&, const Guest& guest, const std::optional<ProcessId>& process,
                      const Said&) const override {
        constexpr int64_t mib = 1 << 20;
        Sighting seen;
        seen.memory_limit = guest.config.integer("memory") * mib;
        if (process) {
            seen.pid = process->pid;
            seen.state = GuestState::running;
        }
        if (has_pending(guest.config)) seen.notes.emplace_back("pending changes");
        if (const auto lock = guest.config.current.get("lock"))
            seen.notes.push_back("lock: " + printable(*lock));
        return seen;
    }
};

}  // namespace

const Schema& CtKind::schema() const {
    return container_schema();
}

std::optional<ProcessId> ct_process(const Host& host, int id) {
    return vm_process(host, id);
}

const Following* CtKind::following() const {
    static const CtFollowing following;
    return &following;
}

Sighting CtKind::look(Engine& engine, const Guest& guest) const {
    return following()->sighting(engine, guest, ct_process(engine.host, guest.id), {});
}

}  // namespace lodge
