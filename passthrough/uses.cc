#include <algorithm>
#include <functional>
#include <set>
#include <sstream>

#include "engine/host.h"
#include "engine/units.h"
#include "passthrough/inventory.h"

// What this machine does with its devices: interfaces, screens, keyboards, sensors.

namespace lodge {
namespace {

// The function and, on USB, the device that a path lies under both have the use.
void add_use(Inventory& inventory, std::string_view path, const Use& use) {
    if (PciFunction* function = function_above(inventory, path)) function->uses.push_back(use);
    if (UsbDevice* device = usb_above(inventory, path)) device->uses.push_back(use);
}

// Interfaces with a default route: /proc/net/route (hexadecimal, a mask of 0) and
// /proc/net/ipv6_route (a prefix of 00 and no "lo").
std::set<std::string> default_routes(const Host& host) {
    std::set<std::string> found;
    std::istringstream four(host.read(host.system("/proc/net/route")).value_or(""));
    for (std::string line; std::getline(four, line);) {
        std::istringstream in(line);
        std::string name, to, gateway, flags, count, use, metric, mask;
        in >> name >> to >> gateway >> flags >> count >> use >> metric >> mask;
        if (to == "00000000" && mask == "00000000") found.insert(name);
    }
    std::istringstream six(host.read(host.system("/proc/net/ipv6_route")).value_or(""));
    for (std::string line; std::getline(six, line);) {
        const auto words = split(line, ' ');
        if (words.size() < 10 || words[1] != "00") continue;
        const std::string& name = words.back();
        // The kernel's own entry for "nowhere" stands on lo.
        if (words[0].find_first_not_of('0') == std::string::npos && name != "lo")
            found.insert(name);
    }
    return found;
}

// The interface, and the bridges, bonds and VLANs above it, nearest first (sysfs: upper_NAME
// links).
std::vector<std::string> stack_of(const Host& host, const std::string& name) {
    std::vector<std::string> stack{name};
    for (size_t i = 0; i < stack.size(); ++i)
        for (const std::string& entry : host.list(host.system("/sys/class/net/" + stack[i])))
            if (entry.starts_with("upper_") &&
                std::find(stack.begin(), stack.end(), entry.substr(6)) == stack.end())
                stack.push_back(entry.substr(6));
    return stack;
}

Use network_use(const Host& host, const Inventory& inventory, const std::string& name,
                const std::set<std::string>& routes) {
    Use use{UseKind::network, name, {}, "", "/sys/class/net/" + name};
    const std::string state = host.read_line(host.system("/sys/class/net/" + name + "/operstate"));
    if (!state.empty() && state != "unknown") use.what.push_back("link " + state);
    for (const std::string& link : stack_of(host, name)) {
        if (link != name) use.what.push_back("part of " + link);
        const auto found = inventory.around.addresses.find(link);
        if (found != inventory.around.addresses.end())
            for (const std::string& address : found->second) {
                use.what.push_back(address);
                if (!inventory.around.ssh_address.empty() &&
                    address.starts_with(inventory.around.ssh_address + "/"))
                    use.needed = "your SSH session comes in through it";
            }
        if (routes.count(link) == 0) continue;
        use.what.emplace_back("default route");
        if (use.needed.empty()) use.needed = "the default route goes through it";
    }
    return use;
}

void find_networks(const Host& host, Inventory& inventory) {
    const auto routes = default_routes(host);
    for (const std::string& name : host.list(host.system("/sys/class/net"))) {
        const std::string path = real_path(host, "/sys/class/net/" + name);
        if (path.find("/virtual/") != std::string::npos) continue;
        add_use(inventory, path, network_use(host, inventory, name, routes));
    }
}

void find_screens(const Host& host, Inventory& inventory) {
    std::set<std::string> consoles;
    for (const std::string& name : host.list(host.system("/sys/class/graphics")))
        if (name.starts_with("fb") && name != "fbcon")
            if (const PciFunction* function =
                    function_above(inventory, real_path(host, "/sys/class/graphics/" + name)))
                consoles.insert(function->address);
    const std::string folder = "/sys/class/drm";
    const auto names = host.list(host.system(folder));
    for (const std::string& name : names) {
        if (!name.starts_with("card") || name.find('-') != std::string::npos) continue;
        const std::string path = real_path(host, folder + "/" + name);
        const PciFunction* function = function_above(inventory, path);
        if (!function) continue;
        Use use{UseKind::display, name, {}, "", folder + "/" + name};
        for (const std::string& other : names)
            if (other.starts_with(name + "-") &&
                host.read_line(host.system(folder + "/" + other + "/status")) == "connected")
                use.what.push_back("screen at " + other.substr(name.size() + 1));
        if (consoles.count(function->address) != 0 || function->boot_vga)
            use.needed = "the console's picture comes from it";
        add_use(inventory, path, use);
    }
    // Without a driver of its own the firmware's framebuffer is the console.
    for (PciFunction& function : inventory.pci)
        if (function.boot_vga && function.uses.empty() && !inventory.boot_framebuffers.empty())
            function.uses.push_back({UseKind::display,
                                     inventory.boot_framebuffers.front().name,
                                     {"the firmware's framebuffer"},
                                     "the console's picture comes from it",
                                     "/proc/iomem"});
}

// Names of a class, each of which lies under a device.
void find_class(const Host& host, Inventory& inventory, const std::string& kind, UseKind use,
                std::string_view prefix,
                const std::function<std::string(const std::string&)>& tell) {
    const std::string folder = "/sys/class/" + kind;
    for (const std::string& name : host.list(host.system(folder))) {
        if (!name.starts_with(prefix)) continue;
        const std::string path = real_path(host, folder + "/" + name);
        if (path.find("/virtual/") != std::string::npos) continue;
        Use found{use, name, {}, "", folder + "/" + name};
        if (const std::string words = tell(folder + "/" + name); !words.empty())
            found.what.push_back(words);
        add_use(inventory, path, found);
    }
}

// Serial lines that are consoles of the kernel (/sys/class/tty/console/active: "tty0 ttyS0").
void find_consoles(const Host& host, Inventory& inventory) {
    for (const std::string& name :
         split(host.read_line(host.system("/sys/class/tty/console/active")), ' ')) {
        if (!name.starts_with("ttyS") && !name.starts_with("ttyUSB")) continue;
        const std::string path = real_path(host, "/sys/class/tty/" + name);
        add_use(
            inventory, path,
            {UseKind::console, name, {"a console of the kernel"}, "", "/sys/class/tty/" + name});
    }
}

// A keyboard repeats keys (EV_REP, bit 0x14 of EV) where a power button does not.
void find_keyboards(const Host& host, Inventory& inventory) {
    std::string path, name;
    std::istringstream lines(host.read(host.system("/proc/bus/input/devices")).value_or(""));
    constexpr uint64_t repeats = 1 << 0x14;
    bool kbd = false;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("N: Name=")) name = std::string(trim(line.substr(8)));
        if (line.starts_with("S: Sysfs=")) path = "/sys" + line.substr(9);
        if (line.starts_with("H: Handlers="))
            kbd = line.find(" kbd") != std::string::npos || line.find("=kbd") != std::string::npos;
        if (!line.starts_with("B: EV=")) continue;
        if (!kbd || (std::strtoull(line.c_str() + 6, nullptr, 16) & repeats) == 0) continue;
        const size_t first = name.find_first_not_of('"');
        const size_t last = name.find_last_not_of('"');
        const std::string bare =
            first == std::string::npos ? "keyboard" : name.substr(first, last - first + 1);
        add_use(inventory, path,
                {UseKind::keyboard, bare, {}, "somebody types on it", "/proc/bus/input/devices"});
    }
}

}  // namespace

void find_uses(const Host& host, Inventory& inventory) {
    find_disk_uses(host, inventory);
    find_networks(host, inventory);
    find_screens(host, inventory);
    find_consoles(host, inventory);
    find_keyboards(host, inventory);
    const auto line = [&](const std::string& path) { return host.read_line(host.system(path)); };
    find_class(host, inventory, "hwmon", UseKind::sensor, "hwmon",
               [&](const std::string& path) { return line(path + "/name"); });
    find_class(host, inventory, "sound", UseKind::sound, "card",
               [&](const std::string& path) { return line(path + "/id"); });
    for (const char* kind : {"tpm", "watchdog"})
        find_class(host, inventory, kind, UseKind::other, "",
                   [&](const std::string&) { return std::string(kind); });
}

}  // namespace lodge
