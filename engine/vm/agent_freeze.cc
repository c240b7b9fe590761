#include <algorithm>

#include "engine/error.h"
#include "engine/units.h"
#include "engine/vm/agent.h"

namespace lodge {

FrozenFileSystems::FrozenFileSystems(const Host& host, int id, Agent::Milliseconds limit,
                                     std::function<void(const std::string&)> say)
    : host_(host), id_(id), say_(std::move(say)) {
    try {
        Agent agent = Agent::connect(host, id, std::min(limit, Agent::Milliseconds(3000)));
        asked_ = true;
        const int count = agent.freeze(limit);
        frozen_ = true;
        say_(fmt::format("froze {} in the guest", counted(count, "file system")));
    } catch (const Error& error) {
        say_(fmt::format("file systems are not frozen: {}", error.what()));
        // A freeze without an answer may still come to pass in the guest.
        if (asked_) thaw();
    }
}

FrozenFileSystems::~FrozenFileSystems() {
    try {
        thaw();
    } catch (...) {  // say_ may throw; a destructor may not
    }
}

void FrozenFileSystems::thaw() {
    if (!asked_) return;
    asked_ = false;
    frozen_ = false;
    std::string last;
    for (int attempt = 0; attempt < 3; ++attempt) {
        try {
            Agent agent = Agent::connect(host_, id_, Agent::Milliseconds(5000));
            const int count = agent.thaw(Agent::Milliseconds(10000));
            say_(fmt::format("thawed {} in the guest", counted(count, "file system")));
            return;
        } catch (const Error& error) {
            last = error.what();
        }
    }
    say_(
        fmt::format("the guest's file systems may still be frozen: {}; run fsfreeze --unfreeze in "
                    "the guest, or reset it",
                    last));
}

}  // namespace lodge
