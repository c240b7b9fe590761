#include <algorithm>

#include "engine/host.h"
#include "engine/units.h"
#include "passthrough/inventory.h"

// USB devices as sysfs shows them.

namespace lodge {
namespace {

const std::string kDevices = "/sys/bus/usb/devices";

// "1-2.3" is a device; "usb1" a root hub, "1-2:1.0" an interface.
bool is_port(std::string_view name) {
    return name.find('-') != std::string_view::npos && name.find(':') == std::string_view::npos &&
           name.find_first_not_of("0123456789-.") == std::string_view::npos;
}

uint16_t id_of(const std::string& text) {
    return static_cast<uint16_t>(std::strtoul(text.c_str(), nullptr, 16));
}

}  // namespace

UsbDevice* usb_above(Inventory& inventory, std::string_view path) {
    const auto parts = split(path, '/');
    for (auto part = parts.rbegin(); part != parts.rend(); ++part)
        if (is_port(*part)) return const_cast<UsbDevice*>(inventory.find_usb(*part));
    return nullptr;
}

void scan_usb(const Host& host, Inventory& inventory) {
    const auto names = host.list(host.system(kDevices));
    for (const std::string& name : names) {
        if (!is_port(name)) continue;
        const std::string folder = host.system(kDevices + "/" + name) + "/";
        UsbDevice device;
        device.port = name;
        device.bus = static_cast<int>(parse_integer(host.read_line(folder + "busnum")).value_or(0));
        device.number =
            static_cast<int>(parse_integer(host.read_line(folder + "devnum")).value_or(0));
        device.vendor = id_of(host.read_line(folder + "idVendor"));
        device.product = id_of(host.read_line(folder + "idProduct"));
        device.maker = host.read_line(folder + "manufacturer");
        device.name = host.read_line(folder + "product");
        device.serial = host.read_line(folder + "serial");
        device.speed = host.read_line(folder + "speed");
        device.hub = host.read_line(folder + "bDeviceClass") == "09";
        if (const PciFunction* above =
                function_above(inventory, real_path(host, kDevices + "/" + name)))
            device.controller = above->address;
        for (const std::string& other : names) {
            if (!other.starts_with(name + ":")) continue;
            const std::string driver = real_path(host, kDevices + "/" + other + "/driver");
            const std::string word = driver.substr(driver.rfind('/') + 1);
            if (!word.empty() && std::find(device.drivers.begin(), device.drivers.end(), word) ==
                                     device.drivers.end())
                device.drivers.push_back(word);
        }
        inventory.usb.push_back(std::move(device));
    }
}

}  // namespace lodge
