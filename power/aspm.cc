#include "power/aspm.h"

#include <algorithm>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/units.h"
#include "power/kernel.h"
#include "power/knob_plan.h"

namespace lodge::aspm {

std::string attribute_file(const std::string& address, std::string_view attribute) {
    return "/sys/bus/pci/devices/" + address + "/link/" + std::string(attribute);
}

namespace {

// ACPI 6.4, table 5.10: IAPC_BOOT_ARCH, two bytes at 109; bit 4: the system must not enable ASPM.
// K: drivers/pci/pci-acpi.c, acpi_pci_init().
bool fadt_forbids(const Host& host) {
    const auto table = kernel::read(host, "/sys/firmware/acpi/tables/FACP");
    return table && table->size() > 110 && (static_cast<unsigned char>((*table)[109]) & 0x10u);
}

bool any_link_attribute(const Host& host) {
    for (const PciDevice& device : pci_devices(host))
        for (const std::string_view attribute : attributes)
            if (kernel::exists(host, attribute_file(device.address, attribute))) return true;
    return false;
}

}  // namespace

std::string held_by(const Host& host) {
    for (const std::string& word : split(kernel::text(host, "/proc/cmdline"), ' '))
        if (word == "pcie_aspm=off")
            return "pcie_aspm=off on the kernel's command line keeps ASPM as firmware left it";
    // Attributes are there only where the kernel has control (aspm_ctrl_attrs_are_visible).
    if (any_link_attribute(host)) return "";
    if (fadt_forbids(host))
        return "firmware forbids it (the FADT says that the system must not enable ASPM)";
    return "no link can do it, or firmware keeps control of it (_OSC): the kernel offers no link "
           "to change";
}

namespace {

// KnownBad is a device of which it is known that it fails with a state of its link.
struct KnownBad {
    unsigned vendor;
    std::string_view ids;     // four hex digits each; "" all of the vendor with this driver
    std::string_view driver;  // "" any
    std::string_view states;  // of "l0s_aspm l1_aspm l1_1_aspm l1_2_aspm"
    std::string_view words;   // what happens, and where that is from
};

constexpr KnownBad known_bad[] = {
    {0x8086, "105e 105f 1060 10a4 10bc 10d5 10d9 10da 107d 107e 107f 10b9", "e1000e", "l1_aspm",
     "its driver turns L1 off for an erratum of 82571/82572 (K: e1000e/82571.c)"},
    {0x8086, "108b 108c 109a 10d3 10f6 150c", "e1000e", "l0s_aspm l1_aspm l1_1_aspm l1_2_aspm",
     "its driver turns L0s and L1 off for an erratum of 82573/82574/82583 (K: e1000e/82571.c)"},
    {0x8086, "10a7 10a9 10b6 10c6 10c7 10c8 10d6 10db 10dd 10e1 10ec 10f1 10f4 1508", "",
     "l0s_aspm",
     "the kernel turns L0s off for an erratum of 82575/82598 (K: drivers/pci/quirks.c)"},
    {0x8086, "125b 125c 125d 125f", "", "l1_2_aspm",
     "I226 loses packets with L1.2 and its driver turns it off (K: igc_main.c)"},
    {0x8086, "15f2 15f3", "", "l1_aspm l1_1_aspm l1_2_aspm",
     "I225-V was lost with \"PCIe link lost\" (ublue-os/bazzite issue 5337)"},
    {0x10ec, "", "r8169", "l1_aspm l1_1_aspm l1_2_aspm",
     "its driver turns L1 off at start for most chips: \"random device stop working\", whole "
     "machines hung (K: r8169_main.c)"},
    {0x1b21, "1080", "", "l0s_aspm l1_aspm l1_1_aspm l1_2_aspm",
     "the kernel turns L0s and L1 off for ASM1080 bridges (K: drivers/pci/quirks.c)"},
    {0x1002, "744c 7448", "", "l1_aspm l1_1_aspm l1_2_aspm",
     "RX 7900: completion timeouts and hard resets (a report of nixos_config issue 1824)"},
    {0x168c, "", "ath9k", "l0s_aspm l1_aspm l1_1_aspm l1_2_aspm",
     "its driver turns ASPM off beside Bluetooth (K: drivers/net/wireless/ath/ath9k/pci.c)"},
};

bool has_word(std::string_view words, std::string_view word) {
    for (const std::string& one : split(words, ' '))
        if (one == word) return true;
    return false;
}

}  // namespace

std::string objection(const PciDevice& device, std::string_view attribute) {
    for (const KnownBad& bad : known_bad) {
        if (bad.vendor != device.vendor || !has_word(bad.states, attribute)) continue;
        if (!bad.driver.empty() && bad.driver != device.driver) continue;
        if (!bad.ids.empty() && !has_word(bad.ids, fmt::format("{:04x}", device.id))) continue;
        return std::string(bad.words);
    }
    return "";
}

namespace {

std::string_view name_of(std::string_view file) {
    return file.substr(file.rfind('/') + 1);
}

bool is_substate(std::string_view attribute) {
    return attribute.find("_1_") != std::string_view::npos ||
           attribute.find("_2_") != std::string_view::npos;
}

// K: policy_to_aspm_state(), policy_to_clkpm_state(). "default" allows what firmware had turned on,
// which nothing tells afterwards: what reads 1 under it was.
bool policy_allows(std::string_view policy, std::string_view attribute) {
    if (policy == "powersupersave") return true;
    return policy == "powersave" && !is_substate(attribute);
}

// The policy of those that change least which allows all that is to be on; "" the present one does.
std::string wanted_policy(std::string_view now, const std::vector<LinkWish>& wishes) {
    bool more = false, substates = false;
    for (const LinkWish& wish : wishes) {
        if (!wish.on) continue;
        more = more || !policy_allows(now, name_of(wish.file));
        substates = substates || is_substate(name_of(wish.file));
    }
    if (!more) return "";
    return substates ? "powersupersave" : "powersave";
}

Step link_step(const LinkWish& wish) {
    const std::string knob = fmt::format("aspm {}@{}", name_of(wish.file), wish.address);
    Step step;
    step.why = fmt::format("{}: {}", knob, wish.on ? "0 -> 1" : "1 -> 0");
    step.action = {"aspm-link", {{"knob", knob}, {"file", wish.file}, {"to", wish.on ? "1" : "0"}}};
    step.undo =
        Action{"aspm-link", {{"knob", knob}, {"file", wish.file}, {"to", wish.on ? "0" : "1"}}};
    return step;
}

// All attributes that are off and that nobody wishes on.
std::vector<std::string> to_pin(const Host& host, const std::vector<LinkWish>& wishes) {
    std::vector<std::string> files;
    for (const PciDevice& device : pci_devices(host))
        for (const std::string_view attribute : attributes) {
            const std::string file = attribute_file(device.address, attribute);
            if (kernel::text(host, file) != "0") continue;
            const bool wished = std::any_of(wishes.begin(), wishes.end(), [&](const LinkWish& one) {
                return one.on && one.file == file;
            });
            if (!wished) files.push_back(file);
        }
    return files;
}

// A substate needs its link's L1, and a 1 written to the substate takes a driver's own "no L1"
// away as well (K: aspm_attr_store_common()): L1 is wished with it, so that it is taken back too.
std::vector<LinkWish> with_their_l1(const Host& host, std::vector<LinkWish> wishes) {
    const std::vector<LinkWish> asked = wishes;
    for (const LinkWish& wish : asked) {
        if (!wish.on || !is_substate(name_of(wish.file))) continue;
        const std::string l1 = attribute_file(wish.address, "l1_aspm");
        const bool there = std::any_of(wishes.begin(), wishes.end(),
                                       [&](const LinkWish& one) { return one.file == l1; });
        if (!there && kernel::text(host, l1) == "0") wishes.push_back({wish.address, l1, true});
    }
    return wishes;
}

}  // namespace

Plan link_steps(const Host& host, const std::vector<LinkWish>& asked) {
    const std::vector<LinkWish> wishes = with_their_l1(host, asked);
    Plan plan;
    const std::string now = kernel::chosen(kernel::text(host, std::string(policy_file)));
    const std::string policy = wanted_policy(now, wishes);
    if (!policy.empty()) {
        const auto pinned = to_pin(host, wishes);
        if (!pinned.empty())
            plan.step(fmt::format("{} of other links are kept off when the policy changes",
                                  counted(pinned.size(), "state")),
                      {"aspm-pin", {{"file", pinned}}},
                      Action{"knob-leave", {{"why", "a 0 where a 0 stood changes nothing"}}});
    }
    for (const LinkWish& wish : wishes)
        if (!wish.on) plan.steps.push_back(link_step(wish));
    for (const LinkWish& wish : wishes)
        if (wish.on) plan.steps.push_back(link_step(wish));
    if (!policy.empty()) {
        const std::string file(policy_file);
        plan.step(fmt::format("the policy {} forbids it: {} allows it", now, policy),
                  {"knob-write",
                   {{"knob", "aspm.policy"}, {"file", file}, {"from", now}, {"to", policy}}},
                  Action{"knob-restore",
                         {{"knob", "aspm.policy"}, {"file", file}, {"back", now}, {"to", policy}}});
    }
    for (const LinkWish& wish : wishes)
        plan.step(fmt::format("{} is read back", name_of(wish.file)),
                  {"knob-check",
                   {{"knob", fmt::format("aspm {}@{}", name_of(wish.file), wish.address)},
                    {"file", wish.file},
                    {"to", wish.on ? "1" : "0"}}},
                  Action{"knob-leave", {{"why", "it was only read"}}});
    return plan;
}

namespace {

void set_link(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const std::string& file = on.text("file");
    if (!kernel::exists(host, file)) return;  // unplugged: nothing sleeps there
    if (const int trouble = kernel::write(host, file, on.text("to")))
        throw Error(Exit::failed,
                    refusal(host, "aspm." + on.text("knob"), file, on.text("to"), trouble));
}
std::string set_link_shell(const Values& on) {
    return "echo " + on.text("to") + " > " + shell_quote(on.text("file"));
}

void pin(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    for (const std::string& file : on.list("file")) {
        // Turned on by someone in between: theirs.
        if (kernel::text(host, file) != "0") continue;
        if (const int trouble = kernel::write(host, file, "0"))
            throw Error(Exit::failed, refusal(host, "aspm.pin", file, "0", trouble));
    }
}
std::string pin_shell(const Values& on) {
    std::string text;
    for (const std::string& file : on.list("file"))
        text += (text.empty() ? "" : "\n") + std::string("echo 0 > ") + shell_quote(file);
    return text;
}

constexpr ActionKind kinds[] = {
    {"aspm-link", set_link, set_link_shell},
    {"aspm-pin", pin, pin_shell},
};

}  // namespace

std::span<const ActionKind> actions() {
    return kinds;
}

}  // namespace lodge::aspm
