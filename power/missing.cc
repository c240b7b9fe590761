#include "power/missing.h"

#include <algorithm>

#include "power/aspm.h"
#include "power/kernel.h"
#include "power/pci.h"

namespace lodge {
namespace {

bool is_virtual(const Host& host) {
    return kernel::text(host, "/proc/cpuinfo").find(" hypervisor") != std::string::npos;
}

bool has(const std::vector<Knob>& knobs, std::string_view beginning) {
    return std::any_of(knobs.begin(), knobs.end(),
                       [&](const Knob& knob) { return knob.kind->id.starts_with(beginning); });
}

}  // namespace

std::string lockdown_words(const Host& host) {
    // K: Documentation/ABI/testing/securityfs… security/lockdown/lockdown.c: "[none] integrity …"
    const std::string level = kernel::chosen(kernel::text(host, "/sys/kernel/security/lockdown"));
    if (level.empty() || level == "none") return "";
    return "lockdown (" + level +
           ", by Secure Boot) keeps PCIe registers and MSRs from everybody; Lodge uses the "
           "kernel's own attributes, which it allows";
}

std::vector<std::string> missing_words(const Host& host, const std::vector<Knob>& knobs) {
    std::vector<std::string> lines;
    const std::string why = is_virtual(host) ? ": this is a virtual machine, the machine below "
                                               "has them"
                                             : "";
    if (!has(knobs, "cpu.governor"))
        lines.push_back(
            "no processor frequencies to tune" +
            (why.empty() ? ": no cpufreq driver is loaded, or firmware keeps them" : why));
    if (!has(knobs, "cpu.idle-off"))
        lines.push_back("no idle states to see" + (why.empty() ? ": no cpuidle driver" : why));
    if (pci_devices(host).empty())
        lines.emplace_back("no PCI devices: nothing to tune of links and cards");
    else if (!has(knobs, "aspm.l"))
        lines.push_back("no PCIe link can be tuned: " + aspm::held_by(host));
    if (const std::string words = lockdown_words(host); !words.empty()) lines.push_back(words);
    if (!host.is_root()) lines.emplace_back("only root may change knobs: sudo lodge power set");
    return lines;
}

}  // namespace lodge
