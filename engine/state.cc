#include "engine/state.h"

#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/units.h"

namespace lodge {
namespace {

// The number after "Name:" in /proc/meminfo, in bytes; 0 when there is none (proc(5)).
int64_t memory_line(std::string_view text, std::string_view name) {
    const auto at = text.find(name);
    if (at == std::string_view::npos) return 0;
    std::string_view rest = text.substr(at + name.size());
    rest = rest.substr(0, rest.find('\n'));
    rest = trim(rest.substr(0, rest.find("kB")));
    return parse_integer(rest).value_or(0) * 1024;
}

// Unfinished jobs are looked for among this many of the newest.
constexpr size_t jobs_looked_at = 50;

}  // namespace

void State::look() {
    const auto now = std::chrono::steady_clock::now();
    const double seconds = last_.time_since_epoch().count() == 0
                               ? 0.0
                               : std::chrono::duration<double>(now - last_).count();
    last_ = now;
    look_at_guests(seconds);
    look_at_jobs();
    look_at_host();
}

std::shared_ptr<const Guest> State::known(const GuestKind& kind, int id) {
    const std::string path = engine_.store.path(kind.folder(), id);
    struct stat found {};
    if (::stat(path.c_str(), &found) != 0) return nullptr;  // removed since it was listed
    const Stamp stamp{found.st_ino,
                      int64_t{found.st_mtim.tv_sec} * 1'000'000'000 + found.st_mtim.tv_nsec,
                      found.st_size};
    Known& entry = known_[id];
    if (entry.guest && entry.stamp == stamp && entry.guest->kind == &kind) return entry.guest;
    entry.guest = std::make_shared<const Guest>(read_guest_leniently(engine_, kind, id));
    entry.stamp = stamp;
    return entry.guest;
}

void State::look_at_guests(double seconds) {
    std::map<int, double> before;
    for (const GuestView& view : guests_)
        before[view.guest->id] = view.sighting.cpu_seconds;
    std::vector<GuestView> seen;
    for (const GuestKind* kind : engine_.kinds) {
        for (const int id : engine_.store.ids(kind->folder())) {
            auto guest = known(*kind, id);
            if (!guest) continue;
            GuestView view{guest, kind->look(engine_, *guest), 0};
            const auto old = before.find(id);
            const double used = view.sighting.cpu_seconds;
            // A restarted guest begins at zero: no rate until the next look.
            if (seconds > 0 && old != before.end() && used >= old->second)
                view.cpu = (used - old->second) / seconds;
            seen.push_back(std::move(view));
        }
    }
    std::sort(seen.begin(), seen.end(),
              [](const GuestView& a, const GuestView& b) { return a.guest->id < b.guest->id; });
    guests_ = std::move(seen);
    std::set<int> present;
    for (const GuestView& view : guests_)
        present.insert(view.guest->id);
    std::erase_if(known_, [&](const auto& entry) { return !present.contains(entry.first); });
}

void State::look_at_jobs() {
    jobs_.clear();
    const auto numbers = engine_.jobs.numbers();
    size_t looked = 0;
    for (auto number = numbers.rbegin(); number != numbers.rend() && looked < jobs_looked_at;
         ++number, ++looked) {
        if (auto record = engine_.jobs.unfinished(*number)) jobs_.push_back(std::move(*record));
    }
}

void State::look_at_host() {
    const Host& machine = engine_.host;
    if (host_.name.empty()) {
        utsname names{};
        ::uname(&names);
        host_.name = names.nodename;
        host_.kernel = names.release;
        host_.cpus = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
    }
    const std::string memory = machine.read(machine.system("/proc/meminfo")).value_or("");
    host_.memory_total = memory_line(memory, "MemTotal:");
    host_.memory_used = host_.memory_total - memory_line(memory, "MemAvailable:");

    // First line of /proc/stat: "cpu  user nice system idle iowait …" in clock ticks (proc(5)).
    const std::string stat = machine.read(machine.system("/proc/stat")).value_or("");
    uint64_t all = 0, idle = 0;
    size_t field = 0;
    for (const std::string& word : split(stat.substr(0, stat.find('\n')), ' ')) {
        const auto ticks = parse_integer(word);
        if (!ticks) continue;
        // guest time (fields 8 and 9) is in user and nice already
        if (field < 8) all += static_cast<uint64_t>(*ticks);
        if (field == 3 || field == 4) idle += static_cast<uint64_t>(*ticks);
        ++field;
    }
    const uint64_t busy = all - idle;
    const bool moved = all_ticks_ != 0 && all > all_ticks_ && busy >= busy_ticks_;
    host_.cpu =
        moved ? static_cast<double>(busy - busy_ticks_) / static_cast<double>(all - all_ticks_)
              : 0.0;
    busy_ticks_ = busy;
    all_ticks_ = all;

    const std::string uptime = machine.read_line(machine.system("/proc/uptime"));
    host_.uptime =
        static_cast<int64_t>(parse_number(uptime.substr(0, uptime.find(' '))).value_or(0));
}

Loop::Source State::keep_looking(Loop& loop, Loop::Duration period, Loop::Duration slack,
                                 std::function<void()> seen) {
    return loop.every(period, slack, [this, seen = std::move(seen)] {
        look();
        if (seen) seen();
    });
}

}  // namespace lodge
