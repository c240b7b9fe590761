#include "tui/overview.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "engine/engine.h"
#include "engine/units.h"

namespace lodge {

using nlohmann::json;

namespace {

// "MemTotal:  16303488 kB" of /proc/meminfo in bytes (proc(5)).
int64_t meminfo(std::string_view text, std::string_view name) {
    const auto at = text.find(std::string(name) + ":");
    if (at == std::string_view::npos) return 0;
    const auto line = text.substr(at + name.size() + 1, text.find('\n', at) - at - name.size() - 1);
    const auto number = trim(line).substr(0, trim(line).find(' '));
    return parse_integer(number).value_or(0) * 1024;
}

std::string host_name(const Host& host) {
    const std::string name = host.read_line(host.system("/proc/sys/kernel/hostname"));
    return name.empty() ? "this machine" : printable(name);
}

constexpr std::string_view beginnings =
    "lodge show GUEST         all of one guest\n"
    "lodge start GUEST        lodge shutdown GUEST    lodge console GUEST\n"
    "lodge create --name NAME --disk 16G --iso FILE --start\n"
    "lodge --help             every command\n";

constexpr std::string_view first_beginnings =
    "lodge demo               makes and starts a small guest to try things with\n"
    "lodge create --name NAME --disk 16G --iso FILE --start\n"
    "lodge import FILE        makes a guest from an OVA or a disk image\n"
    "lodge adopt FOLDER       reads the guests of a folder copied from a Proxmox VE node\n"
    "lodge --help             every command\n";

}  // namespace

Report overview(Engine& engine) {
    const Host& host = engine.host;
    const std::string memory = host.read(host.system("/proc/meminfo")).value_or("");
    const int64_t total = meminfo(memory, "MemTotal");
    const int64_t used = total - meminfo(memory, "MemAvailable");
    const std::string load_line = host.read_line(host.system("/proc/loadavg"));
    const std::string load = load_line.substr(0, load_line.find(' '));
    const long cpus = ::sysconf(_SC_NPROCESSORS_ONLN);
    size_t running = 0;
    std::vector<int> interrupted;
    for (const JobRecord& record : engine.jobs.list()) {
        if (record.state == JobState::running) ++running;
        if (record.state == JobState::interrupted) interrupted.push_back(record.number);
    }
    const Command* list = nullptr;
    size_t taken = 0;
    const std::vector<std::string> words = {"guest", "list"};
    const std::span<const Command> tables[] = {guest_commands()};
    list = find_command(tables, words, taken);
    const Report guests = list->show(engine, {});
    const bool none = guests.json == "[]\n";

    std::string text = fmt::format("{}: load {} on {}, memory {} of {}", host_name(host), load,
                                   counted(cpus, "CPU"), short_size(used), short_size(total));
    if (running > 0) text += fmt::format(", {} running", counted(running, "job"));
    text += "\n\n" + guests.text + "\n";
    for (const int number : interrupted)
        text += fmt::format("job {} ended in the middle: lodge job show {}\n", number, number);
    text += none ? first_beginnings : beginnings;
    return {text, {}, [=, name = host_name(host)] {
                const json value = {{"host", name},
                                    {"load", parse_number(load).value_or(0)},
                                    {"cpus", cpus},
                                    {"memory_total", total},
                                    {"memory_used", used},
                                    {"jobs_running", running},
                                    {"jobs_interrupted", interrupted},
                                    {"guests", json::parse(guests.as_json())}};
                return value.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
            }};
}

}  // namespace lodge
