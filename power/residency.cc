#include "power/residency.h"

#include <algorithm>

#include "engine/error.h"
#include "engine/host.h"
#include "engine/state/figures.h"
#include "engine/units.h"
#include "engine/vm/life.h"
#include "power/quiet.h"

namespace lodge {
namespace {

constexpr size_t cpus_a_look = 32;
constexpr std::string_view cpu_folder = "/sys/devices/system/cpu";
// Below this a state counts as not reached.
constexpr double reached = 0.0005;

// The ones whose turn it is.
template <class T>
std::vector<T> turn_of(const std::vector<T>& all, size_t& turn) {
    std::vector<T> some;
    for (size_t i = 0; i < std::min(all.size(), cpus_a_look); ++i)
        some.push_back(all[(turn + i) % all.size()]);
    turn = all.empty() ? 0 : (turn + some.size()) % all.size();
    return some;
}

}  // namespace

std::vector<int> kernel_cpu_list(std::string_view text) {
    try {
        return trim(text).empty() ? std::vector<int>() : parse_cpu_list(trim(text));
    } catch (const Error&) {
        return {};
    }
}

bool is_virtual(const Host& host) {
    const std::string about = host.read(host.system("/proc/cpuinfo")).value_or("");
    const auto flags = about.find("\nflags");
    if (flags == std::string::npos) return false;
    const std::string_view line =
        std::string_view(about).substr(flags, about.find('\n', flags + 1) - flags);
    return line.find(" hypervisor") != std::string_view::npos;
}

void CoreIdle::read_cpu(int number, Time now) {
    Cpu& cpu = cpus_[number];
    const std::string folder =
        host_.system(fmt::format("{}/cpu{}/cpuidle/state", cpu_folder, number));
    if (cpu.states.empty()) {
        for (int i = 0; i < 16; ++i) {
            const std::string state = folder + std::to_string(i);
            State found;
            found.name = text_of(host_, state + "/name");
            if (found.name.empty()) break;
            found.about = text_of(host_, state + "/desc");
            found.latency = number_of_file(host_, state + "/latency").value_or(0);
            cpu.states.push_back(std::move(found));
        }
    }
    std::vector<double> shares;
    const double passed =
        cpu.looked ? std::chrono::duration<double, std::micro>(now - *cpu.looked).count() : 0;
    if (cpu.looked && passed < 300000) return;
    for (size_t i = 0; i < cpu.states.size(); ++i) {
        const std::string text = text_of(host_, folder + std::to_string(i) + "/time");
        if (text.empty()) {  // it went offline or lost a state meanwhile
            cpu = Cpu();
            return;
        }
        const uint64_t time = number_of(text);
        const uint64_t spent = time >= cpu.states[i].time ? time - cpu.states[i].time : 0;
        cpu.states[i].time = time;
        if (passed > 0) shares.push_back(std::min(static_cast<double>(spent) / passed, 1.0));
    }
    cpu.looked = now;
    cpu.shares = std::move(shares);
}

void CoreIdle::look(PowerView& view, Time now) {
    const std::string top = host_.system(cpu_folder);
    const std::vector<int> online = kernel_cpu_list(text_of(host_, top + "/online"));
    std::erase_if(cpus_, [&](const auto& one) {
        return !std::binary_search(online.begin(), online.end(), one.first);
    });
    for (const int number : turn_of(online, turn_))
        read_cpu(number, now);

    view.idle_driver = text_of(host_, top + "/cpuidle/current_driver");
    std::map<std::string, size_t> places;
    std::vector<double> sums;
    size_t counted_cpus = 0;
    for (const auto& [number, cpu] : cpus_) {
        counted_cpus += cpu.shares.empty() ? 0 : 1;
        for (size_t i = 0; i < cpu.states.size(); ++i) {
            const State& state = cpu.states[i];
            const auto [place, fresh] = places.try_emplace(state.name, view.idle.size());
            if (fresh) {
                const std::string file =
                    fmt::format("{}/cpu{}/cpuidle/state{}/disable", top, number, i);
                view.idle.push_back({state.name,
                                     state.about,
                                     {},
                                     state.latency,
                                     number_of_file(host_, file).value_or(0) != 0});
                sums.push_back(0);
            }
            if (!cpu.shares.empty()) sums[place->second] += cpu.shares[i];
        }
    }
    if (view.idle.empty()) {
        view.no_idle = is_virtual(host_)
                           ? "no idle states: a virtual machine leaves them to its host"
                           : "no idle states: the kernel has no cpuidle driver for this machine";
        return;
    }
    if (counted_cpus == 0) return;
    double busy = 1;
    for (size_t i = 0; i < sums.size(); ++i) {
        const double share = sums[i] / static_cast<double>(counted_cpus);
        view.idle[i].share = share;
        busy -= share;
        if (share >= reached) view.deepest = view.idle[i].name;
    }
    view.idle.insert(view.idle.begin(), {"C0", "at work", std::clamp(busy, 0.0, 1.0), 0, false});
}

void PackageIdle::look(PowerView& view) {
    view.package_source = counters_->source();
    view.no_packages = counters_->trouble();
    if (!view.no_packages.empty()) return;
    PackageCounters::Reading reading = counters_->read();
    view.no_packages = counters_->trouble();
    const bool fits =
        reading.counters.size() == last_.counters.size() && reading.clock > last_.clock;
    const auto passed = static_cast<double>(reading.clock - last_.clock);
    for (size_t i = 0; i < reading.counters.size(); ++i) {
        IdleView state;
        state.name = reading.counters[i].name;
        if (fits && reading.counters[i].ticks >= last_.counters[i].ticks)
            state.share = std::clamp(
                static_cast<double>(reading.counters[i].ticks - last_.counters[i].ticks) / passed,
                0.0, 1.0);
        if (state.share.value_or(0) >= reached) view.deepest_package = state.name;
        view.packages.push_back(std::move(state));
    }
    last_ = std::move(reading);
}

void Frequencies::read_policy(const std::string& policy) {
    const std::string folder = host_.system(fmt::format("{}/cpufreq/{}", cpu_folder, policy));
    CpuView cpu;
    // scaling_cur_freq asks no processor by an interrupt, cpuinfo_cur_freq would.
    cpu.now = number_of_file(host_, folder + "/scaling_cur_freq");
    cpu.least = number_of_file(host_, folder + "/scaling_min_freq");
    cpu.most = number_of_file(host_, folder + "/scaling_max_freq");
    cpu.governor = text_of(host_, folder + "/scaling_governor");
    cpu.preference = text_of(host_, folder + "/energy_performance_preference");
    // "0 1 2 3"; a policy is called after the first of them.
    std::string affected = text_of(host_, folder + "/affected_cpus");
    if (affected.empty()) affected = policy.substr(policy.find_first_of("0123456789"));
    for (const std::string& number : split(affected, ' ')) {
        const auto one = parse_integer(number);
        if (!one || *one < 0 || *one > 8192) continue;
        cpu.number = static_cast<int>(*one);
        cpus_[cpu.number] = cpu;
    }
}

void Frequencies::look(PowerView& view) {
    const std::string top = host_.system(cpu_folder);
    std::vector<std::string> policies = host_.list(top + "/cpufreq");
    std::erase_if(policies, [](const std::string& name) {
        return !name.starts_with("policy") || !parse_integer(name.substr(6));
    });
    const std::vector<int> online = kernel_cpu_list(text_of(host_, top + "/online"));
    for (const std::string& policy : turn_of(policies, turn_))
        read_policy(policy);
    if (policies.empty()) {
        cpus_.clear();
        view.no_frequencies =
            is_virtual(host_) ? "no frequencies: a virtual machine leaves them to its host"
                              : "no frequencies: the kernel has no cpufreq driver for this machine";
        return;
    }
    view.driver = text_of(host_, top + "/cpufreq/" + policies[0] + "/scaling_driver");
    for (auto& [number, cpu] : cpus_) {
        cpu.online = online.empty() || std::binary_search(online.begin(), online.end(), number);
        view.cpus.push_back(cpu);
    }
}

}  // namespace lodge
