#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/state/figures.h"
#include "engine/state/guest_look.h"
#include "engine/state/kernel_file.h"
#include "engine/state/senses.h"
#include "engine/state/views.h"

namespace lodge {

// HostLook reads what the kernel counts of the whole machine: a system call a file.
class HostLook {
  public:
    using Time = std::chrono::steady_clock::time_point;

    HostLook(const Host& host, Senses& senses);

    // All but cpu_shares and pressure.
    void look(HostView& view, Time now);
    void look_closer(HostView& view);  // cpu_shares and pressure
    // Of the last look: what taps have carried, by guest; and the time since the machine's start.
    const GuestLook::Traffic& traffic() const { return traffic_; }
    double uptime() const { return uptime_; }

  private:
    void read_names(HostView& view);
    void read_processors(HostView& view);
    void read_memory(HostView& view);
    void read_links(HostView& view, Time now);
    void read_disks(HostView& view, Time now);
    bool is_device(std::map<std::string, bool, std::less<>>& known, const char* folder,
                   std::string_view name);
    void sample(HostView& view, Time now);

    const Host& host_;
    Senses& senses_;
    KernelFile stat_, memory_, uptime_file_, load_, links_, disks_;
    KernelFile pressure_[3];
    std::vector<CpuFigures> processors_, processors_closer_;
    Meter read_, write_, in_, out_;
    // Whether there is hardware behind a name; asked again now and then.
    std::map<std::string, bool, std::less<>> real_links_, real_disks_;
    Time names_{};
    GuestLook::Traffic traffic_;
    double uptime_ = 0;
    std::optional<Time> sampled_;
};

}  // namespace lodge
