#pragma once

#include <sys/types.h>
#include <systemd/sd-bus.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "engine/cgroup.h"
#include "engine/fd.h"

namespace lodge {

using Bus = std::unique_ptr<sd_bus, Owned<sd_bus_flush_close_unref>>;

// The system's bus for root, else the user's, or their systemd's own socket where they have no bus.
// Throws Error.
Bus open_bus(bool system);

// ScopeRequest asks systemd for a scope unit around processes: sent when it is made, so that the
// processes can go on meanwhile, and waited for in finish().
class ScopeRequest {
  public:
    // Sends StartTransientUnit (org.freedesktop.systemd1(5)). A delegated scope is the processes'
    // own to divide, with every controller that there is. Throws Error.
    ScopeRequest(sd_bus* bus, std::string unit, const std::vector<pid_t>& pids,
                 const CpuShare& share, bool delegated = false);
    ScopeRequest(const ScopeRequest&) = delete;
    ScopeRequest& operator=(const ScopeRequest&) = delete;
    // Waits for systemd's answer and for its job to end. Throws Error in words.
    void finish(std::chrono::milliseconds patience);

  private:
    using Slot = std::unique_ptr<sd_bus_slot, Owned<sd_bus_slot_unref>>;
    static int replied(sd_bus_message* message, void* self, sd_bus_error* error);
    static int job_removed(sd_bus_message* message, void* self, sd_bus_error* error);
    void send();
    void clear_the_way();

    sd_bus* bus_;
    std::string unit_;
    std::vector<pid_t> pids_;
    CpuShare share_;
    bool delegated_;
    std::string job_, trouble_, trouble_name_;
    std::vector<std::pair<std::string, std::string>> ended_;  // systemd's jobs and their results
    Slot reply_slot_, signal_slot_;
};

// Changes the limits of a scope (SetUnitProperties). Throws Error.
void change_scope(sd_bus* bus, const std::string& unit, const CpuShare& share);

}  // namespace lodge
