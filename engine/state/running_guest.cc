#include "engine/state/running_guest.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/host.h"

namespace lodge {
namespace {

constexpr auto use_each = std::chrono::seconds(3);

void add(History& history, const std::optional<double>& value, size_t seconds) {
    history.add(value.value_or(std::numeric_limits<double>::quiet_NaN()), seconds);
}

}  // namespace

RunningGuest::RunningGuest(const Host& host, const ProcessId& process,
                           const std::optional<GroupCounters>& counters)
    : process_(process),
      pidfd_(open_process(host, process)),
      counted_(counters.has_value()),
      cpu_(1.0 / static_cast<double>(::sysconf(_SC_CLK_TCK))) {
    const std::string folder = host.system("/proc/" + std::to_string(process.pid));
    stat_ = KernelFile(folder + "/stat");
    memory_ = KernelFile(folder + "/statm");
    io_ = KernelFile(folder + "/io");
    if (!counted_) return;
    group_cpu_ = KernelFile(counters->cpu);
    group_memory_ = KernelFile(counters->memory);
    group_cache_ = KernelFile(counters->cache);
    use_reader_.emplace(*counters);
}

void RunningGuest::look_at_counters(Time now, GuestView& view) {
    // A dozen files: what they say matters within seconds.
    if (!use_ || now - used_ >= use_each) {
        use_ = use_reader_->read();
        used_ = now;
    }
    view.use = use_;
    view.sighting.cpu_seconds = group_cpu_seconds(group_cpu_.read());
    const auto used = static_cast<int64_t>(number_of(group_memory_.read()));
    view.sighting.memory_resident = std::max<int64_t>(used - group_cache(group_cache_.read()), 0);
}

void RunningGuest::watch(Loop& loop, std::function<void()> ended) {
    if (!pidfd_) return;
    end_ = loop.on_end(pidfd_.get(), [this, ended = std::move(ended)] {
        end_.cancel();  // it stays readable
        ended();
    });
}

bool RunningGuest::look(Time now, double uptime, const std::optional<Traffic>& traffic,
                        GuestView& view) {
    const auto figures = process_figures(stat_.read());
    if (!figures || figures->state == 'Z' || figures->state == 'X') return false;
    static const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
    static const int64_t page = ::sysconf(_SC_PAGESIZE);
    Sighting& seen = view.sighting;
    seen.pid = process_.pid;
    seen.cpu_seconds = static_cast<double>(figures->ticks) / ticks;
    seen.uptime = std::max<int64_t>(
        0, static_cast<int64_t>(uptime - static_cast<double>(process_.start) / ticks));
    std::string_view pages = memory_.read();
    next_word(pages);
    seen.memory_resident = static_cast<int64_t>(number_of(next_word(pages))) * page;
    if (counted_) look_at_counters(now, view);
    view.cpu = cpu_.rate(seen.cpu_seconds, now).value_or(0);
    if (use_ && use_->memory) view.memory_used = seen.memory_resident;

    view.disk_read.reset();
    view.disk_write.reset();
    if (const auto io = io_figures(io_.read())) {
        view.disk_read = read_.rate(static_cast<double>(io->read), now);
        view.disk_write = write_.rate(static_cast<double>(io->written), now);
    }
    view.net_in.reset();
    view.net_out.reset();
    if (traffic) {
        view.net_in = in_.rate(static_cast<double>(traffic->to_guest), now);
        view.net_out = out_.rate(static_cast<double>(traffic->from_guest), now);
    }
    sample(now, view);
    view.history = history_;
    return true;
}

// The first look knows no rates yet: the history begins with the second.
void RunningGuest::sample(Time now, const GuestView& view) {
    if (!sampled_) sampled_ = now;
    const double passed = std::chrono::duration<double>(now - *sampled_).count();
    if (passed < 0.5) return;
    const auto seconds = static_cast<size_t>(std::llround(std::min(passed, 1e6)));
    sampled_ = now;
    add(history_->cpu, view.cpu, seconds);
    add(history_->memory, static_cast<double>(view.sighting.memory_resident), seconds);
    add(history_->disk_read, view.disk_read, seconds);
    add(history_->disk_write, view.disk_write, seconds);
    add(history_->net_in, view.net_in, seconds);
    add(history_->net_out, view.net_out, seconds);
}

}  // namespace lodge
