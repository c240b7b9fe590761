#include <algorithm>

#include "engine/error.h"
#include "engine/units.h"
#include "passthrough/inventory.h"

namespace lodge {
namespace {

// A hexadecimal number of at most `digits` digits, written with that many; "" when it is none.
std::string hex_part(std::string_view text, size_t digits) {
    const bool good = !text.empty() && text.size() <= digits &&
                      text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
    if (!good) return "";
    std::string part = std::string(digits - text.size(), '0') + std::string(text);
    std::transform(part.begin(), part.end(), part.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return part;
}

}  // namespace

std::optional<std::string> full_address(std::string_view text) {
    const auto parts = split(text, ':');
    if (parts.size() < 2 || parts.size() > 3) return std::nullopt;
    const std::string domain = parts.size() == 3 ? hex_part(parts[0], 4) : "0000";
    const std::string bus = hex_part(parts[parts.size() - 2], 2);
    const auto place = split(parts.back(), '.');
    const std::string device = hex_part(place[0], 2);
    if (domain.empty() || bus.empty() || device.empty() || device > "1f" || place.size() > 2)
        return std::nullopt;
    std::string address = domain + ":" + bus + ":" + device;
    if (place.size() == 1) return address;
    const std::string function = hex_part(place[1], 1);
    if (function.empty() || function > "7") return std::nullopt;
    return address + "." + function;
}

std::vector<const PciFunction*> functions_at(const Inventory& inventory, std::string_view address) {
    std::vector<const PciFunction*> found;
    const auto full = full_address(address);
    if (!full) return found;
    const bool all = full->find('.') == std::string::npos;
    for (const PciFunction& function : inventory.pci)
        if (all ? function.address.starts_with(*full + ".") : function.address == *full)
            found.push_back(&function);
    return found;
}

std::string short_address(std::string_view address) {
    return std::string(address.starts_with("0000:") ? address.substr(5) : address);
}

const PciFunction* Inventory::find(std::string_view address) const {
    const auto full = full_address(address);
    if (!full) return nullptr;
    const auto found = std::lower_bound(
        pci.begin(), pci.end(), *full,
        [](const PciFunction& one, const std::string& wanted) { return one.address < wanted; });
    return found != pci.end() && found->address == *full ? &*found : nullptr;
}

const UsbDevice* Inventory::find_usb(std::string_view port) const {
    const auto found = std::find_if(usb.begin(), usb.end(),
                                    [&](const UsbDevice& one) { return one.port == port; });
    return found == usb.end() ? nullptr : &*found;
}

std::vector<const PciFunction*> Inventory::companions(const PciFunction& function) const {
    if (function.group < 0) return {&function};
    std::vector<const PciFunction*> found;
    for (const PciFunction& one : pci)
        if (one.group == function.group && !one.is_bridge) found.push_back(&one);
    return found;
}

std::string PciFunction::ids() const {
    return fmt::format("{:04x}:{:04x}", vendor, device);
}

std::string PciFunction::name() const {
    if (vendor_name.empty()) return ids();
    if (device_name.empty()) return fmt::format("{} {:04x}", vendor_name, device);
    return vendor_name + " " + device_name;
}

std::string UsbDevice::ids() const {
    return fmt::format("{:04x}:{:04x}", vendor, product);
}

std::string UsbDevice::node() const {
    return fmt::format("/dev/bus/usb/{:03}/{:03}", bus, number);
}

std::string UsbDevice::words() const {
    std::string text(trim(maker + " " + name));
    return text.empty() ? ids() : text;
}

}  // namespace lodge
