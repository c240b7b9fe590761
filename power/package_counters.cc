#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined(__x86_64__) || defined(__i386__)
#include <x86intrin.h>
#endif

#include <algorithm>
#include <charconv>

#include "engine/error.h"
#include "engine/fd.h"
#include "engine/host.h"
#include "engine/state/figures.h"
#include "engine/units.h"
#include "power/quiet.h"
#include "power/residency.h"

namespace lodge {
namespace {

// The clock that a package's counters tick in.
uint64_t time_stamp() {
#if defined(__x86_64__) || defined(__i386__)
    return __rdtsc();
#else
    return 0;
#endif
}

// "c10-residency" as people call it: "PC10".
std::string package_name(std::string_view event) {
    return "PC" + std::string(event.substr(1, event.find('-') - 1));
}

class NoCounters : public PackageCounters {
  public:
    explicit NoCounters(std::string why) : why_(std::move(why)) {}
    Reading read() override { return {}; }
    std::string source() const override { return ""; }
    std::string trouble() const override { return why_; }

  private:
    std::string why_;
};

// A counter of perf's: uncore events are counted on one CPU of each package (perf_event_open(2)).
class PerfCounters : public PackageCounters {
  public:
    PerfCounters(const Host& host, const std::string& folder) {
        const auto type = parse_integer(text_of(host, folder + "/type"));
        const auto cpus = kernel_cpu_list(text_of(host, folder + "/cpumask"));
        std::vector<std::string> events = host.list(folder + "/events");
        std::erase_if(events, [](const std::string& name) {
            return !name.starts_with('c') || !name.ends_with("-residency");
        });
        std::sort(events.begin(), events.end(), [](const auto& a, const auto& b) {
            return number_of(std::string_view(a).substr(1)) <
                   number_of(std::string_view(b).substr(1));
        });
        for (const std::string& event : events) {
            const std::string text = text_of(host, folder + "/events/" + event);
            if (!type || !text.starts_with("event=0x")) continue;
            uint64_t config = 0;
            std::from_chars(text.data() + 8, text.data() + text.size(), config, 16);
            for (const int cpu : cpus)
                open(static_cast<uint32_t>(*type), config, cpu, package_name(event), cpus.size());
        }
        if (counters_.empty() && trouble_.empty()) trouble_ = "this processor has no such counters";
    }

    Reading read() override {
        Reading reading;
        reading.clock = time_stamp();
        for (const auto& [name, fd] : counters_) {
            uint64_t value = 0;
            if (::read(fd.get(), &value, sizeof value) != sizeof value) value = 0;
            reading.counters.push_back({name, value});
        }
        return reading;
    }
    std::string source() const override { return "perf cstate_pkg"; }
    std::string trouble() const override {
        return trouble_.empty() ? "" : "package idle states cannot be read: " + trouble_;
    }

  private:
    void open(uint32_t type, uint64_t config, int cpu, std::string name, size_t packages) {
        perf_event_attr attributes{};
        attributes.size = sizeof attributes;
        attributes.type = type;
        attributes.config = config;
        Fd fd(static_cast<int>(
            ::syscall(SYS_perf_event_open, &attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC)));
        if (packages > 1) name += fmt::format(" (CPU {})", cpu);
        if (fd)
            counters_.emplace_back(std::move(name), std::move(fd));
        else if (trouble_.empty())
            trouble_ = errno == EACCES || errno == EPERM ? "only root may" : errno_words(errno);
    }

    std::vector<std::pair<std::string, Fd>> counters_;
    std::string trouble_;
};

// What ACPI's LPIT counts, in µs, beside a clock of µs.
class LpitCounters : public PackageCounters {
  public:
    explicit LpitCounters(const Host& host) : host_(host) {}
    Reading read() override {
        Reading reading;
        const auto now = std::chrono::steady_clock::now().time_since_epoch();
        reading.clock = static_cast<uint64_t>(
            std::chrono::duration_cast<std::chrono::microseconds>(now).count());
        for (const auto& [name, file] : files)
            reading.counters.push_back(
                {std::string(name), number_of(text_of(host_, host_.system(file)))});
        return reading;
    }
    std::string source() const override { return "ACPI LPIT"; }
    std::string trouble() const override { return ""; }

    static constexpr std::pair<std::string_view, const char*> files[] = {
        {"package at rest", "/sys/devices/system/cpu/cpuidle/low_power_idle_cpu_residency_us"},
        {"machine at rest (S0ix)",
         "/sys/devices/system/cpu/cpuidle/low_power_idle_system_residency_us"},
    };

  private:
    const Host& host_;
};

// The processor's own registers (Intel SDM volume 4; arch/x86/include/asm/msr-index.h).
class MsrCounters : public PackageCounters {
  public:
    explicit MsrCounters(Fd file) : file_(std::move(file)) {
        for (const Register& one : registers) {
            uint64_t value = 0;
            if (::pread(file_.get(), &value, sizeof value, one.number) == sizeof value)
                there_.push_back(&one);
        }
    }
    Reading read() override {
        Reading reading;
        reading.clock = time_stamp();
        for (const Register* one : there_) {
            uint64_t value = 0;
            if (::pread(file_.get(), &value, sizeof value, one->number) != sizeof value) value = 0;
            reading.counters.push_back({std::string(one->name), value});
        }
        return reading;
    }
    std::string source() const override { return "processor's registers"; }
    std::string trouble() const override {
        return there_.empty() ? "package idle states: this processor counts none" : "";
    }

  private:
    struct Register {
        std::string_view name;
        off_t number;
    };
    static constexpr Register registers[] = {{"PC2", 0x60d}, {"PC3", 0x3f8}, {"PC6", 0x3f9},
                                             {"PC7", 0x3fa}, {"PC8", 0x630}, {"PC9", 0x631},
                                             {"PC10", 0x632}};
    Fd file_;
    std::vector<const Register*> there_;
};

}  // namespace

std::unique_ptr<PackageCounters> package_counters(const Host& host) {
    const std::string perf = host.system("/sys/bus/event_source/devices/cstate_pkg");
    if (host.exists(perf + "/type")) return std::make_unique<PerfCounters>(host, perf);
    if (host.exists(host.system(LpitCounters::files[0].second)))
        return std::make_unique<LpitCounters>(host);
    if (is_virtual(host))
        return std::make_unique<NoCounters>(
            "no package idle states: a virtual machine leaves them to its host");
    const std::string about = host.read(host.system("/proc/cpuinfo")).value_or("");
    if (about.find("GenuineIntel") == std::string::npos)
        return std::make_unique<NoCounters>(
            "no package idle states: only Intel's processors count them");
    Fd file(::open(host.system("/dev/cpu/0/msr").c_str(), O_RDONLY | O_CLOEXEC));
    if (file) return std::make_unique<MsrCounters>(std::move(file));
    return std::make_unique<NoCounters>(host.is_root()
                                            ? "no package idle states: the module intel_cstate is "
                                              "not loaded (modprobe intel_cstate)"
                                            : "no package idle states: only root may read them");
}

}  // namespace lodge
