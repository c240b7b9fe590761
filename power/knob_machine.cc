#include <algorithm>

#include "power/kernel.h"
#include "power/knob_find.h"

namespace lodge::find {

void platform_profile(const Host& host, Knobs& into) {
    // K: Documentation/userspace-api/sysfs-platform_profile.rst
    const std::string folder = "/sys/firmware/acpi/";
    words_in(host, into, folder + "platform_profile",
             kernel::choices(kernel::text(host, folder + "platform_profile_choices")), "");
}

namespace {

// K: Documentation/power/powercap/powercap.rst. AMD's zones have no constraints: energy only.
void rapl(const Host& host, Knobs& into, std::string_view wanted) {
    const std::string top = "/sys/class/powercap";
    for (const std::string& zone : kernel::list(host, top)) {
        if (!zone.starts_with("intel-rapl:") || zone.find(':', 11) != std::string::npos) continue;
        const std::string folder = top + "/" + zone;
        for (int i = 0; i < 4; ++i) {
            const std::string constraint = folder + "/constraint_" + std::to_string(i) + "_";
            if (kernel::text(host, constraint + "name") != wanted) continue;
            Knob knob;
            knob.files = {constraint + "power_limit_uw"};
            knob.value = common_value(host, knob.files);
            if (knob.files.empty()) continue;
            knob.place = kernel::text(host, folder + "/name");
            // Some firmware says 0 here, or less than it has set itself.
            const long long said = kernel::number(host, constraint + "max_power_uw").value_or(0);
            const long long set = kernel::number(host, constraint + "power_limit_uw").value_or(0);
            knob.range = {1'000'000, std::max({said, set, 1'000'000LL})};
            into.push_back(std::move(knob));
        }
    }
}

}  // namespace

void rapl_long(const Host& host, Knobs& into) {
    rapl(host, into, "long_term");
}

void rapl_short(const Host& host, Knobs& into) {
    rapl(host, into, "short_term");
}

void nmi_watchdog(const Host& host, Knobs& into) {
    words_in(host, into, "/proc/sys/kernel/nmi_watchdog", {"0", "1"}, "0");
}

void writeback(const Host& host, Knobs& into) {
    Knob knob;
    knob.files = {"/proc/sys/vm/dirty_writeback_centisecs"};
    knob.value = common_value(host, knob.files);
    if (knob.files.empty()) return;
    knob.range = {0, 6000};
    knob.thrifty = "1500";
    if (kernel::number(host, knob.files[0]).value_or(0) >= 1500) knob.state = KnobState::good;
    into.push_back(std::move(knob));
}

}  // namespace lodge::find
