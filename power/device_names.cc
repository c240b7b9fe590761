#include "power/device_names.h"

#include <filesystem>

#include "engine/error.h"
#include "engine/host.h"
#include "engine/text.h"
#include "engine/units.h"
#include "power/quiet.h"

namespace lodge {
namespace {

// The class and the first digits of it (PCI Code and ID Assignment Specification, 1).
struct PciClass {
    std::string_view digits, words;
};
constexpr PciClass classes[] = {
    {"0x0106", "SATA controller"},
    {"0x0108", "NVMe drive"},
    {"0x01", "storage controller"},
    {"0x0200", "Ethernet"},
    {"0x0280", "Wi-Fi"},
    {"0x02", "network card"},
    {"0x03", "GPU"},
    {"0x0403", "audio"},
    {"0x04", "multimedia device"},
    {"0x0604", "PCI bridge"},
    {"0x0601", "LPC bridge"},
    {"0x06", "bridge"},
    {"0x0780", "ME interface"},
    {"0x07", "serial port"},
    {"0x0805", "SD card reader"},
    {"0x0c03", "USB controller"},
    {"0x0c05", "SMBus"},
    {"0x0c", "bus controller"},
    {"0x1180", "signal processor"},
    {"0x12", "accelerator"},
};

std::string without_0x(const std::string& number) {
    return number.starts_with("0x") ? number.substr(2) : number;
}

// "enp1s0", "nvme0": what the device is known as.
std::string known_as(const Host& host, const std::string& folder) {
    std::vector<std::string> places = {folder};
    for (const std::string& below : host.list(folder))
        if (below.starts_with("virtio")) places.push_back(folder + "/" + below);
    for (const std::string& place : places)
        for (const char* kind : {"/net", "/nvme", "/block", "/sound", "/ieee80211"}) {
            const auto names = host.list(place + kind);
            if (!names.empty()) return names[0];
        }
    return "";
}

}  // namespace

std::string pci_words(const Host& host, const std::string& folder) {
    const std::string digits = text_of(host, folder + "/class");
    std::string words = "device";
    for (const PciClass& one : classes) {
        if (!digits.starts_with(one.digits)) continue;
        words = std::string(one.words);
        break;
    }
    const std::string name = known_as(host, folder);
    if (!name.empty()) words += " " + name;
    std::error_code none;
    const std::string driver =
        std::filesystem::read_symlink(folder + "/driver", none).filename().string();
    return fmt::format("{} ({}:{}{}{})", words, without_0x(text_of(host, folder + "/vendor")),
                       without_0x(text_of(host, folder + "/device")), driver.empty() ? "" : " ",
                       driver);
}

std::string usb_words(const Host& host, const std::string& folder) {
    std::string words(trim(text_of(host, folder + "/product")));
    if (words.empty()) words = "USB device";
    return fmt::format("{} ({}:{})", printable(words), text_of(host, folder + "/idVendor"),
                       text_of(host, folder + "/idProduct"));
}

}  // namespace lodge
