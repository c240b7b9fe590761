#pragma once

#include <span>

#include "engine/guest.h"
#include "engine/host.h"
#include "engine/job.h"
#include "engine/plan.h"
#include "engine/storage/storage.h"
#include "engine/store.h"

namespace lodge {

class DeviceKind;
class State;

// Engine is everything a command works with, joined in main and handed down.
struct Engine {
    Engine(Host& h, const Actions& a, std::span<const GuestKind* const> k,
           std::span<const DeviceKind* const> d = {})
        : host(h), actions(a), kinds(k), devices(d), store(h), jobs(h, a), storages(h) {}

    Host& host;
    const Actions& actions;
    std::span<const GuestKind* const> kinds;
    std::span<const DeviceKind* const>
        devices;  // what guests can be given; none where main joins none
    Store store;
    Jobs jobs;
    Storages storages;
    // Who looks at the guests all the time, while someone does: what a command says of itself for
    // each picture is answered from there, without asking a guest or reading a file.
    const State* seen = nullptr;
};

// engine/kinds.cc: one line a kind.
std::span<const GuestKind* const> guest_kinds();
// engine/actions.cc: one line a module's table of verbs.
const Actions& all_actions();

}  // namespace lodge
