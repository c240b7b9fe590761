#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>

#include "engine/container/container.h"
#include "engine/container/life.h"
#include "engine/error.h"
#include "engine/life/ending.h"
#include "engine/units.h"
#include "engine/vm/life.h"

// What is known of a running container: its first process, liblxc's words, its end.

namespace lodge {
namespace {

std::string link_of(const Host& host, pid_t pid, std::string_view name) {
    std::error_code trouble;
    const std::string path = host.system(fmt::format("/proc/{}/{}", pid, name));
    const auto target = std::filesystem::read_symlink(path, trouble);
    return trouble ? "" : target.string();
}

// A mask of signals in /proc/<pid>/status, such as "SigCgt:\t0000000000010000".
uint64_t signal_mask(std::string_view status, std::string_view name) {
    for (const std::string& line : split(status, '\n'))
        if (line.starts_with(name))
            return std::strtoull(std::string(trim(line.substr(name.size()))).c_str(), nullptr, 16);
    return 0;
}

bool has_signal(uint64_t mask, int signal) {
    return signal > 0 && ((mask >> (signal - 1)) & 1U) != 0;
}

// liblxc keeps a lock beside its run folder of root, below the path of ours.
void remove_lock(const Host& host, int id) {
    if (!host.is_root()) return;
    const std::string top = "/run/lxc/lock";
    std::string folder = top + host.run_folder() + "/guest";
    ::unlink(fmt::format("{}/.{}", folder, id).c_str());
    for (; folder.size() > top.size(); folder.erase(folder.rfind('/')))
        if (::rmdir(folder.c_str()) != 0) break;
}

}  // namespace

std::optional<ProcessId> ct_init(const Host& host, const ProcessId& monitor) {
    const std::string children = host.read_line(
        host.system(fmt::format("/proc/{}/task/{}/children", monitor.pid, monitor.pid)));
    const std::string outside = link_of(host, monitor.pid, "ns/pid");
    for (const std::string& word : split(children, ' ')) {
        const auto pid = parse_integer(word);
        if (!pid) continue;
        const auto space = link_of(host, static_cast<pid_t>(*pid), "ns/pid");
        if (!space.empty() && space != outside) return identify(host, static_cast<pid_t>(*pid));
    }
    return std::nullopt;
}

bool ct_has_begun(const Host& host, const ProcessId& monitor, const ProcessId& init) {
    const std::string program = link_of(host, init.pid, "exe");
    return !program.empty() && program != link_of(host, monitor.pid, "exe");
}

std::optional<int> parse_signal(std::string_view name) {
    if (const auto number = parse_integer(name))
        return *number > 0 && *number < SIGRTMAX ? std::optional(static_cast<int>(*number))
                                                 : std::nullopt;
    if (name.starts_with("SIG")) name.remove_prefix(3);
    const bool from_low = name.starts_with("RTMIN"), from_high = name.starts_with("RTMAX");
    if (from_low || from_high) {
        const std::string_view rest = name.substr(5);
        const auto more = rest.empty()                             ? std::optional<int64_t>(0)
                          : rest.front() == (from_low ? '+' : '-') ? parse_integer(rest.substr(1))
                                                                   : std::nullopt;
        if (!more || *more < 0 || *more > 30) return std::nullopt;
        return from_low ? SIGRTMIN + static_cast<int>(*more) : SIGRTMAX - static_cast<int>(*more);
    }
    for (int signal = 1; signal < 32; ++signal)
        if (const char* known = ::sigabbrev_np(signal); known && name == known) return signal;
    return std::nullopt;
}

std::optional<int> halt_signal(std::string_view raw, const FirstProcess& process) {
    if (const auto named = parse_signal(raw)) return named;
    // systemd takes its signals by a descriptor, for which it blocks them (systemd(1), SIGNALS).
    const uint64_t blocked = signal_mask(process.status, "SigBlk:");
    if (has_signal(blocked, SIGRTMIN + 3)) return SIGRTMIN + 3;
    const uint64_t taken = signal_mask(process.status, "SigCgt:") | blocked;
    for (const int signal : {SIGPWR, SIGTERM, SIGINT})
        if (has_signal(taken, signal)) return signal;
    if (!process.waits) return std::nullopt;
    return process.system ? SIGPWR : SIGTERM;  // busybox's init waits like that
}

// "lodge-lxc 101 20261121123627.657 ERROR    conf - ../src/lxc/conf.c:f:321 - words"
std::string liblxc_words(std::string_view log) {
    std::vector<std::string> found;
    for (const std::string& line : split(log, '\n')) {
        std::string_view words = trim(line);
        const size_t source = words.find(" - ../src/");
        if (source != std::string_view::npos) {
            if (words.find(" ERROR ") == std::string_view::npos) continue;
            // It gives controllers on before its monitor has left the group, and again later, when
            // that works: said at every start of a user's container.
            if (words.find("cgfsng_delegate_controllers") != std::string_view::npos) continue;
            const size_t end = words.find(" - ", source + 3);
            if (end == std::string_view::npos) continue;
            words = words.substr(end + 3);
        }
        if (words.empty() || std::find(found.begin(), found.end(), words) != found.end()) continue;
        found.emplace_back(words);
    }
    return join(found, "\n");
}

std::string ct_last_words(const Host& host, int id) {
    return liblxc_words(vm_last_words(host, id, "lxc.log"));
}

void ct_clean(const Host& host, int id) {
    if (const auto process = ct_process(host, id))
        fail(Exit::refused, "cannot clean up after guest {}: it runs (process {})", id,
             process->pid);
    const std::string folder = guest_run_folder(host, id);
    if (host.exists(folder + "/pid")) {
        LastEnd end;
        end.time = host.now_seconds();
        end.words = ct_last_words(host, id);
        // A monitor that ends in order takes the container's groups away.
        const std::string group =
            ct_group2(host, id).empty() ? ct_group(host, id, "cpu") : ct_group2(host, id);
        end.died = !group.empty() && host.exists(group);
        write_last_end(host, id, end);
    }
    for (const std::string& name : host.list(folder))
        if (name.ends_with(".helper")) stop_vm_helper(host, id, name.substr(0, name.size() - 7));
    remove_ct_groups(host, id);
    remove_lock(host, id);
    remove_run_folder(host, id);
}

}  // namespace lodge
