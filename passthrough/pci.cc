#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>
#include <sstream>

#include "engine/host.h"
#include "engine/units.h"
#include "passthrough/inventory.h"

// PCI functions as sysfs shows them.

namespace lodge {
namespace {

const std::string kDevices = "/sys/bus/pci/devices";

uint64_t number_of(const std::string& text) {
    return std::strtoull(text.c_str(), nullptr, 16);
}

std::string link_name(const std::string& path) {
    std::array<char, PATH_MAX> target{};
    const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
    if (size <= 0) return "";
    const std::string_view whole(target.data(), static_cast<size_t>(size));
    return std::string(whole.substr(whole.rfind('/') + 1));
}

bool is_address(std::string_view name) {
    return name.size() >= 12 && full_address(name) == std::string(name);
}

// "0000:00/1c.0/00.0" of /sys/devices/pci0000:00/0000:00:1c.0/0000:01:00.0: bus numbers that the
// firmware or the kernel gives anew stand nowhere in it but for the root's.
std::string slot_path_of(const std::string& folder) {
    std::string path;
    for (const std::string& part : split(folder, '/')) {
        if (part.starts_with("pci") && path.empty() && part.size() > 3) path = part.substr(3);
        if (is_address(part)) path += "/" + part.substr(part.rfind(':') + 1);
    }
    return path;
}

std::string parent_of(const std::string& folder) {
    const auto parts = split(folder, '/');
    return parts.size() >= 2 && is_address(parts[parts.size() - 2]) ? parts[parts.size() - 2] : "";
}

// Lines "start end flags" of `resource`; flags as in include/linux/ioport.h.
std::vector<PciBar> bars_of(const std::string& text) {
    constexpr uint64_t io_flag = 0x100, prefetch_flag = 0x2000;
    std::vector<PciBar> bars;
    std::istringstream lines(text);
    int number = 0;
    for (std::string line; std::getline(lines, line) && number < 7; ++number) {
        std::istringstream in(line);
        std::string start, end, flags;
        in >> start >> end >> flags;
        const uint64_t first = number_of(start), last = number_of(end);
        if (last == 0 || last < first) continue;
        bars.push_back({number, first, last - first + 1, (number_of(flags) & io_flag) != 0,
                        (number_of(flags) & prefetch_flag) != 0});
    }
    return bars;
}

int integer_of(const std::string& text, int otherwise) {
    return static_cast<int>(parse_integer(text).value_or(otherwise));
}

std::vector<MdevType> mdevs_of(const Host& host, const std::string& folder) {
    std::vector<MdevType> types;
    const std::string all = folder + "/mdev_supported_types";
    for (const std::string& id : host.list(all)) {
        const std::string type = all + "/" + id + "/";
        types.push_back({id, host.read_line(type + "name"), host.read_line(type + "description"),
                         integer_of(host.read_line(type + "available_instances"), 0)});
    }
    return types;
}

// What only some functions have, by the names in its folder: asking for each costs more than
// listing them once.
void read_seldom(const Host& host, const std::string& folder, PciFunction& function) {
    const auto names = host.list(folder);
    const auto has = [&](std::string_view name) {
        return std::binary_search(names.begin(), names.end(), name);
    };
    const auto line = [&](const char* name) { return host.read_line(folder + "/" + name); };
    if (has("reset_method")) {
        const std::string methods(trim(line("reset_method")));
        function.reset_methods = std::vector<std::string>();
        if (!methods.empty()) function.reset_methods = split(methods, ' ');
    }
    function.has_rom = has("rom");
    if (has("boot_vga")) function.boot_vga = line("boot_vga") == "1";
    if (has("current_link_speed")) {
        function.link.speed = line("current_link_speed");
        function.link.max_speed = line("max_link_speed");
        function.link.width = integer_of(line("current_link_width"), 0);
        function.link.max_width = integer_of(line("max_link_width"), 0);
    }
    if (has("sriov_totalvfs")) {
        function.vfs_possible = integer_of(line("sriov_totalvfs"), 0);
        function.vfs_now = integer_of(line("sriov_numvfs"), 0);
    }
    if (has("physfn")) function.physical = link_name(folder + "/physfn");
    if (has("mdev_supported_types")) function.mdevs = mdevs_of(host, folder);
    if (has("numa_node")) function.numa = integer_of(line("numa_node"), -1);
    if (has("power_state")) function.power_state = line("power_state");
    if (has("d3cold_allowed")) function.d3cold_allowed = line("d3cold_allowed") == "1";
    for (const std::string& name : names) {
        if (name.starts_with("virtfn")) function.virtuals.push_back(link_name(folder + "/" + name));
        if (name.starts_with("resource") && name.ends_with("_resize")) function.resizable = true;
    }
    std::sort(function.virtuals.begin(), function.virtuals.end());
}

PciFunction read_function(const Host& host, const std::string& address) {
    PciFunction function;
    function.address = address;
    const std::string folder = host.system(kDevices + "/" + address);
    function.folder = real_path(host, kDevices + "/" + address);
    function.parent = parent_of(function.folder);
    function.slot_path = slot_path_of(function.folder);
    const auto number = [&](const char* name) {
        return number_of(host.read_line(folder + "/" + name));
    };
    function.vendor = static_cast<uint16_t>(number("vendor"));
    function.device = static_cast<uint16_t>(number("device"));
    function.subvendor = static_cast<uint16_t>(number("subsystem_vendor"));
    function.subdevice = static_cast<uint16_t>(number("subsystem_device"));
    function.class_code = static_cast<uint32_t>(number("class"));
    // Bridges to other buses: PCI, and PCI behind a device of its own kind (class.h: 0604, 0609).
    function.is_bridge = function.sub_class() == 0x0604 || function.sub_class() == 0x0609;
    function.driver = link_name(folder + "/driver");
    function.driver_override = host.read_line(folder + "/driver_override");
    if (function.driver_override == "(null)") function.driver_override.clear();
    const std::string group = link_name(folder + "/iommu_group");
    function.group = integer_of(group, -1);
    function.bars = bars_of(host.read(folder + "/resource").value_or(""));
    function.runtime_status = host.read_line(folder + "/power/runtime_status");
    read_seldom(host, folder, function);
    return function;
}

void read_groups(const Host& host, Inventory& inventory) {
    for (const PciFunction& function : inventory.pci)
        if (function.group >= 0)
            inventory.groups[function.group].members.push_back(function.address);
    for (auto& [number, group] : inventory.groups) {
        const std::string folder =
            host.system("/sys/kernel/iommu_groups/" + std::to_string(number));
        group.type = host.read_line(folder + "/type");
        for (const std::string& line :
             split(host.read(folder + "/reserved_regions").value_or(""), '\n')) {
            const auto words = split(trim(line), ' ');
            if (words.size() == 3 && words[2] == "direct") group.direct_regions.push_back(line);
        }
    }
}

void read_slots(const Host& host, Inventory& inventory) {
    const std::string folder = host.system("/sys/bus/pci/slots");
    for (const std::string& name : host.list(folder)) {
        const auto address = full_address(host.read_line(folder + "/" + name + "/address"));
        if (!address) continue;
        for (PciFunction& function : inventory.pci)
            if (function.address.starts_with(*address + ".")) function.slot = name;
    }
}

// What the interrupt chips are called: "IR-PCI-MSI" where they are remapped, "PCI-MSI" where not
// (arch/x86/kernel/apic/msi.c, drivers/iommu/intel/irq_remapping.c).
std::optional<bool> remapping(const std::string& interrupts) {
    if (interrupts.find(" IR-") != std::string::npos) return true;
    if (interrupts.find("IO-APIC") != std::string::npos ||
        interrupts.find("PCI-MSI") != std::string::npos)
        return false;
    return std::nullopt;
}

void read_processor(const std::string& text, Inventory& inventory) {
    inventory.amd = text.find("AuthenticAMD") != std::string::npos;
    const size_t at = text.find("\naddress sizes");
    const size_t colon = at == std::string::npos ? at : text.find(':', at);
    if (colon != std::string::npos) inventory.physical_bits = std::atoi(text.c_str() + colon + 1);
}

void read_framebuffers(const std::string& iomem, Inventory& inventory) {
    std::istringstream lines(iomem);
    for (std::string line; std::getline(lines, line);) {
        const size_t colon = line.find(" : ");
        if (colon == std::string::npos) continue;
        const std::string name = line.substr(colon + 3);
        if (name != "BOOTFB" && name != "efifb" && name != "simplefb" && name != "vesafb" &&
            name.find("simple-framebuffer") == std::string::npos)
            continue;
        const std::string range(trim(std::string_view(line).substr(0, colon)));
        const size_t dash = range.find('-');
        if (dash == std::string::npos) continue;
        inventory.boot_framebuffers.push_back(
            {number_of(range.substr(0, dash)), number_of(range.substr(dash + 1)), name});
    }
}

// Beginning of a file: /proc/cpuinfo waits for each CPU's clock when it is read as a whole.
std::string beginning(const std::string& path) {
    std::string text(4096, '\0');
    FILE* file = ::fopen(path.c_str(), "re");
    if (!file) return "";
    text.resize(::fread(text.data(), 1, text.size(), file));
    ::fclose(file);
    return text;
}

void read_machine(const Host& host, Inventory& inventory) {
    inventory.iommus = host.list(host.system("/sys/class/iommu"));
    inventory.interrupts_remapped =
        remapping(host.read(host.system("/proc/interrupts")).value_or(""));
    inventory.command_line = host.read_line(host.system("/proc/cmdline"));
    const std::string lockdown = host.read_line(host.system("/sys/kernel/security/lockdown"));
    const size_t open = lockdown.find('['), close = lockdown.find(']');
    if (open != std::string::npos && close != std::string::npos)
        inventory.lockdown = lockdown.substr(open + 1, close - open - 1);
    // Four bytes of attributes, then the value (UEFI 2.10, 3.3).
    const auto secure = host.read(
        host.system("/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"));
    inventory.secure_boot = secure && secure->size() >= 5 && (*secure)[4] == 1;
    inventory.product =
        std::string(trim(host.read_line(host.system("/sys/class/dmi/id/sys_vendor")) + " " +
                         host.read_line(host.system("/sys/class/dmi/id/product_name"))));
    read_processor(beginning(host.system("/proc/cpuinfo")), inventory);
    const std::string memory = host.read(host.system("/proc/meminfo")).value_or("");
    if (const size_t at = memory.find("MemAvailable:"); at != std::string::npos)
        inventory.memory_available = std::atoll(memory.c_str() + at + 13) << 10;
    read_framebuffers(host.read(host.system("/proc/iomem")).value_or(""), inventory);
}

}  // namespace

std::string real_path(const Host& host, const std::string& path) {
    std::array<char, PATH_MAX> found{};
    if (!::realpath(host.system(path).c_str(), found.data())) return "";
    const std::string whole = found.data();
    std::string root = host.system("");
    if (root.empty()) return whole;
    std::array<char, PATH_MAX> top{};
    if (::realpath(root.c_str(), top.data())) root = top.data();
    return whole.starts_with(root + "/") ? whole.substr(root.size()) : "";
}

PciFunction* function_above(Inventory& inventory, std::string_view path) {
    std::string_view rest = path;
    while (!rest.empty()) {
        const size_t slash = rest.rfind('/');
        const std::string_view name = rest.substr(slash == std::string_view::npos ? 0 : slash + 1);
        if (is_address(name)) return const_cast<PciFunction*>(inventory.find(name));
        if (slash == std::string_view::npos) break;
        rest = rest.substr(0, slash);
    }
    return nullptr;
}

void scan_pci(const Host& host, Inventory& inventory) {
    for (const std::string& address : host.list(host.system(kDevices)))
        if (is_address(address)) inventory.pci.push_back(read_function(host, address));
    std::sort(
        inventory.pci.begin(), inventory.pci.end(),
        [](const PciFunction& one, const PciFunction& two) { return one.address < two.address; });
    read_groups(host, inventory);
    read_slots(host, inventory);
    read_machine(host, inventory);
}

}  // namespace lodge
