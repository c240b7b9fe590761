#pragma once

#include <optional>
#include <span>
#include <string>

#include "engine/guest.h"
#include "engine/process.h"

namespace lodge {

// CtKind is the kind of guest that liblxc runs: a container. Its process is liblxc's monitor, which
// stays as long as the container does and holds its console; nothing else of Lodge stays.
class CtKind : public GuestKind {
  public:
    std::string_view name() const override { return "ct"; }
    std::string_view folder() const override { return "lxc"; }
    const Schema& schema() const override;

    // look.cc
    Sighting look(Engine& engine, const Guest& guest) const override;
    const Following* following() const override;
};

// The monitor of a running container, as <run>/guest/<id>/pid names it; nullopt when it does not
// run.
std::optional<ProcessId> ct_process(const Host& host, int id);

}  // namespace lodge
