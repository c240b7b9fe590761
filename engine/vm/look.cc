#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/units.h"
#include "engine/vm/change.h"
#include "engine/vm/life.h"
#include "engine/vm/qmp.h"
#include "engine/vm/vm.h"

// How a guest is, cheaply: files of the run folder and of /proc, and one exchange with a QEMU that
// runs, because only it knows whether it is paused.

namespace lodge {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;
using std::chrono::milliseconds;

// All looks of about a second together wait no longer than this for QEMUs that do not answer.
class Patience {
  public:
    microseconds left() {
        if (Clock::now() - since_ > std::chrono::seconds(1)) {
            since_ = Clock::now();
            used_ = microseconds(0);
        }
        return std::clamp(all - used_, microseconds(0), each);
    }
    void use(microseconds time) { used_ += time; }

  private:
    static constexpr microseconds all{100'000}, each{25'000};
    Clock::time_point since_{};
    microseconds used_{0};
};

// query-status in one round trip: both commands are sent before the greeting is read. nullopt when
// QEMU does not answer in time.
std::optional<std::string> ask_status(const std::string& socket_path, milliseconds limit) {
    const auto end = Clock::now() + limit;
    try {
        const Fd socket = connect_unix(socket_path, std::max(limit, milliseconds(1)));
        constexpr std::string_view words =
            "{\"execute\":\"qmp_capabilities\",\"id\":1}\n{\"execute\":\"query-status\",\"id\":2}"
            "\n";
        if (::send(socket.get(), words.data(), words.size(), MSG_NOSIGNAL | MSG_DONTWAIT) !=
            static_cast<ssize_t>(words.size()))
            return std::nullopt;
        QmpStream stream;
        for (;;) {
            while (const auto answer = stream.next())
                if (answer->value("id", 0) == 2)
                    return (*answer)
                        .value("return", nlohmann::json::object())
                        .value("status", std::string());
            pollfd one{socket.get(), POLLIN, 0};
            const auto left = std::chrono::duration_cast<milliseconds>(end - Clock::now());
            const int ready = ::poll(&one, 1, static_cast<int>(std::max<int64_t>(left.count(), 0)));
            if (ready < 0 && errno == EINTR) continue;
            if (ready <= 0) return std::nullopt;
            std::array<char, 16384> piece;
            const ssize_t got = ::recv(socket.get(), piece.data(), piece.size(), MSG_DONTWAIT);
            if (got <= 0) return std::nullopt;
            stream.add({piece.data(), static_cast<size_t>(got)});
        }
    } catch (const std::exception&) {
        return std::nullopt;  // no answer, whatever the reason: the sighting says "unknown"
    }
}

std::optional<std::string> status_in_time(const std::string& socket_path) {
    static Patience patience;
    const auto left = patience.left();
    const auto begin = Clock::now();
    auto status = ask_status(socket_path, std::chrono::duration_cast<milliseconds>(left));
    if (!status) patience.use(std::chrono::duration_cast<microseconds>(Clock::now() - begin));
    return status;
}

GuestState state_of(std::string_view status) {
    if (status == "running") return GuestState::running;
    if (status == "inmigrate" || status == "restore-vm") return GuestState::starting;
    if (status == "suspended") return GuestState::suspended;
    return GuestState::paused;
}

// Statuses that are no one's wish, in words.
std::string_view trouble_of(std::string_view status) {
    if (status == "io-error") return "paused by an error of a disk, such as a full storage";
    if (status == "internal-error") return "paused by an internal error of QEMU or KVM";
    if (status == "guest-panicked") return "its system crashed";
    if (status == "watchdog") return "paused by its watchdog";
    if (status == "shutdown") return "its system ended, QEMU waits";
    return "";
}

void look_at_process(const Host& host, const ProcessId& process, Sighting& seen) {
    const std::string folder = host.system("/proc/" + std::to_string(process.pid));
    const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
    if (const auto stat = host.read(folder + "/stat")) {
        // utime and stime are fields 14 and 15 (proc(5)); 3 is the first after the name.
        const auto name_end = stat->rfind(')');
        const auto fields =
            split(std::string_view(*stat).substr(std::min(name_end, stat->size() - 2) + 2), ' ');
        if (fields.size() > 12)
            seen.cpu_seconds = static_cast<double>(parse_integer(fields[11]).value_or(0) +
                                                   parse_integer(fields[12]).value_or(0)) /
                               ticks;
    }
    const auto pages = split(host.read_line(folder + "/statm"), ' ');
    if (pages.size() > 1)
        seen.memory_resident = parse_integer(pages[1]).value_or(0) * ::sysconf(_SC_PAGESIZE);
    const auto uptime =
        parse_number(split(host.read_line(host.system("/proc/uptime")), ' ').front()).value_or(0);
    seen.uptime = std::max<int64_t>(
        0, static_cast<int64_t>(uptime - static_cast<double>(process.start) / ticks));
}

void look_at_running(Engine& engine, const Guest& guest, const ProcessId& process, Sighting& seen) {
    const Host& host = engine.host;
    seen.pid = process.pid;
    look_at_process(host, process, seen);
    const AboutRun about = vm_about(host, guest.id);
    seen.emulated = !about.kvm;
    if (seen.emulated) seen.notes.emplace_back("software emulation");
    seen.notes.insert(seen.notes.end(), about.notes.begin(), about.notes.end());
    const auto status = status_in_time(guest_run_folder(host, guest.id) + "/qmp");
    if (status) {
        seen.state = state_of(*status);
        if (const auto trouble = trouble_of(*status); !trouble.empty())
            seen.notes.emplace_back(trouble);
        return;
    }
    // Its monitor serves one at a time: a job that talks to it is no reason to worry.
    const auto job = engine.jobs.of_guest(guest.id);
    if (job && job->state == JobState::running) {
        seen.state = about.started ? GuestState::running : GuestState::starting;
        seen.notes.push_back(fmt::format("job {} is at work on it", job->number));
    } else {
        seen.state = GuestState::unknown;
        seen.notes.emplace_back("QEMU does not answer");
    }
}

// A guest that ended by itself is cleaned by the first who sees it, unless a job is at work on it.
void clean_if_ended(const Host& host, int id, Sighting& seen) {
    const std::string folder = guest_run_folder(host, id);
    if (!host.exists(folder + "/pid") || ::access(folder.c_str(), W_OK) != 0) return;
    try {
        const std::string locks = host.run_folder() + "/lock";
        host.make_folder(locks);
        const FileLock lock(locks + "/" + std::to_string(id), "", milliseconds(0));
        if (!vm_process(host, id)) vm_clean(host, id);
    } catch (const Error& error) {
        if (error.exit() != Exit::busy) seen.notes.emplace_back(error.what());
    }
}

void note_last_end(const Host& host, int id, Sighting& seen) {
    const auto end = vm_last_end(host, id);
    if (!end || !end->died) return;
    const auto lines = split(end->words, '\n');
    seen.notes.push_back("QEMU died" + (lines.back().empty() ? "" : ": " + lines.back()));
}

}  // namespace

Sighting VmKind::look(Engine& engine, const Guest& guest) const {
    Sighting seen;
    const Host& host = engine.host;
    constexpr int64_t mib = 1 << 20;
    seen.memory_limit = guest.config.integer("memory") * mib;
    const auto lock = guest.config.current.get("lock");
    if (const auto process = vm_process(host, guest.id)) {
        look_at_running(engine, guest, *process, seen);
    } else {
        clean_if_ended(host, guest.id, seen);
        note_last_end(host, guest.id, seen);
        if (lock == "suspended") seen.state = GuestState::suspended;
    }
    if (has_pending(guest.config)) seen.notes.emplace_back("pending changes");
    if (lock && lock != "suspended") seen.notes.push_back("lock: " + printable(*lock));
    return seen;
}

}  // namespace lodge
