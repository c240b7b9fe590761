#include "power/blockers.h"

#include <algorithm>
#include <filesystem>

#include "engine/error.h"
#include "engine/host.h"
#include "engine/state/figures.h"
#include "engine/state/views.h"
#include "engine/units.h"
#include "power/device_names.h"
#include "power/quiet.h"

namespace lodge {
namespace {

using Kind = BlockerView::Kind;

constexpr size_t most_shown = 8;  // of what is counted, a kind

void keep_busiest(std::vector<BlockerView>& all) {
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.rate > b.rate; });
    std::erase_if(all, [](const BlockerView& one) { return one.rate < 1; });
    if (all.size() > most_shown) all.resize(most_shown);
}

// link/l1_aspm is on the lower end of a link (Documentation/ABI/testing/sysfs-bus-pci), and only
// where both ends can and the firmware leaves it to the kernel; max_link_speed is on every link.
std::string aspm_trouble(const Host& host, const std::string& device) {
    const std::string l1 = text_of(host, device + "/link/l1_aspm");
    if (l1 == "0") return "ASPM L1 is off";
    if (!l1.empty()) return "";
    const std::string speed = text_of(host, device + "/max_link_speed");
    if (speed.empty() || speed.starts_with("Unknown")) return "";
    return "its link has no ASPM to set";
}

std::string runtime_trouble(const Host& host, const std::string& device) {
    if (text_of(host, device + "/power/control") != "on") return "";
    return "may not sleep (control: on)";
}

// Links belong to their lower end; bridges, ports and the host's own pieces are not at it.
bool has_upper_end(const Host& host, const std::string& device) {
    std::error_code none;
    const auto path = std::filesystem::canonical(device, none);
    // /sys/devices/pci0000:00/0000:00:1c.0/0000:01:00.0
    return !none && !path.parent_path().filename().string().starts_with("pci") &&
           host.exists(path.parent_path().string() + "/class");
}

}  // namespace

std::vector<InterruptCount> parse_interrupts(std::string_view text) {
    std::vector<InterruptCount> all;
    std::string_view titles = next_line(text);
    size_t cpus = 0;
    while (!next_word(titles).empty())
        ++cpus;
    while (!text.empty()) {
        std::string_view line = next_line(text);
        std::string_view name = next_word(line);
        if (!name.ends_with(':')) continue;
        name.remove_suffix(1);
        InterruptCount one;
        one.name = std::string(name);
        for (size_t i = 0; i < cpus; ++i) {
            std::string_view rest = line;
            const std::string_view word = next_word(rest);
            if (word.empty() || word.find_first_not_of("0123456789") != std::string_view::npos)
                break;
            one.count += number_of(word);
            line = rest;
        }
        // "IR-PCI-MSI-0000:01:00.0  0-edge  enp1s0": behind two or more blanks, or all of it.
        line = trim(line);
        if (parse_integer(name)) {
            const auto last = line.rfind("  ");
            if (last != std::string_view::npos) line = trim(line.substr(last));
        }
        one.what = std::string(line);
        all.push_back(std::move(one));
    }
    return all;
}

std::map<std::string, int> parse_timers(std::string_view text) {
    constexpr uint64_t second = 1000000000;
    std::map<std::string, int> due;
    std::string function;
    while (!text.empty()) {
        std::string_view line = next_line(text);
        const std::string_view first = next_word(line);
        if (first != "#" && first.starts_with('#')) {
            // " #0: <0000000042d13a39>, hrtimer_wakeup, S:01"
            next_word(line);
            std::string_view name = next_word(line);
            if (name.ends_with(',')) name.remove_suffix(1);
            function = std::string(name.substr(0, 64));
        } else if (first == "#" && !function.empty()) {
            const auto in = line.find("[in ");
            if (in == std::string_view::npos) continue;
            const std::string_view time = line.substr(in + 4);
            // One that is late already has a minus.
            if (time.starts_with('-') || number_of(time) < second) ++due[function];
            function.clear();
        }
    }
    return due;
}

std::vector<BlockerView> device_blockers(const Host& host) {
    std::vector<BlockerView> found;
    const std::string top = host.system("/sys/bus/pci/devices");
    for (const std::string& name : host.list(top)) {
        const std::string device = top + "/" + name;
        if (!has_upper_end(host, device) && text_of(host, device + "/class").starts_with("0x06"))
            continue;  // host bridges and root ports: they follow what is below them
        const std::string aspm = has_upper_end(host, device) ? aspm_trouble(host, device) : "";
        const std::string runtime = runtime_trouble(host, device);
        if (aspm.empty() && runtime.empty()) continue;
        const std::string what = pci_words(host, device);
        if (!aspm.empty()) found.push_back({Kind::aspm, what, name, aspm, 0});
        if (!runtime.empty()) found.push_back({Kind::runtime, what, name, runtime, 0});
    }
    const std::string usb = host.system("/sys/bus/usb/devices");
    for (const std::string& name : host.list(usb)) {
        if (name.find(':') != std::string::npos) continue;  // an interface
        const std::string device = usb + "/" + name;
        const std::string runtime = runtime_trouble(host, device);
        if (!runtime.empty())
            found.push_back({Kind::runtime, usb_words(host, device), "usb " + name, runtime, 0});
    }
    std::stable_sort(found.begin(), found.end(),
                     [](const auto& a, const auto& b) { return a.kind < b.kind; });
    return found;
}

void BusyLook::add_interrupts(std::vector<BlockerView>& found, double seconds) {
    std::map<std::string, uint64_t> counts;
    std::vector<BlockerView> busy;
    const std::string text = host_.read(host_.system("/proc/interrupts")).value_or("");
    for (InterruptCount& one : parse_interrupts(text)) {
        const auto before = interrupts_.find(one.name);
        if (before != interrupts_.end() && one.count > before->second && seconds > 0) {
            BlockerView blocker;
            blocker.kind = Kind::interrupt;
            blocker.rate = static_cast<double>(one.count - before->second) / seconds;
            blocker.what = one.what;
            blocker.raw = "IRQ " + one.name;
            blocker.why = "interrupts";
            busy.push_back(std::move(blocker));
        }
        counts[one.name] = one.count;
    }
    interrupts_ = std::move(counts);
    keep_busiest(busy);
    found.insert(found.end(), busy.begin(), busy.end());
}

// The third word of schedstat: times on a processor (Documentation/scheduler/sched-stats.rst).
uint64_t BusyLook::runs_of(const std::string& process, std::map<int, uint64_t>& tasks) const {
    uint64_t runs = 0;
    for (const std::string& thread : host_.list(process + "/task")) {
        const std::string text = text_of(host_, process + "/task/" + thread + "/schedstat");
        std::string_view words = text;
        next_word(words);
        next_word(words);
        const std::string_view word = next_word(words);
        if (word.empty()) continue;  // it has ended
        const int id = static_cast<int>(number_of(thread));
        const uint64_t count = number_of(word);
        tasks[id] = count;
        const auto before = tasks_.find(id);
        if (before == tasks_.end())
            runs += tasks_.empty() ? 0 : count;  // it began meanwhile
        else if (count >= before->second)
            runs += count - before->second;
    }
    return runs;
}

void BusyLook::add_processes(std::vector<BlockerView>& found, const Seen& seen, double seconds) {
    std::map<int, uint64_t> tasks;
    std::vector<BlockerView> busy;
    for (const std::string& name : host_.list(host_.system("/proc"))) {
        const auto id = parse_integer(name);
        if (!id) continue;
        const std::string process = host_.system("/proc/" + name);
        const uint64_t runs = runs_of(process, tasks);
        if (seconds <= 0 || static_cast<double>(runs) < seconds) continue;
        BlockerView blocker;
        blocker.kind = Kind::process;
        blocker.rate = static_cast<double>(runs) / seconds;
        blocker.what = text_of(host_, process + "/comm");
        blocker.raw = "pid " + name;
        blocker.why = "wakeups";
        for (const GuestView& guest : seen.guests)
            if (guest.sighting.pid == *id) blocker.what = guest_words(*guest.guest);
        busy.push_back(std::move(blocker));
    }
    tasks_ = std::move(tasks);
    keep_busiest(busy);
    found.insert(found.end(), busy.begin(), busy.end());
}

std::vector<BlockerView> BusyLook::look(const Seen& seen, Time now) {
    const double seconds = looked_ ? std::chrono::duration<double>(now - *looked_).count() : 0;
    looked_ = now;
    std::vector<BlockerView> found;
    add_interrupts(found, seconds);
    add_processes(found, seen, seconds);
    return found;
}

void Blockers::look(PowerView& view, const Seen& seen, Time now) {
    if (device_pace_.due(now))
        device_pace_.run(now, [&] {
            devices_ = device_blockers(host_);
            timers_.clear();
            std::string text;
            try {
                text = host_.read(host_.system("/proc/timer_list")).value_or("");
            } catch (const Error&) {
                // only root may; told below
            }
            for (const auto& [function, count] : parse_timers(text))
                timers_.push_back(
                    {Kind::timer, function, "", "due within a second", static_cast<double>(count)});
            keep_busiest(timers_);
        });
    if (busy_pace_.due(now)) busy_pace_.run(now, [&] { busies_ = busy_.look(seen, now); });
    for (const auto* part : {&devices_, &busies_, &timers_})
        view.blockers.insert(view.blockers.end(), part->begin(), part->end());
    if (!host_.is_root())
        view.blocker_notes.emplace_back("only root sees the kernel's timers (/proc/timer_list)");
}

}  // namespace lodge
