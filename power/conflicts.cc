#include "power/conflicts.h"

#include <algorithm>

#include "engine/error.h"
#include "engine/units.h"
#include "power/kernel.h"

namespace lodge {
namespace {

// Tuner is a service known to tune.
struct Tuner {
    std::string_view name, unit, touches;
    bool stays;  // a daemon; else it sets things once at boot
};
// Sources: tuned's and power-profiles-daemon's own Conflicts= lines, TLP's defaults.conf.
constexpr Tuner tuners[] = {
    {"tuned", "tuned.service", "cpu. sata. kernel. usb. audio.", true},
    {"power-profiles-daemon", "power-profiles-daemon.service", "cpu.epp cpu.epb platform.", true},
    {"TLP", "tlp.service", "cpu. aspm. pci. usb. sata. audio. kernel. net.wake-on-lan platform.",
     false},
    {"auto-cpufreq", "auto-cpufreq.service", "cpu. platform.", true},
    {"cpupower", "cpupower.service", "cpu.", false},
    {"cpufrequtils", "cpufrequtils.service", "cpu.", false},
    {"cpufrequtils", "loadcpufreq.service", "cpu.", false},
    {"powertop", "powertop.service", "pci. usb. sata. audio. kernel.", false},
    {"system76-power", "com.system76.PowerDaemon.service", "cpu. pci. sata.", true},
    {"autoaspm", "autoaspm.service", "aspm.", false},
};

// What a line of cron, a unit or a rule says when it tunes.
struct Sign {
    std::string_view word, touches;
};
constexpr Sign signs[] = {
    {"scaling_governor", "cpu."},
    {"energy_perf", "cpu."},
    {"cpupower", "cpu."},
    {"cpufreq-set", "cpu."},
    {"x86_energy_perf_policy", "cpu."},
    {"pcie_aspm", "aspm."},
    {"autoaspm", "aspm."},
    {"AutoASPM", "aspm."},
    {"enable-aspm", "aspm."},
    {"enable_aspm", "aspm."},
    {"l1_aspm", "aspm."},
    {"setpci", "aspm."},
    {"powertop", "pci. usb. sata. audio. kernel."},
    {"power/control", "pci. usb."},
    {"link_power_management_policy", "sata."},
};

bool exists_in(const Host& host, const std::string& folder, std::string_view unit) {
    // Not access(2): a link of systemd's may point outside of what we see.
    const auto names = kernel::list(host, folder);
    return std::find(names.begin(), names.end(), unit) != names.end();
}

bool starts_at_boot(const Host& host, std::string_view unit) {
    const std::string top = "/etc/systemd/system";
    for (const std::string& name : kernel::list(host, top))
        if (name.ends_with(".wants") && exists_in(host, top + "/" + name, unit)) return true;
    return false;
}

bool runs(const Host& host, std::string_view unit) {
    for (const char* top : {"/sys/fs/cgroup/system.slice", "/sys/fs/cgroup/systemd/system.slice",
                            "/sys/fs/cgroup/unified/system.slice"})
        if (exists_in(host, top, unit)) return true;
    return false;
}

void add_touches(std::vector<std::string>& touches, std::string_view words) {
    for (const std::string& word : split(words, ' '))
        if (std::find(touches.begin(), touches.end(), word) == touches.end())
            touches.push_back(word);
}

bool is_comment(std::string_view line) {
    const std::string_view text = trim(line);
    return text.empty() || text[0] == '#' || text[0] == ';';
}

// Lines of a file that tune.
void read_lines(const Host& host, const std::string& path, std::string_view name,
                std::vector<Conflict>& found) {
    const std::string text = kernel::text(host, path);
    if (text.find("lodge power") != std::string::npos) return;  // ours
    size_t number = 0;
    for (const std::string& line : split(text, '\n')) {
        ++number;
        if (is_comment(line)) continue;
        Conflict conflict{std::string(name),
                          fmt::format("{}:{}", path, number),
                          "a line",
                          {},
                          std::string(trim(line)),
                          false};
        for (const Sign& sign : signs)
            if (line.find(sign.word) != std::string::npos)
                add_touches(conflict.touches, sign.touches);
        if (!conflict.touches.empty()) found.push_back(std::move(conflict));
    }
}

void read_folder(const Host& host, const std::string& folder, std::string_view name,
                 std::string_view ending, std::vector<Conflict>& found) {
    for (const std::string& file : kernel::list(host, folder))
        if (file.ends_with(ending)) read_lines(host, folder + "/" + file, name, found);
}

// Units of the person's own that start at boot and tune.
void read_units(const Host& host, std::vector<Conflict>& found) {
    const std::string top = "/etc/systemd/system";
    for (const std::string& file : kernel::list(host, top)) {
        if (!file.ends_with(".service") || !starts_at_boot(host, file)) continue;
        if (std::any_of(std::begin(tuners), std::end(tuners),
                        [&](const Tuner& tuner) { return tuner.unit == file; }))
            continue;
        std::vector<Conflict> lines;
        read_lines(host, top + "/" + file, file.substr(0, file.size() - 8), lines);
        if (lines.empty()) continue;
        Conflict conflict = lines.front();
        for (const Conflict& one : lines)
            for (const std::string& word : one.touches)
                add_touches(conflict.touches, word);
        conflict.where = file;
        conflict.state = "starts at boot";
        found.push_back(std::move(conflict));
    }
}

}  // namespace

std::vector<Conflict> find_conflicts(const Host& host) {
    std::vector<Conflict> found;
    for (const Tuner& tuner : tuners) {
        const bool running = tuner.stays && runs(host, tuner.unit);
        if (!running && !starts_at_boot(host, tuner.unit)) continue;
        Conflict conflict;
        conflict.name = tuner.name;
        conflict.where = tuner.unit;
        conflict.state = running ? "running" : "starts at boot";
        conflict.running = running;
        add_touches(conflict.touches, tuner.touches);
        found.push_back(std::move(conflict));
    }
    read_units(host, found);
    read_lines(host, "/etc/crontab", "cron", found);
    read_folder(host, "/etc/cron.d", "cron", "", found);
    read_folder(host, "/var/spool/cron/crontabs", "cron", "", found);
    read_lines(host, "/etc/rc.local", "rc.local", found);
    read_folder(host, "/etc/tmpfiles.d", "tmpfiles", ".conf", found);
    read_folder(host, "/etc/udev/rules.d", "udev", ".rules", found);
    read_lines(host, "/etc/sysfs.conf", "sysfsutils", found);
    return found;
}

std::string who_else(const std::vector<Conflict>& conflicts, const Knob& knob) {
    for (const Conflict& conflict : conflicts)
        for (const std::string& beginning : conflict.touches)
            if (conflict.running && knob.kind->id.starts_with(beginning))
                return fmt::format("{} ({})", conflict.name, conflict.where);
    return "";
}

namespace {

void adopt_service(Plan& plan, const Conflict& conflict) {
    plan.step(
        fmt::format("{} tunes no more", conflict.name),
        {"run",
         {{"argv", std::vector<std::string>{"systemctl", "disable", "--now", conflict.where}}}},
        Action{
            "run",
            {{"argv", std::vector<std::string>{"systemctl", "enable", "--now", conflict.where}}}});
}

void adopt_lines(Plan& plan, const Host& host, const std::string& path,
                 const std::vector<Conflict>& conflicts) {
    const std::string before = host.read(host.system(path)).value_or("");
    std::vector<std::string> lines = split(before, '\n');
    for (const Conflict& conflict : conflicts) {
        const auto colon = conflict.where.rfind(':');
        if (conflict.where.substr(0, colon) != path) continue;
        const auto number = parse_integer(std::string_view(conflict.where).substr(colon + 1));
        if (number && *number >= 1 && static_cast<size_t>(*number) <= lines.size())
            lines[static_cast<size_t>(*number) - 1].insert(0, "# (Lodge does this now) ");
    }
    const std::string full = host.system(path);
    plan.step(fmt::format("lines of {} are commented out", path),
              {"write", {{"path", full}, {"content", join(lines, "\n")}}},
              Action{"write", {{"path", full}, {"content", before}}});
}

}  // namespace

Plan adopt_plan(const Host& host, const std::string& name) {
    std::vector<Conflict> conflicts = find_conflicts(host);
    std::erase_if(conflicts, [&](const Conflict& one) {
        return name != "all" && one.name != name && one.where != name;
    });
    if (conflicts.empty())
        fail(Exit::not_found,
             "nobody called '{}' tunes this machine; lodge power conflicts "
             "shows who does",
             printable(name));
    Plan plan;
    plan.title = "take over from " + (name == "all" ? "all other tuners" : name);
    std::vector<std::string> files;
    for (const Conflict& conflict : conflicts) {
        if (conflict.where.ends_with(".service")) {
            adopt_service(plan, conflict);
            continue;
        }
        const std::string path = conflict.where.substr(0, conflict.where.rfind(':'));
        if (std::find(files.begin(), files.end(), path) == files.end()) files.push_back(path);
    }
    for (const std::string& path : files)
        adopt_lines(plan, host, path, conflicts);
    plan.afterwards = "they tune no more; what they set stays until something sets it";
    return plan;
}

}  // namespace lodge
