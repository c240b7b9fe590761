#include <fnmatch.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <set>

#include "engine/error.h"
#include "engine/units.h"
#include "power/kernel.h"
#include "power/record.h"

namespace lodge {
namespace {

// All that Lodge reads of a machine, by the paths that it reads it by. What is not here is not
// recorded: among it what wakes a device, takes long, or changes by being read.
constexpr std::string_view wanted[] = {
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/interrupts",
    "/proc/sys/kernel/osrelease",
    "/proc/sys/kernel/nmi_watchdog",
    "/proc/sys/vm/dirty_writeback_centisecs",
    "/etc/os-release",
    "/sys/kernel/security/lockdown",
    "/sys/firmware/acpi/platform_profile",
    "/sys/firmware/acpi/platform_profile_choices",
    "/sys/firmware/acpi/tables/FACP",
    "/sys/class/dmi/id/sys_vendor",
    "/sys/class/dmi/id/product_name",
    "/sys/class/dmi/id/board_name",
    "/sys/class/dmi/id/bios_version",
    "/sys/devices/system/cpu/*",
    "/sys/devices/system/cpu/cpu[0-9]*/online",
    "/sys/devices/system/cpu/cpu[0-9]*/topology/*",
    "/sys/devices/system/cpu/cpu[0-9]*/power/energy_perf_bias",
    "/sys/devices/system/cpu/cpu[0-9]*/power/pm_qos_resume_latency_us",
    "/sys/devices/system/cpu/cpu[0-9]*/cpuidle/state*/*",
    "/sys/devices/system/cpu/cpu[0-9]*/thermal_throttle/*",
    "/sys/devices/system/cpu/cpufreq/*",
    "/sys/devices/system/cpu/cpufreq/policy*/*",
    "/sys/devices/system/cpu/cpuidle/*",
    "/sys/devices/system/cpu/intel_pstate/*",
    "/sys/devices/system/cpu/amd_pstate/*",
    "/sys/module/pcie_aspm/parameters/policy",
    "/sys/module/snd_hda_intel/parameters/power_save*",
    "/sys/module/nvme_core/parameters/default_ps_max_latency_us",
    "/sys/bus/pci/devices/*/vendor",
    "/sys/bus/pci/devices/*/device",
    "/sys/bus/pci/devices/*/class",
    "/sys/bus/pci/devices/*/subsystem_vendor",
    "/sys/bus/pci/devices/*/subsystem_device",
    "/sys/bus/pci/devices/*/driver",
    "/sys/bus/pci/devices/*/link/*",
    "/sys/bus/pci/devices/*/aer_*",
    "/sys/bus/pci/devices/*/current_link_*",
    "/sys/bus/pci/devices/*/max_link_*",
    "/sys/bus/pci/devices/*/d3cold_allowed",
    "/sys/bus/pci/devices/*/power_state",
    "/sys/bus/pci/devices/*/power/control",
    "/sys/bus/pci/devices/*/power/runtime_*",
    "/sys/bus/pci/devices/*/config",
    "/sys/bus/usb/devices/*/idVendor",
    "/sys/bus/usb/devices/*/idProduct",
    "/sys/bus/usb/devices/*/product",
    "/sys/bus/usb/devices/*/bDeviceClass",
    "/sys/bus/usb/devices/*/bInterfaceClass",
    "/sys/bus/usb/devices/*/bInterfaceProtocol",
    "/sys/bus/usb/devices/*/power/control",
    "/sys/bus/usb/devices/*/power/runtime_status",
    "/sys/bus/usb/devices/*/power/autosuspend_delay_ms",
    "/sys/class/scsi_host/host*/link_power_management_policy",
    "/sys/class/scsi_host/host*/proc_name",
    "/sys/class/nvme/nvme*/model",
    "/sys/class/nvme/nvme*/state",
    "/sys/class/nvme/nvme*/power/pm_qos_latency_tolerance_us",
    "/sys/class/block/*/partition",
    "/sys/class/block/*/queue/rotational",
    "/sys/class/block/*/slaves/*",
    "/sys/dev/block/*",
    "/sys/class/net/*/address",
    "/sys/class/net/*/carrier",
    "/sys/class/net/*/carrier_changes",
    "/sys/class/net/*/speed",
    "/sys/class/net/*/operstate",
    "/sys/class/net/*/device/driver",
    "/sys/class/net/*/statistics/*",
    "/sys/class/powercap/*/*",
    "/sys/class/power_supply/*/type",
    "/sys/class/power_supply/*/power_now",
    "/sys/class/power_supply/*/status",
    "/sys/class/hwmon/hwmon*/name",
    "/sys/class/hwmon/hwmon*/*_label",
    "/sys/class/hwmon/hwmon*/*_input",
    "/sys/class/hwmon/hwmon*/*_max",
    "/sys/class/hwmon/hwmon*/*_min",
    "/sys/class/hwmon/hwmon*/*_crit",
    "/sys/class/hwmon/hwmon*/*_alarm",
    "/sys/class/hwmon/hwmon*/*_average",
    "/sys/class/hwmon/hwmon*/pwm[0-9]",
    "/sys/class/hwmon/hwmon*/pwm[0-9]_enable",
    "/sys/class/thermal/thermal_zone*/type",
    "/sys/class/thermal/thermal_zone*/temp",
    "/sys/class/thermal/thermal_zone*/trip_point_*",
    "/sys/class/thermal/cooling_device*/type",
    "/sys/class/thermal/cooling_device*/cur_state",
    "/sys/class/thermal/cooling_device*/max_state",
    "/sys/bus/event_source/devices/*/type",
    "/sys/bus/event_source/devices/*/events/*",
};

constexpr size_t longest = 64 * 1024;

// Reader walks the patterns and keeps each real file and each link that led to it, once.
class Reader {
  public:
    explicit Reader(const Host& host) : host_(host) {}

    void take(std::string_view pattern) { walk("", split(pattern.substr(1), '/'), 0); }
    std::vector<RecordEntry> entries() {
        std::vector<RecordEntry> all;
        for (auto& [path, entry] : found_)
            all.push_back(std::move(entry));
        return all;
    }

  private:
    // `at` is a real path: no link is on the way to it.
    void walk(const std::string& at, const std::vector<std::string>& parts, size_t next) {
        if (next == parts.size()) {
            keep_file(at);
            return;
        }
        const std::string& part = parts[next];
        const bool several = part.find_first_of("*[") != std::string::npos;
        for (const std::string& name :
             several ? kernel::list(host_, at.empty() ? "/" : at) : std::vector{part}) {
            if (several && ::fnmatch(part.c_str(), name.c_str(), FNM_PERIOD) != 0) continue;
            step(at + "/" + name, parts, next + 1);
        }
    }

    void step(const std::string& path, const std::vector<std::string>& parts, size_t next) {
        struct stat found {};
        if (::lstat(host_.system(path).c_str(), &found) != 0) return;
        if (!S_ISLNK(found.st_mode)) {
            if (S_ISDIR(found.st_mode) == (next < parts.size())) walk(path, parts, next);
            return;
        }
        std::error_code trouble;
        const std::string target =
            std::filesystem::read_symlink(host_.system(path), trouble).string();
        if (trouble || target.empty() || target[0] == '/') return;
        found_.insert({path, {RecordEntry::Kind::link, path, target}});
        const std::string real = kernel::real_path(host_, path);
        if (!real.empty()) walk(real, parts, next);
    }

    bool sleeps(const std::string& path) const {
        return kernel::text(host_, path.substr(0, path.rfind('/')) + "/power/runtime_status") ==
               "suspended";
    }

    bool may_read(const std::string& path) const {
        const std::string name = path.substr(path.rfind('/') + 1);
        // These look into the configuration space, for which a sleeping device is woken, or answers
        // ones; a disk's temperature may keep it from its standby.
        const bool configuration = name == "config" || name.starts_with("current_link_");
        if (configuration && sleeps(path)) return false;
        if (name.ends_with("_input") &&
            kernel::text(host_, path.substr(0, path.rfind('/')) + "/name") == "drivetemp")
            return false;
        struct stat found {};
        return ::stat(host_.system(path).c_str(), &found) == 0 && S_ISREG(found.st_mode) &&
               (found.st_mode & 0444) != 0;
    }

    void keep_file(const std::string& path) {
        if (found_.count(path) || !may_read(path)) return;
        std::optional<std::string> content;
        try {
            content = host_.read(host_.system(path));
        } catch (const Error&) {
            return;  // not for us, or not now
        }
        if (!content || content->size() > longest) return;
        RecordEntry entry{RecordEntry::Kind::line, path, *content};
        const bool text = std::all_of(content->begin(), content->end(), [](char c) {
            return std::isprint(static_cast<unsigned char>(c)) || c == '\n' || c == '\t';
        });
        const auto lines = std::count(content->begin(), content->end(), '\n');
        if (!text)
            entry.kind = RecordEntry::Kind::bytes;
        else if (lines > 1 || (lines == 1 && content->back() != '\n'))
            entry.kind = RecordEntry::Kind::lines;
        else if (lines == 1)
            entry.content.pop_back();
        found_.insert({path, std::move(entry)});
    }

    const Host& host_;
    std::map<std::string, RecordEntry> found_;
};

// Only the line that says on which disk the root file system lies: the rest is the person's.
RecordEntry root_mount(const Host& host) {
    RecordEntry entry{RecordEntry::Kind::line, "/proc/self/mountinfo", ""};
    for (const std::string& line : split(kernel::text(host, entry.path), '\n')) {
        const auto fields = split(line, ' ');
        if (fields.size() > 4 && fields[4] == "/") entry.content = line;
    }
    return entry;
}

// Only the words that tune the machine: others may be secrets.
RecordEntry command_line(const Host& host) {
    static constexpr std::string_view told[] = {
        "pcie_aspm", "intel_pstate", "amd_pstate", "intel_idle", "processor.",  "nvme_core.",
        "cpufreq",   "cpuidle",      "lodge.",     "iommu",      "intel_iommu", "amd_iommu",
        "acpi",      "i915.",        "amdgpu.",    "vfio",       "pci",         "nmi_watchdog"};
    RecordEntry entry{RecordEntry::Kind::line, "/proc/cmdline", ""};
    for (const std::string& word : split(kernel::text(host, entry.path), ' '))
        if (std::any_of(std::begin(told), std::end(told),
                        [&](std::string_view one) { return word.starts_with(one); }))
            entry.content += (entry.content.empty() ? "" : " ") + word;
    return entry;
}

}  // namespace

std::vector<RecordEntry> record_machine(const Host& host) {
    Reader reader(host);
    for (const std::string_view pattern : wanted)
        reader.take(pattern);
    std::vector<RecordEntry> entries = reader.entries();
    for (const std::string& card : kernel::list(host, "/sys/class/net"))
        for (const std::string what : {"wol", "tso", "gso", "gro"}) {
            const std::string path = "/lodge/ethtool/" + card + "/" + what;
            if (const auto value = kernel::read(host, path))
                entries.push_back({RecordEntry::Kind::line, path, *value});
        }
    entries.push_back(root_mount(host));
    entries.push_back(command_line(host));
    return entries;
}

namespace {

// Renamer gives the same new name for the same old one.
class Renamer {
  public:
    std::string mac(const std::string& old) {
        const auto [found, fresh] = macs_.insert({old, macs_.size() + 1});
        (void)fresh;
        return fmt::format("02:00:00:00:{:02x}:{:02x}", (found->second >> 8) & 0xffu,
                           found->second & 0xffu);
    }
    std::string uuid(const std::string& old) {
        const auto [found, fresh] = uuids_.insert({old, uuids_.size() + 1});
        (void)fresh;
        return fmt::format("00000000-0000-4000-8000-{:012x}", found->second);
    }

  private:
    std::map<std::string, size_t> macs_, uuids_;
};

bool is_hex(char c) {
    return std::isxdigit(static_cast<unsigned char>(c)) != 0;
}

// Whether `text` has the shape at `at`: x is a hexadecimal digit.
bool has_shape(std::string_view text, size_t at, std::string_view shape) {
    if (at + shape.size() > text.size()) return false;
    if (at > 0 && (is_hex(text[at - 1]) || text[at - 1] == shape[2])) return false;
    const size_t end = at + shape.size();
    if (end < text.size() && is_hex(text[end])) return false;
    for (size_t i = 0; i < shape.size(); ++i)
        if (shape[i] == 'x' ? !is_hex(text[at + i]) : text[at + i] != shape[i]) return false;
    return true;
}

std::string renamed(std::string_view text, Renamer& names) {
    static constexpr std::string_view mac = "xx:xx:xx:xx:xx:xx";
    static constexpr std::string_view uuid = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    std::string out;
    for (size_t at = 0; at < text.size();) {
        if (has_shape(text, at, mac) && text.substr(at, mac.size()) != "00:00:00:00:00:00" &&
            text.substr(at, mac.size()) != "ff:ff:ff:ff:ff:ff") {
            out += names.mac(std::string(text.substr(at, mac.size())));
            at += mac.size();
        } else if (has_shape(text, at, uuid)) {
            out += names.uuid(std::string(text.substr(at, uuid.size())));
            at += uuid.size();
        } else {
            out += text[at++];
        }
    }
    return out;
}

// PCIe's serial number of a device (extended capability 3), often made of a card's MAC.
void blank_serial_in_config(std::string& config) {
    for (size_t at = 0x100, hops = 0; at + 12 <= config.size() && hops < 64; ++hops) {
        const auto byte = [&](size_t i) { return static_cast<unsigned char>(config[at + i]); };
        const unsigned id = byte(0) | byte(1) << 8;
        const unsigned next = (byte(2) | byte(3) << 8) >> 4;
        if (id == 3) std::fill_n(config.begin() + static_cast<ptrdiff_t>(at) + 4, 8, '\0');
        if (next < 0x100 || next == at) return;
        at = next;
    }
}

void replace_all(std::string& text, const std::string& old, const std::string& fresh) {
    for (size_t at = 0; (at = text.find(old, at)) != std::string::npos; at += fresh.size())
        text.replace(at, old.size(), fresh);
}

}  // namespace

std::vector<RecordEntry> without_identity(std::vector<RecordEntry> entries) {
    Renamer names;
    std::map<std::string, std::string> serials;
    for (const RecordEntry& entry : entries) {
        const std::string name = entry.path.substr(entry.path.rfind('/') + 1);
        const bool serial = name == "serial" || name.ends_with("_serial") || name == "hostname";
        if (serial && entry.content.size() > 3)
            serials.insert({entry.content, fmt::format("REPLACED{}", serials.size() + 1)});
    }
    for (RecordEntry& entry : entries) {
        if (entry.kind == RecordEntry::Kind::bytes) {
            blank_serial_in_config(entry.content);
            continue;
        }
        for (const auto& [old, fresh] : serials) {
            replace_all(entry.content, old, fresh);
            replace_all(entry.path, old, fresh);
        }
        entry.content = renamed(entry.content, names);
        entry.path = renamed(entry.path, names);
    }
    return entries;
}

}  // namespace lodge
