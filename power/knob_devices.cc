#include <algorithm>

#include "engine/units.h"
#include "power/kernel.h"
#include "power/knob_find.h"
#include "power/pci.h"

namespace lodge::find {
namespace {

// What speaks against letting a PCI function sleep while nobody uses it.
std::string runtime_caution(const Host& host, const std::vector<PciDevice>& devices,
                            const PciDevice& device) {
    // powertop's blanket "auto" hangs machines with these (powertop#143), TLP leaves these drivers
    // out (defaults.conf, RUNTIME_PM_DRIVER_DENYLIST).
    if (device.driver == "igc") return "machines with I225/I226 hang of it (powertop issue 143)";
    for (const std::string_view driver : {"amdgpu", "mei_me", "nouveau", "nvidia", "xhci_hcd"})
        if (device.driver == driver)
            return "TLP leaves the driver " + device.driver + " out: trouble was reported";
    const std::string lost = depends_on(host, devices, device);
    if (!lost.empty() && !device.is_bridge()) return "it carries " + lost;
    return "";
}

// Class 03 is HID; a device with one has a keyboard, a mouse or buttons (USB HID 1.11, 4.1).
bool has_keys(const Host& host, const std::string& name) {
    for (const std::string& part : kernel::list(host, "/sys/bus/usb/devices"))
        if (part.starts_with(name + ":") &&
            kernel::text(host, "/sys/bus/usb/devices/" + part + "/bInterfaceClass") == "03")
            return true;
    return false;
}

std::string usb_caution(const Host& host, const std::vector<std::string>& names,
                        const std::string& name) {
    if (has_keys(host, name)) return "a keyboard, a mouse or the like: asleep, it may miss keys";
    const std::string stem = name.starts_with("usb") ? name.substr(3) + "-" : name + ".";
    for (const std::string& other : names)
        if (other.starts_with(stem) && has_keys(host, other))
            return "a hub with a keyboard or a mouse behind it";
    return "";
}

}  // namespace

void pci_runtime(const Host& host, Knobs& into) {
    const auto devices = pci_devices(host);
    for (const PciDevice& device : devices) {
        Knob knob;
        knob.files = {"/sys/bus/pci/devices/" + device.address + "/power/control"};
        knob.value = common_value(host, knob.files);
        if (knob.files.empty()) continue;
        knob.place = device.address;
        knob.device = device.words();
        knob.allowed = {"auto", "on"};
        knob.thrifty = "auto";
        knob.caution = runtime_caution(host, devices, device);
        into.push_back(std::move(knob));
    }
}

void usb_suspend(const Host& host, Knobs& into) {
    const std::string top = "/sys/bus/usb/devices/";
    const auto names = kernel::list(host, "/sys/bus/usb/devices");
    for (const std::string& name : names) {
        if (name.find(':') != std::string::npos) continue;  // an interface of a device
        Knob knob;
        knob.files = {top + name + "/power/control"};
        knob.value = common_value(host, knob.files);
        if (knob.files.empty()) continue;
        knob.place = name;
        knob.device = kernel::text(host, top + name + "/idVendor") + ":" +
                      kernel::text(host, top + name + "/idProduct") + " " +
                      kernel::text(host, top + name + "/product");
        knob.allowed = {"auto", "on"};
        knob.thrifty = "auto";
        knob.caution = usb_caution(host, names, name);
        into.push_back(std::move(knob));
    }
}

void sata_link(const Host& host, Knobs& into) {
    for (const std::string& folder : numbered(host, "/sys/class/scsi_host", "host")) {
        Knob knob;
        knob.files = {folder + "/link_power_management_policy"};
        knob.value = common_value(host, knob.files);
        if (knob.files.empty()) continue;
        knob.place = folder.substr(folder.rfind('/') + 1);
        knob.device = kernel::text(host, folder + "/proc_name");
        // min_power is left out: it loses data (tuned issue 745).
        knob.allowed = {"med_power_with_dipm", "medium_power", "max_performance"};
        knob.thrifty = "med_power_with_dipm";
        if (knob.value == "min_power") knob.caution = "min_power may lose data: change it";
        into.push_back(std::move(knob));
    }
}

void nvme_latency(const Host& host, Knobs& into) {
    // K: drivers/nvme/host/core.c, nvme_set_latency_tolerance(): which sleep states the controller
    // may choose by itself (APST).
    for (const std::string& folder : numbered(host, "/sys/class/nvme", "nvme")) {
        Knob knob;
        knob.files = {folder + "/power/pm_qos_latency_tolerance_us"};
        knob.value = common_value(host, knob.files);
        if (knob.files.empty()) continue;
        knob.place = folder.substr(folder.rfind('/') + 1);
        knob.device = kernel::text(host, folder + "/model");
        knob.range = {0, 10'000'000};
        knob.allowed = {"auto", "any"};
        const auto value = parse_integer(knob.value);
        knob.thrifty = "100000";  // the kernel's own limit
        if ((value && *value >= 25'000) || knob.value == "any") knob.state = KnobState::good;
        into.push_back(std::move(knob));
    }
}

void nvme_default_latency(const Host& host, Knobs& into) {
    Knob knob;
    knob.files = {"/sys/module/nvme_core/parameters/default_ps_max_latency_us"};
    knob.value = common_value(host, knob.files);
    if (knob.files.empty()) return;
    knob.range = {0, 10'000'000};
    knob.thrifty = "100000";
    const auto value = parse_integer(knob.value);
    if (value && *value >= 25'000) knob.state = KnobState::good;
    into.push_back(std::move(knob));
}

void audio(const Host& host, Knobs& into) {
    Knob knob;
    knob.files = {"/sys/module/snd_hda_intel/parameters/power_save"};
    knob.value = common_value(host, knob.files);
    if (knob.files.empty()) return;
    knob.range = {0, 3600};
    knob.thrifty = "1";
    const auto value = parse_integer(knob.value);
    if (value && *value > 0) knob.state = KnobState::good;
    into.push_back(std::move(knob));
}

void audio_controller(const Host& host, Knobs& into) {
    words_in(host, into, "/sys/module/snd_hda_intel/parameters/power_save_controller", {"Y", "N"},
             "Y");
}

namespace {

// Cards with a device below them: no bridges, no cards of guests.
void cards(const Host& host, Knobs& into, const std::string& what,
           const std::vector<std::string>& allowed) {
    for (const std::string& card : kernel::list(host, "/sys/class/net")) {
        const std::string driver =
            kernel::link_name(host, "/sys/class/net/" + card + "/device/driver");
        if (driver.empty()) continue;
        Knob knob;
        knob.files = {"/lodge/ethtool/" + card + "/" + what};
        knob.value = common_value(host, knob.files);
        if (knob.files.empty()) continue;
        knob.place = card;
        knob.device = driver;
        knob.allowed = allowed;
        into.push_back(std::move(knob));
    }
}

}  // namespace

void wake_on_lan(const Host& host, Knobs& into) {
    cards(host, into, "wol", {"d", "g", "p", "u", "m", "b", "pg", "ug", "pumbg"});
}
void tcp_segmentation(const Host& host, Knobs& into) {
    cards(host, into, "tso", {"off", "on"});
}
void generic_segmentation(const Host& host, Knobs& into) {
    cards(host, into, "gso", {"off", "on"});
}
void generic_receive(const Host& host, Knobs& into) {
    cards(host, into, "gro", {"off", "on"});
}

}  // namespace lodge::find
