#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "engine/error.h"
#include "engine/host.h"
#include "engine/process.h"
#include "engine/units.h"

// Which process is meant: a pid alone is not enough, the kernel gives it away again.

namespace lodge {

std::string ProcessId::print() const {
    return fmt::format("{} {} {}", pid, start, boot);
}

std::optional<ProcessId> ProcessId::parse(std::string_view text) {
    const auto words = split(trim(text), ' ');
    if (words.size() != 3) return std::nullopt;
    const auto pid = parse_integer(words[0]);
    const auto start = parse_integer(words[1]);
    if (!pid || !start || *pid <= 1 || *pid > 1 << 22 || *start < 0) return std::nullopt;
    return ProcessId{static_cast<pid_t>(*pid), static_cast<uint64_t>(*start), words[2]};
}

std::optional<ProcessId> identify(const Host& host, pid_t pid) {
    const auto stat = host.read(host.system("/proc/" + std::to_string(pid) + "/stat"));
    if (!stat) return std::nullopt;
    // The name in parentheses may hold anything: the fields begin after the last ')' (proc(5)).
    const auto name_end = stat->rfind(')');
    if (name_end == std::string::npos || name_end + 2 >= stat->size()) return std::nullopt;
    const auto fields = split(std::string_view(*stat).substr(name_end + 2), ' ');
    constexpr size_t start_field = 22 - 3;
    if (fields.size() <= start_field || fields[0] == "Z" || fields[0] == "X") return std::nullopt;
    const auto start = parse_integer(fields[start_field]);
    if (!start) return std::nullopt;
    return ProcessId{pid, static_cast<uint64_t>(*start),
                     host.read_line(host.system("/proc/sys/kernel/random/boot_id"))};
}

Fd open_process(const Host& host, const ProcessId& id) {
    // Opened first, then compared: what the descriptor names cannot change any more.
    Fd fd(static_cast<int>(::syscall(SYS_pidfd_open, id.pid, 0)));
    if (!fd) return Fd();
    const auto found = identify(host, id.pid);
    if (!found || found->start != id.start || found->boot != id.boot) return Fd();
    return fd;
}

bool signal_process(const Fd& pidfd, int signal) {
    if (::syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0) == 0) return true;
    if (errno == ESRCH) return false;
    fail_errno(errno, "cannot signal a process");
}

bool wait_end(const Fd& pidfd, std::chrono::milliseconds patience) {
    pollfd poll_one{pidfd.get(), POLLIN, 0};
    const auto end = std::chrono::steady_clock::now() + patience;
    for (;;) {
        // Rounded up: what is left of a millisecond would not be waited for at all.
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now())
                .count();
        const int ready = ::poll(&poll_one, 1, static_cast<int>(std::max<int64_t>(left, 0)));
        if (ready > 0) return true;
        if (ready == 0) return false;
        if (errno != EINTR) fail_errno(errno, "cannot wait for a process");
    }
}

}  // namespace lodge
