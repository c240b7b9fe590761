#include "power/meter.h"

#include <algorithm>

#include "engine/error.h"
#include "engine/host.h"
#include "engine/state/figures.h"
#include "engine/units.h"
#include "power/outside_meter.h"
#include "power/quiet.h"
#include "power/sleep.h"

namespace lodge {
namespace {

using namespace std::chrono_literals;
using Covers = WattView::Covers;

// More than any package or machine of ours takes: what comes out above is a counter that was set
// back, as after a sleep.
constexpr double most_watts = 1500;

// How much of the machine a meter tells of.
enum Rank : int { part = 0, processor = 1, processors = 2, battery = 4, firmware = 5, outside = 6 };

// Chips that measure all that the machine takes, by the driver's name and the label ("" is any).
struct WholeMeter {
    std::string_view chip, label, words;
};
constexpr WholeMeter whole_meters[] = {
    {"power_meter", "", "ACPI power meter"},        // drivers/hwmon/acpi_power_meter.c
    {"corsairpsu", "power total", "power supply"},  // drivers/hwmon/corsair-psu.c
};

std::optional<uint64_t> counter_of(std::string_view text) {
    text = trim(text);
    if (text.empty() || text[0] < '0' || text[0] > '9') return std::nullopt;
    return number_of(text);
}

// Why the file cannot be read; "" when it can.
std::string trouble_of(const Host& host, const std::string& path) {
    try {
        return host.read(path) ? "" : "it is gone";
    } catch (const Error&) {
        return host.is_root() ? "the kernel does not give it" : "only root may read it";
    }
}

}  // namespace

std::optional<double> EnergyCounter::watts(uint64_t microjoules, Time now) {
    const double passed = std::chrono::duration<double>(now - time_).count();
    if (known_ && passed < 0.5) return watts_;
    watts_.reset();
    if (known_ && (microjoules >= last_ || range_ > last_)) {
        const uint64_t used =
            microjoules >= last_ ? microjoules - last_ : range_ - last_ + microjoules;
        // One that may have gone round once more tells nothing.
        const bool sure = range_ == 0 || static_cast<double>(used) + static_cast<double>(range_) >
                                             passed * most_watts * 1e6;
        const double watts = static_cast<double>(used) / 1e6 / passed;
        if (sure && watts <= most_watts) watts_ = watts;
    }
    last_ = microjoules;
    time_ = now;
    known_ = true;
    return watts_;
}

PowerMeters::PowerMeters(const Host& host) : host_(host) {}
PowerMeters::~PowerMeters() = default;

void PowerMeters::configure(const PowerConfig& config) {
    config_ = config;
    if (outside_ && outside_->command() == config.watts_command) return;
    outside_.reset();
    if (!config.watts_command.empty())
        outside_ = std::make_unique<OutsideMeter>(config.watts_command);
}

// Counters go on where they were when nothing came or went.
void PowerMeters::find(Time now) {
    if (found_ && now - *found_ < 1min) return;
    found_ = now;
    std::vector<Source> before = std::move(sources_);
    sources_.clear();
    find_rapl();
    find_chips();
    find_batteries();
    for (Source& source : sources_)
        for (Source& old : before)
            if (old.view.source == source.view.source && old.view.name == source.view.name)
                source.counter = old.counter;
}

// powercap.rst: "intel-rapl:0" with its parts "intel-rapl:0:0". What "intel-rapl-mmio" counts is
// the package once more.
void PowerMeters::find_rapl() {
    const std::string top = host_.system("/sys/class/powercap");
    for (const std::string& zone : host_.list(top)) {
        if (!zone.starts_with("intel-rapl:")) continue;
        Source source;
        source.folder = top + "/" + zone;
        source.kind = Source::Kind::energy;
        const std::string name = text_of(host_, source.folder + "/name");
        const std::string number = name.substr(std::min(name.find('-'), name.size()));
        source.package = name.starts_with("package");
        source.dram = name == "dram";
        source.view.source = "RAPL " + zone;
        source.view.covers = source.package ? Covers::package : Covers::part;
        source.rank = source.package ? Rank::processor : Rank::part;
        if (source.package)
            source.view.name = "CPU package" + (number.size() > 1 ? " " + number.substr(1) : "");
        else if (name == "core")
            source.view.name = "CPU cores";
        else if (name == "uncore")
            source.view.name = "iGPU and the rest of the CPU";
        else if (source.dram)
            source.view.name = "memory (DRAM)";
        else if (name == "psys")
            source.view.name = "platform, where its maker wired it (psys)";
        else
            source.view.name = name;
        const std::string file = source.folder + "/energy_uj";
        if (!host_.exists(file)) continue;
        source.view.trouble = trouble_of(host_, file);
        source.file = KernelFile(file);
        const auto range = counter_of(text_of(host_, source.folder + "/max_energy_range_uj"));
        source.counter = EnergyCounter(range.value_or(0));
        sources_.push_back(std::move(source));
    }
}

// power<N>_input or power<N>_average, µW (Documentation/hwmon/sysfs-interface.rst); an old driver
// has them in the device's folder.
void PowerMeters::find_chips() {
    const std::string top = host_.system("/sys/class/hwmon");
    for (const std::string& chip : host_.list(top)) {
        for (const char* below : {"", "/device"}) {
            const std::string folder = top + "/" + chip + below;
            const std::string name = text_of(host_, folder + "/name");
            if (name.empty()) continue;
            bool any = false;
            for (const std::string& file : host_.list(folder)) {
                const bool average = file.ends_with("_average");
                if (!file.starts_with("power") || (!average && !file.ends_with("_input"))) continue;
                const std::string begin = file.substr(0, file.find('_'));
                if (!parse_integer(begin.substr(5)) ||
                    (average && host_.exists(folder + "/" + begin + "_input")))
                    continue;
                Source source;
                source.folder = top + "/" + chip + "/device";
                const std::string label = text_of(host_, folder + "/" + begin + "_label");
                source.view.source = name + (label.empty() ? " " + begin : " " + label);
                source.view.name = label.empty() ? name : label;
                for (const WholeMeter& whole : whole_meters) {
                    if (whole.chip != name || (!whole.label.empty() && whole.label != label))
                        continue;
                    source.view.covers = Covers::machine;
                    source.view.name = "whole machine";
                    source.view.source = std::string(whole.words);
                    source.rank = Rank::firmware;
                }
                source.file = KernelFile(folder + "/" + file);
                sources_.push_back(std::move(source));
                any = true;
            }
            if (any) break;
        }
    }
}

// Documentation/ABI/testing/sysfs-class-power: power_now in µW, or current_now in µA and
// voltage_now in µV. What empties feeds the whole machine.
void PowerMeters::find_batteries() {
    const std::string top = host_.system("/sys/class/power_supply");
    for (const std::string& name : host_.list(top)) {
        Source source;
        source.folder = top + "/" + name;
        if (text_of(host_, source.folder + "/type") != "Battery" ||
            text_of(host_, source.folder + "/scope") == "Device")  // a mouse's
            continue;
        source.kind = Source::Kind::battery;
        source.rank = Rank::battery;
        source.view.covers = Covers::machine;
        source.view.name = "whole machine";
        source.view.source = "battery " + name;
        const bool power = host_.exists(source.folder + "/power_now");
        source.file = KernelFile(source.folder + (power ? "/power_now" : "/current_now"));
        if (!power) source.other = KernelFile(source.folder + "/voltage_now");
        sources_.push_back(std::move(source));
    }
}

void PowerMeters::read_source(Source& source, Time now) {
    const auto value = counter_of(source.file.read());
    auto& watts = source.view.watts;
    watts.reset();
    if (!value) return;
    if (source.kind == Source::Kind::energy) {
        watts = source.counter.watts(*value, now);
        return;
    }
    double told = static_cast<double>(*value) / 1e6;
    if (source.kind == Source::Kind::battery)
        if (const auto volts = counter_of(source.other.read()))
            told *= static_cast<double>(*volts) / 1e6;
    if (told > 0 && told < 100000) watts = told;
}

// All packages with their memory, where there is more than one to add.
void PowerMeters::add_sum() {
    WattView sum;
    sum.covers = Covers::package;
    sum.name = "all CPU packages and memory";
    sum.source = "RAPL, added";
    int parts = 0, packages = 0;
    double watts = 0;
    for (const Source& source : sources_) {
        if (!source.package && !source.dram) continue;
        if (!source.view.watts) return;
        watts += *source.view.watts;
        ++parts;
        packages += source.package ? 1 : 0;
    }
    if (parts < 2 || packages == 0) return;
    if (packages == parts) sum.name = "all CPU packages";
    sum.watts = watts;
    views_.push_back(std::move(sum));
    ranks_.push_back(Rank::processors);
}

void PowerMeters::add_outside(Time now, bool wait) {
    if (outside_) {
        if (wait)
            outside_->ask_and_wait();
        else
            outside_->ask(now);
        views_.push_back({Covers::machine, "whole machine", std::string(outside_source),
                          outside_->watts(), true, outside_->trouble()});
        ranks_.push_back(Rank::outside);
    }
    if (config_.watts) {
        views_.push_back({Covers::machine, "whole machine", "typed in", config_.watts, false, ""});
        ranks_.push_back(-1);
    }
}

const std::vector<WattView>& PowerMeters::read(Time now, bool wait) {
    if (read_ && now - *read_ < 500ms && !wait) return views_;
    read_ = now;
    find(now);
    views_.clear();
    ranks_.clear();
    for (Source& source : sources_) {
        const bool discharging = source.kind != Source::Kind::battery ||
                                 text_of(host_, source.folder + "/status") == "Discharging";
        const bool sleeps =
            source.kind == Source::Kind::power && is_suspended(host_, source.folder);
        source.view.watts.reset();
        if (!discharging || sleeps)
            source.view.trouble = sleeps ? "asleep, not read" : "only known while it empties";
        else if (source.kind != Source::Kind::energy)
            source.view.trouble.clear();
        if (source.view.trouble.empty()) read_source(source, now);
        views_.push_back(source.view);
        ranks_.push_back(source.rank);
    }
    add_sum();
    add_outside(now, wait);
    return views_;
}

std::optional<size_t> PowerMeters::best() const {
    std::optional<size_t> found;
    for (size_t i = 0; i < views_.size(); ++i)
        if (views_[i].watts && ranks_[i] > 0 && (!found || ranks_[i] > ranks_[*found])) found = i;
    return found;
}

std::optional<double> PowerMeters::watts(Time now) {
    read(now);
    const auto place = best();
    return place ? views_[*place].watts : std::nullopt;
}

std::string PowerMeters::why_none() const {
    if (best()) return "";
    for (const WattView& view : views_)
        if (view.measured && !view.trouble.empty() && view.covers != Covers::part)
            return fmt::format("no watts: {}: {}", view.source, view.trouble);
    for (size_t i = 0; i < views_.size(); ++i)
        if (ranks_[i] > 0 && views_[i].trouble.empty()) return "";  // with the next look
    return "no watts: nothing here measures (no RAPL, no power meter, no battery)";
}

}  // namespace lodge
