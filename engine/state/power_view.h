#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// What the power screen draws from: plain data, as views.h has it for the rest. Where there is
// nothing to show, a line says what is missing and why.
namespace lodge {

// WattView is one thing that tells what is used: a meter, or a figure that the person gave.
struct WattView {
    enum class Covers { machine, package, part };  // all of it; processors; a part of what is told
    Covers covers = Covers::part;
    std::string name;             // "whole machine", "CPU package 0", "DRAM"
    std::string source;           // "RAPL intel-rapl:0", "ACPI power meter", "typed in"
    std::optional<double> watts;  // none at the first look of a counter, or with a trouble
    bool measured = true;         // false: a person typed it in
    std::string trouble;          // why it cannot be read, "" when it can
};

// CpuView is a processor's frequency as cpufreq tells it. kHz.
struct CpuView {
    int number = 0;
    bool online = true;
    std::optional<int64_t> now, least, most;
    std::string governor, preference;  // preference: EPP, "" where there is none
};

// IdleView is an idle state of the cores, or of a package.
struct IdleView {
    std::string name;             // "C6", "PC8"
    std::string about;            // "MWAIT 0x20"
    std::optional<double> share;  // of the time of all, 0…1; none at the first look
    int64_t latency = 0;          // µs to wake up from it; 0: not told
    bool disabled = false;        // on any CPU
};

// BlockerView is something that keeps the machine from idling deeper.
struct BlockerView {
    enum class Kind { aspm, runtime, interrupt, process, timer };
    Kind kind = Kind::aspm;
    std::string what;  // "Ethernet enp1s0", "qemu 101 (web)"
    std::string raw;   // "0000:01:00.0", "IRQ 127", "pid 4711"
    std::string why;   // "ASPM L1 is off", "runtime power management is off"
    double rate = 0;   // times a second, for interrupts, processes and timers
};

// EnergyView is a guest's part of what is used, by the processor time that it had.
struct EnergyView {
    int guest = 0;  // 0: the machine itself
    std::string name;
    double share = 0;  // 0…1 of the busy processor time
    double watts = 0;
};

// CostView is what the mean of the watts seen so far comes to.
struct CostView {
    double watts = 0;              // the mean
    int64_t seconds = 0;           // it is over so long
    double kwh_day = 0;            // energy of a day at that
    std::optional<double> month;   // money of 365/12 days; none without a tariff
    std::optional<double> tariff;  // money a kWh
    std::string currency;          // "EUR"
    bool whole = false;            // of the whole machine, not of its processors only
};

// HeatView is how near the machine is to being slowed down by its heat.
struct HeatView {
    std::optional<double> now, limit;  // °C: the hottest of the processor, where it is slowed
    int64_t throttled = 0;             // times since the machine's start, as the CPUs count
    bool slowed_now = false;           // that grew lately, or a cooling device holds back
    std::string warning;               // "" when all is well
    std::string by;                    // "102 (jellyfin) has 83% of the busy time"
    std::string rule;                  // what is done by itself, "" for nothing
};

struct PowerView {
    uint64_t look = 0;    // another number for each that may look otherwise
    std::string profile;  // what lasts: "balanced"; or that nothing does
    std::vector<std::string>
        others;  // who else tunes this machine: "tuned (tuned.service, running)"
    std::vector<WattView> meters;
    std::optional<size_t> best;  // the meter that tells the most of the machine
    std::string no_watts;        // why there are none
    std::string driver;          // cpufreq's: "intel_pstate"
    std::vector<CpuView> cpus;
    std::string no_frequencies;
    std::vector<IdleView> idle;  // of the cores, shallow to deep, "C0" (at work) first
    std::string idle_driver, no_idle;
    std::vector<IdleView> packages;
    std::string package_source, no_packages;
    std::string deepest, deepest_package;  // reached while looked at; "" for not known
    std::vector<BlockerView> blockers;
    std::vector<std::string> blocker_notes;  // what could not be looked at
    std::vector<EnergyView> shares;
    std::optional<CostView> cost;
    HeatView heat;
};

}  // namespace lodge
