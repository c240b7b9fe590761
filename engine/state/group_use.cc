#include "engine/state/group_use.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "engine/state/figures.h"
#include "engine/storage/volume_files.h"
#include "engine/units.h"

namespace lodge {
namespace {

// How often all groups of a container are gone through, in readings.
constexpr int reads_each = 4;
// Version 1 says of no limit the largest number of whole pages.
constexpr uint64_t no_limit = uint64_t{1} << 62;

std::optional<int64_t> limit_of(std::string_view text) {
    if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;  // "max"
    const uint64_t number = number_of(text);
    return number >= no_limit ? std::nullopt : std::optional(static_cast<int64_t>(number));
}

std::optional<int64_t> used_of(std::string_view text) {
    return text.empty() ? std::nullopt : std::optional(static_cast<int64_t>(number_of(text)));
}

uint64_t behind(std::string_view text, std::string_view key) {
    while (!text.empty()) {
        std::string_view line = next_line(text);
        if (next_word(line) == key) return number_of(next_word(line));
    }
    return 0;
}

KernelFile file(const std::string& path) {
    return path.empty() ? KernelFile() : KernelFile(path);
}

}  // namespace

std::string killed_words(const GroupUse& use) {
    return use.killed > 0 ? fmt::format("out of memory: {} killed", use.killed) : "";
}

std::vector<std::pair<std::string, std::string>> use_lines(const GroupUse& use) {
    std::vector<std::pair<std::string, std::string>> lines;
    const auto size_words = [](const GroupUse::Share& share) {
        return short_size(share.used) +
               (share.limit ? " of " + short_size(*share.limit) : ", no limit");
    };
    if (use.memory) {
        std::string words = size_words(*use.memory);
        if (use.killed > 0) words += ", " + killed_words(use);
        lines.emplace_back("Memory", words);
    }
    if (use.swap) lines.emplace_back("Swap", size_words(*use.swap));
    if (use.pids)
        lines.emplace_back(
            "Processes",
            fmt::format("{}{}", use.pids->used,
                        use.pids->limit ? fmt::format(" of {}", *use.pids->limit) : ", no limit"));
    if (use.cpus) {
        std::string words = fmt::format("at most {:.2g} CPUs", *use.cpus);
        if (use.throttled && *use.throttled >= 1)
            words += fmt::format(", held back for {} since its start",
                                 short_duration(static_cast<int64_t>(*use.throttled)));
        lines.emplace_back("CPU limit", words);
    }
    if (use.pressure)
        lines.emplace_back("Pressure",
                           fmt::format("CPU {:.0f}%, memory {:.0f}%, I/O {:.0f}% of the last 10 s",
                                       use.pressure->cpu * 100, use.pressure->memory * 100,
                                       use.pressure->io * 100));
    return lines;
}

GroupUseReader::GroupUseReader(const GroupCounters& counters)
    : swap_with_memory_(counters.swap_with_memory),
      memory_(file(counters.memory)),
      cache_(file(counters.cache)),
      memory_limit_(file(counters.memory_limit)),
      swap_(file(counters.swap)),
      swap_limit_(file(counters.swap_limit)),
      kills_(file(counters.kills)),
      pids_(file(counters.pids)),
      pids_limit_(file(counters.pids_limit)),
      quota_(file(counters.quota)),
      period_(file(counters.period)),
      throttle_(file(counters.throttle)) {
    // Of version 1, where swap is counted like that.
    if (counters.swap_with_memory && !counters.kills.empty()) {
        kills_file_ = counters.kills;
        peak_ = KernelFile(parent_of(kills_file_) + "/memory.max_usage_in_bytes");
    }
    if (counters.pressure.empty()) return;
    cpu_pressure_ = KernelFile(counters.pressure + "/cpu.pressure");
    memory_pressure_ = KernelFile(counters.pressure + "/memory.pressure");
    io_pressure_ = KernelFile(counters.pressure + "/io.pressure");
}

GroupUse GroupUseReader::read() {
    GroupUse use;
    if (const auto all = used_of(memory_.read())) {
        use.memory = GroupUse::Share{};
        use.memory->limit = limit_of(memory_limit_.read());
        use.memory->used = std::max<int64_t>(*all - group_cache(cache_.read()), 0);
        if (const auto swapped = used_of(swap_.read())) {
            use.swap = GroupUse::Share{};
            use.swap->used = *swapped;
            use.swap->limit = limit_of(swap_limit_.read());
            if (swap_with_memory_) {
                use.swap->used = std::max<int64_t>(*swapped - *all, 0);
                if (use.swap->limit)
                    use.swap->limit = use.memory->limit
                                          ? std::optional(std::max<int64_t>(
                                                *use.swap->limit - *use.memory->limit, 0))
                                          : std::nullopt;
            }
        }
    }
    use.killed = read_kills(use.memory);
    if (const auto count = used_of(pids_.read()))
        use.pids = GroupUse::Share{*count, limit_of(pids_limit_.read())};
    std::string_view text = quota_.read();
    if (const auto quota = limit_of(next_word(text))) {
        uint64_t period = number_of(next_word(text));  // version 2 has both in one file
        if (period == 0) period = number_of(period_.read());
        if (period > 0) use.cpus = static_cast<double>(*quota) / static_cast<double>(period);
    }
    if (use.cpus) {
        const std::string_view stat = throttle_.read();
        const uint64_t micro = behind(stat, "throttled_usec");
        use.throttled = micro > 0 ? static_cast<double>(micro) / 1e6
                                  : static_cast<double>(behind(stat, "throttled_time")) / 1e9;
    }
    use.pressure = read_pressure();
    return use;
}

// In version 1 the group of the killed process alone counts it, which is one that the container
// made below its own, and memory.failcnt stays 0 on newer kernels. So all of them are gone through
// now and then, once the container came near to its limit.
int64_t GroupUseReader::read_kills(const std::optional<GroupUse::Share>& memory) {
    if (kills_file_.empty()) return static_cast<int64_t>(behind(kills_.read(), "oom_kill"));
    const auto peak = static_cast<int64_t>(number_of(peak_.read()));
    const bool near = memory && memory->limit && peak >= *memory->limit / 10 * 9;
    if (!near || (reads_++ % reads_each) != 0) return killed_;
    const std::string name = kills_file_.substr(kills_file_.rfind('/') + 1);
    int64_t killed = static_cast<int64_t>(behind(kills_.read(), "oom_kill"));
    std::error_code trouble;
    for (auto it = std::filesystem::recursive_directory_iterator(parent_of(kills_file_), trouble);
         !trouble && it != std::filesystem::recursive_directory_iterator(); it.increment(trouble))
        if (it->is_directory(trouble))
            killed += static_cast<int64_t>(
                behind(KernelFile((it->path() / name).string()).read(), "oom_kill"));
    // Groups that are gone take their count along.
    killed_ = std::max(killed_, killed);
    return killed_;
}

std::optional<Pressure> GroupUseReader::read_pressure() {
    const auto cpu = pressure_figure(cpu_pressure_.read());
    const auto memory = pressure_figure(memory_pressure_.read());
    const auto io = pressure_figure(io_pressure_.read());
    if (!cpu || !memory || !io) return std::nullopt;
    return Pressure{*cpu, *memory, *io};
}

}  // namespace lodge
