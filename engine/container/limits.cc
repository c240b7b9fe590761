#include <algorithm>

#include "engine/container/lxc_config.h"
#include "engine/error.h"
#include "engine/units.h"

// Limits as files of control groups: cgroup-v1/memory.rst, cgroup-v2.rst in the kernel's
// Documentation/admin-guide.

namespace lodge {
namespace {

constexpr int64_t mib = 1 << 20;
constexpr int64_t period = 100'000;  // µs, the kernel's default

// Limits collects what is to be written.
class Limits {
  public:
    Limits(const LxcFacts& facts, std::vector<std::string>& warnings)
        : facts_(facts), warnings_(warnings) {}

    bool v1(const std::string& controller) const { return facts_.groups1.contains(controller); }
    bool v2(const std::string& controller) const { return facts_.groups2.contains(controller); }
    void put(const std::string& controller, const std::string& file, const std::string& value) {
        limits.push_back({controller, file, value});
    }
    void miss(const std::string& what, const std::string& controller) {
        warnings_.push_back(fmt::format("{} is not enforced: {} no control group for {}", what,
                                        facts_.root ? "this machine has" : "you were given",
                                        controller));
        // Once is enough.
        if (facts_.root || told_) return;
        told_ = true;
        // user@.service(5), and the controllers that it gives over: Debian's has cpu, memory, pids.
        warnings_.emplace_back(
            facts_.groups2.empty()
                ? "limits of an ordinary user need a systemd of theirs and control groups of "
                  "version 2: it runs while they are logged in, and always after loginctl "
                  "enable-linger"
                : "a user's systemd gives it when root writes Delegate=cpu cpuset io memory pids "
                  "below [Service] (systemctl edit user@.service)");
    }
    void warn(std::string words) { warnings_.push_back(std::move(words)); }

    std::vector<GroupLimit> limits;

  private:
    const LxcFacts& facts_;
    std::vector<std::string>& warnings_;
    bool told_ = false;
};

void add_memory(const Config& config, const LxcFacts& facts, Limits& limits) {
    const int64_t memory = config.integer("memory") * mib;
    const int64_t swap = config.integer("swap") * mib;
    if (limits.v2("memory")) {
        limits.put("memory", "memory.max", std::to_string(memory));
        limits.put("memory", "memory.swap.max", std::to_string(swap));
    } else if (limits.v1("memory")) {
        limits.put("memory", "memory.limit_in_bytes", std::to_string(memory));
        // Memory and swap together, which must not be less than the memory alone.
        if (facts.swap_counted)
            limits.put("memory", "memory.memsw.limit_in_bytes", std::to_string(memory + swap));
        else
            limits.warn(
                fmt::format("swap: {} MiB is not enforced: this kernel does not count a "
                            "group's swap (swapaccount=1 on its command line)",
                            config.integer("swap")));
    } else {
        limits.miss(fmt::format("memory: {} MiB", config.integer("memory")), "memory");
    }
}

void add_cpu(const Config& config, Limits& limits) {
    const double cpus = config.number("cpulimit");
    if (cpus > 0) {
        const auto quota =
            std::max<int64_t>(1000, static_cast<int64_t>(cpus * static_cast<double>(period)));
        if (limits.v2("cpu")) {
            limits.put("cpu", "cpu.max", fmt::format("{} {}", quota, period));
        } else if (limits.v1("cpu")) {
            limits.put("cpu", "cpu.cfs_period_us", std::to_string(period));
            limits.put("cpu", "cpu.cfs_quota_us", std::to_string(quota));
        } else {
            limits.miss(fmt::format("cpulimit: {}", cpus), "processor time");
        }
    }
    // Without the key the kernel's own default stands, which differs between its versions.
    if (!config.current.has("cpuunits")) return;
    const int64_t units = config.integer("cpuunits");
    if (limits.v2("cpu"))
        limits.put("cpu", "cpu.weight", std::to_string(std::clamp<int64_t>(units, 1, 10000)));
    else if (limits.v1("cpu"))
        limits.put("cpu", "cpu.shares", std::to_string(std::clamp<int64_t>(units, 2, 262144)));
    else
        limits.miss(fmt::format("cpuunits: {}", units), "processor time");
}

// `cores` are so many of the machine's processors; which ones differs from guest to guest, so that
// those with few do not all sit on the same.
void add_cores(const Config& config, int id, const LxcFacts& facts, Limits& limits) {
    const int64_t cores = config.integer("cores");
    const auto all = static_cast<int64_t>(facts.processors.size());
    if (cores <= 0 || cores >= all) return;
    if (!limits.v1("cpuset") && !limits.v2("cpuset"))
        return limits.miss(fmt::format("cores: {}", cores), "sets of processors (cpuset)");
    std::vector<int> mine;
    for (int64_t i = 0; i < cores; ++i)
        mine.push_back(facts.processors[static_cast<size_t>((id + i) % all)]);
    std::sort(mine.begin(), mine.end());
    std::vector<std::string> words;
    for (const int processor : mine)
        words.push_back(std::to_string(processor));
    limits.put("cpuset", "cpuset.cpus", join(words, ","));
}

void add_pids(const Config& config, Limits& limits) {
    const auto pids = config.current.get("pids");
    if (!pids) return;
    if (limits.v1("pids") || limits.v2("pids"))
        limits.put("pids", "pids.max", *pids);
    else
        limits.miss("pids: " + *pids, "numbers of processes (pids)");
}

// bfq takes 1 to 1000, io.weight 1 to 10000; the usual 100 is the same for both.
void add_io_weight(const Config& config, const LxcFacts& facts, Limits& limits) {
    if (!config.current.has("ioweight")) return;
    const int64_t weight = config.integer("ioweight");
    const std::string controller = limits.v1("blkio") ? "blkio" : "io";
    if (facts.io_weight.empty() || (!limits.v1(controller) && !limits.v2(controller)))
        return limits.miss(fmt::format("ioweight: {}", weight), "weights of disk access");
    const bool bfq = facts.io_weight.find("bfq") != std::string::npos;
    limits.put(controller, facts.io_weight,
               std::to_string(bfq ? std::min<int64_t>(weight, 1000) : weight));
    if (!facts.io_weight_problem.empty())
        limits.warn(fmt::format("ioweight: {} has no effect: {}", weight, facts.io_weight_problem));
}

// Raw lines name files of version 2, as the format has them; where the machine keeps a controller
// in version 1, the file that means the same there is written.
struct Twin {
    std::string_view version2, version1;
};
constexpr Twin twins[] = {
    {"pids.max", "pids.max"},
    {"cpuset.cpus", "cpuset.cpus"},
    {"cpuset.mems", "cpuset.mems"},
    {"cpu.weight", "cpu.shares"},
    {"memory.max", "memory.limit_in_bytes"},
    {"memory.low", "memory.soft_limit_in_bytes"},
    {"io.weight", "blkio.bfq.weight"},
    {"devices.allow", "devices.allow"},
    {"devices.deny", "devices.deny"},
};

void add_raw(const std::string& file, const std::string& value, Limits& limits) {
    const std::string controller = file.substr(0, file.find('.'));
    const bool devices = controller == "devices";
    // Version 2 has no files for devices: liblxc makes a program of the lines.
    if (limits.v2(controller) || (devices && !limits.v1("devices")))
        return limits.put(controller, file, value);
    const std::string old = controller == "io" ? "blkio" : controller;
    if (!limits.v1(old)) return limits.miss("lxc.cgroup2." + file, old);
    for (const Twin& twin : twins)
        if (twin.version2 == file) return limits.put(old, std::string(twin.version1), value);
    limits.warn(
        fmt::format("lxc.cgroup2.{} is not enforced: this machine keeps {} in control "
                    "groups of version 1, which have no such limit",
                    file, old));
}

}  // namespace

std::vector<GroupLimit> ct_limits(const Config& config, int id, const LxcFacts& facts,
                                  std::vector<std::string>& warnings) {
    Limits limits(facts, warnings);
    add_memory(config, facts, limits);
    add_cpu(config, limits);
    add_cores(config, id, facts, limits);
    add_pids(config, limits);
    add_io_weight(config, facts, limits);
    constexpr std::string_view raw = "lxc.cgroup2.", old = "lxc.cgroup.";
    for (const auto& [key, value] : config.current.entries()) {
        if (key.starts_with(raw)) add_raw(key.substr(raw.size()), value, limits);
        if (!key.starts_with(old)) continue;
        const std::string file = key.substr(old.size());
        const std::string controller = file.substr(0, file.find('.'));
        if (limits.v1(controller))
            limits.put(controller, file, value);
        else
            limits.warn(
                fmt::format("{} is not enforced: this machine keeps no {} in control "
                            "groups of version 1; lxc.cgroup2.… is for version 2",
                            key, controller));
    }
    return std::move(limits.limits);
}

}  // namespace lodge
