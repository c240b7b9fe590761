#include "engine/state/host_look.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/host.h"
#include "engine/network/port.h"
#include "engine/units.h"

namespace lodge {
namespace {

using namespace std::chrono_literals;

constexpr auto names_hold = 60s;

void add(History& history, const std::optional<double>& value, size_t seconds) {
    history.add(value.value_or(std::numeric_limits<double>::quiet_NaN()), seconds);
}

// The value of NAME="value" in /etc/os-release (os-release(5)).
std::string release_value(std::string_view text, std::string_view name) {
    while (!text.empty()) {
        std::string_view line = next_line(text);
        if (!line.starts_with(name) || line.size() <= name.size() || line[name.size()] != '=')
            continue;
        line.remove_prefix(name.size() + 1);
        if (line.size() >= 2 && line.front() == '"' && line.back() == '"')
            line = line.substr(1, line.size() - 2);
        return std::string(line);
    }
    return "";
}

}  // namespace

HostLook::HostLook(const Host& host, Senses& senses)
    : host_(host),
      senses_(senses),
      stat_(host.system("/proc/stat")),
      memory_(host.system("/proc/meminfo")),
      uptime_file_(host.system("/proc/uptime")),
      load_(host.system("/proc/loadavg")),
      links_(host.system("/proc/net/dev")),
      disks_(host.system("/proc/diskstats")),
      pressure_{KernelFile(host.system("/proc/pressure/cpu")),
                KernelFile(host.system("/proc/pressure/memory")),
                KernelFile(host.system("/proc/pressure/io"))} {}

void HostLook::look(HostView& view, Time now) {
    if (view.name.empty()) read_names(view);
    if (now - names_ >= names_hold) {
        names_ = now;
        real_links_.clear();
        real_disks_.clear();
    }
    std::string_view uptime = uptime_file_.read();
    uptime_ = parse_number(next_word(uptime)).value_or(0);
    view.uptime = static_cast<int64_t>(uptime_);
    std::string_view load = load_.read();
    for (double& one : view.load)
        one = parse_number(next_word(load)).value_or(0);
    read_processors(view);
    read_memory(view);
    read_links(view, now);
    read_disks(view, now);
    view.hottest = senses_.hottest(now);
    view.watts = senses_.watts(now);
    sample(view, now);
}

void HostLook::read_names(HostView& view) {
    view.name = host_.read_line(host_.system("/proc/sys/kernel/hostname"));
    if (view.name.empty()) view.name = "this machine";
    view.kernel = host_.read_line(host_.system("/proc/sys/kernel/osrelease"));
    for (const char* file : {"/etc/os-release", "/usr/lib/os-release"})
        if (view.system.empty())
            view.system = release_value(host_.read(host_.system(file)).value_or(""), "PRETTY_NAME");
    const std::string about = host_.read(host_.system("/proc/cpuinfo")).value_or("");
    std::string_view text = about;
    while (!text.empty() && view.processor.empty()) {
        const std::string_view line = next_line(text);
        const auto colon = line.find(':');
        if (line.starts_with("model name") && colon != std::string_view::npos)
            view.processor = trim(line.substr(colon + 1));
    }
}

void HostLook::read_processors(HostView& view) {
    auto now = cpu_figures(stat_.read());
    view.cpus = std::max(static_cast<int>(now.size()) - 1, 1);
    view.cpu = 0;
    if (!now.empty() && !processors_.empty()) view.cpu = busy_share(processors_[0], now[0]);
    processors_ = std::move(now);
}

void HostLook::read_memory(HostView& view) {
    const MemoryFigures memory = memory_figures(memory_.read());
    view.memory_total = memory.total;
    view.memory_used = memory.total - memory.available;
    view.swap_total = memory.swap_total;
    view.swap_used = memory.swap_total - memory.swap_free;
}

bool HostLook::is_device(std::map<std::string, bool, std::less<>>& known, const char* folder,
                         std::string_view name) {
    const auto found = known.find(name);
    if (found != known.end()) return found->second;
    const std::string path = host_.system(folder) + std::string(name) + "/device";
    return known.emplace(name, host_.exists(path)).first->second;
}

// What passes the machine's own cards, and what the guests' taps have carried.
void HostLook::read_links(HostView& view, Time now) {
    traffic_.clear();
    double in = 0, out = 0;
    bool any = false;
    for (const LinkFigures& link : link_figures(links_.read())) {
        if (const auto owner = guest_port(link.name)) {
            RunningGuest::Traffic& carried = traffic_[owner->guest];
            carried.from_guest += link.received;
            carried.to_guest += link.sent;
        } else if (is_device(real_links_, "/sys/class/net/", link.name)) {
            in += static_cast<double>(link.received);
            out += static_cast<double>(link.sent);
            any = true;
        }
    }
    view.net_in = any ? in_.rate(in, now) : std::nullopt;
    view.net_out = any ? out_.rate(out, now) : std::nullopt;
}

void HostLook::read_disks(HostView& view, Time now) {
    double read = 0, written = 0;
    bool any = false;
    for (const DiskFigures& disk : disk_figures(disks_.read())) {
        if (!is_device(real_disks_, "/sys/block/", disk.name)) continue;
        read += static_cast<double>(disk.read);
        written += static_cast<double>(disk.written);
        any = true;
    }
    view.disk_read = any ? read_.rate(read, now) : std::nullopt;
    view.disk_write = any ? write_.rate(written, now) : std::nullopt;
}

void HostLook::look_closer(HostView& view) {
    auto now = cpu_figures(stat_.read());
    view.cpu_shares.clear();
    if (now.size() == processors_closer_.size())
        for (size_t i = 1; i < now.size(); ++i)
            view.cpu_shares.push_back(busy_share(processors_closer_[i], now[i]));
    processors_closer_ = std::move(now);

    std::optional<double> figures[3];
    for (size_t i = 0; i < 3; ++i)
        figures[i] = pressure_figure(pressure_[i].read());
    view.pressure.reset();
    if (figures[0] && figures[1] && figures[2])
        view.pressure = Pressure{*figures[0], *figures[1], *figures[2]};
}

// The first look knows no rates yet: the history begins with the second.
void HostLook::sample(HostView& view, Time now) {
    if (!sampled_) sampled_ = now;
    const double passed = std::chrono::duration<double>(now - *sampled_).count();
    if (passed < 0.5) return;
    const auto seconds = static_cast<size_t>(std::llround(std::min(passed, 1e6)));
    sampled_ = now;
    HostHistory& history = view.history;
    history.cpu.add(view.cpu, seconds);
    history.memory.add(static_cast<double>(view.memory_used), seconds);
    history.load.add(view.load[0], seconds);
    add(history.celsius, view.hottest ? std::optional(view.hottest->value) : std::nullopt, seconds);
    add(history.watts, view.watts, seconds);
    add(history.disk_read, view.disk_read, seconds);
    add(history.disk_write, view.disk_write, seconds);
    add(history.net_in, view.net_in, seconds);
    add(history.net_out, view.net_out, seconds);
}

}  // namespace lodge
