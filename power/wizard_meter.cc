#include "power/wizard_meter.h"

#include "power/kernel.h"

namespace lodge {

WizardMeter::WizardMeter(const Host& host) : host_(host) {
    for (const std::string& name : kernel::list(host, "/sys/class/hwmon")) {
        const std::string folder = "/sys/class/hwmon/" + name;
        // Of ACPI, at hwmon itself or at the device below it.
        for (const std::string& at : {folder, folder + "/device"})
            if (files_.empty() && kernel::text(host, at + "/name") == "power_meter" &&
                kernel::number(host, at + "/power1_average"))
                files_ = {at + "/power1_average"};
    }
    for (const std::string& name : kernel::list(host, "/sys/class/power_supply")) {
        const std::string folder = "/sys/class/power_supply/" + name;
        if (files_.empty() && kernel::text(host, folder + "/type") == "Battery" &&
            kernel::text(host, folder + "/status") == "Discharging" &&
            kernel::number(host, folder + "/power_now"))
            files_ = {folder + "/power_now"};
    }
    if (files_.empty()) find_counters();
}

void WizardMeter::find_counters() {
    const std::string top = "/sys/class/powercap/";
    for (const std::string& zone : kernel::list(host_, "/sys/class/powercap")) {
        // Parts of a package have a second colon: they are in it already.
        if (!zone.starts_with("intel-rapl:") || zone.find(':', 11) != std::string::npos) continue;
        if (!kernel::text(host_, top + zone + "/name").starts_with("package")) continue;
        if (!kernel::number(host_, top + zone + "/energy_uj")) continue;
        files_.push_back(top + zone + "/energy_uj");
        counters_.push_back(
            {kernel::number(host_, top + zone + "/max_energy_range_uj").value_or(0), -1});
    }
}

std::optional<double> WizardMeter::watts(Time now) {
    const double seconds = std::chrono::duration<double>(now - last_).count();
    last_ = now;
    double total = 0;
    bool known = !files_.empty();
    for (size_t i = 0; i < files_.size(); ++i) {
        const auto value = kernel::number(host_, files_[i]);
        if (!value) return std::nullopt;
        if (counters_.empty()) {
            total += static_cast<double>(*value) / 1e6;
            continue;
        }
        Counter& counter = counters_[i];
        long long more = *value - counter.last;
        if (more < 0) more += counter.range;
        known = known && counter.last >= 0 && more >= 0 && seconds > 0;
        counter.last = *value;
        if (known) total += static_cast<double>(more) / 1e6 / seconds;
    }
    if (!known) return std::nullopt;
    return total;
}

}  // namespace lodge
