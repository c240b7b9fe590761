#include "power/aspm.h"
#include "power/kernel.h"
#include "power/knob_find.h"
#include "power/pci.h"

// K: drivers/pci/pcie/aspm.c, Documentation/ABI/testing/sysfs-bus-pci. Only the kernel's attributes
// are read here: configuration space would wake devices.

namespace lodge::find {

void aspm_policy(const Host& host, Knobs& into) {
    const auto content = kernel::read(host, std::string(aspm::policy_file));
    if (!content) return;
    Knob& knob = into.emplace_back();
    knob.files = {std::string(aspm::policy_file)};
    knob.value = kernel::chosen(*content);
    knob.allowed = kernel::choices(*content);
    knob.held = aspm::held_by(host);
    knob.caution = "it changes all links at once; single links are safer";
}

namespace {

void links(const Host& host, Knobs& into, const std::string& attribute, bool opinion) {
    const auto devices = pci_devices(host);
    const std::string held = aspm::held_by(host);
    for (const PciDevice& device : devices) {
        Knob knob;
        knob.files = {aspm::attribute_file(device.address, attribute)};
        knob.value = common_value(host, knob.files);
        if (knob.files.empty()) continue;
        knob.place = device.address;
        knob.device = device.words();
        knob.allowed = {"0", "1"};
        knob.held = held;
        if (opinion) knob.thrifty = "1";
        knob.caution = aspm::objection(device, attribute);
        into.push_back(std::move(knob));
    }
}

}  // namespace

void link_l0s(const Host& host, Knobs& into) {
    links(host, into, "l0s_aspm", false);
}
void link_l1(const Host& host, Knobs& into) {
    links(host, into, "l1_aspm", true);
}
void link_l1_1(const Host& host, Knobs& into) {
    links(host, into, "l1_1_aspm", true);
}
void link_l1_2(const Host& host, Knobs& into) {
    links(host, into, "l1_2_aspm", true);
}
void link_l1_1_pcipm(const Host& host, Knobs& into) {
    links(host, into, "l1_1_pcipm", false);
}
void link_l1_2_pcipm(const Host& host, Knobs& into) {
    links(host, into, "l1_2_pcipm", false);
}
void link_clock_pm(const Host& host, Knobs& into) {
    links(host, into, "clkpm", true);
}

}  // namespace lodge::find
