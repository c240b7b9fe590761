#include "power/senses.h"

#include "engine/error.h"
#include "engine/host.h"
#include "power/conflicts.h"
#include "power/keep.h"
#include "power/profile_switch.h"

namespace lodge {

using namespace std::chrono_literals;

PowerSenses::PowerSenses(const Host& host, std::unique_ptr<SensorSource> chips,
                         std::unique_ptr<PackageCounters> counters, bool once)
    : host_(host),
      sensors_(host, std::move(chips)),
      meters_(host),
      idle_(host),
      packages_(std::move(counters)),
      frequencies_(host),
      blockers_(host, once),
      heat_(host),
      pace_(once ? 300ms : 1500ms, once ? 1 : 0.0008),
      tuning_pace_(30s, once ? 1 : 0.0002) {}

void PowerSenses::read_config(Time now) {
    if (configured_ && now - *configured_ < 10s) return;
    configured_ = now;
    config_ = read_power_config(host_);
    meters_.configure(config_);
}

const std::optional<SensorView>& PowerSenses::hottest(Time now) {
    return sensors_.hottest(now);
}

std::optional<double> PowerSenses::watts(Time now) {
    read_config(now);
    const auto watts = meters_.watts(now);
    if (watts && measured_)
        mean_.add(*watts, std::chrono::duration<double>(now - *measured_).count());
    measured_ = now;
    return watts;
}

std::vector<SensorView> PowerSenses::sensors(Time now) {
    return sensors_.all(now);
}

void PowerSenses::look_at_meters(PowerView& view, const Seen& seen, Time now) {
    view.meters = meters_.read(now);
    view.best = meters_.best();
    view.no_watts = meters_.why_none();
    const WattView* best = view.best ? &view.meters[*view.best] : nullptr;
    view.shares = energy_shares(seen, best ? *best->watts : 0);
    if (best && best->covers != WattView::Covers::machine && config_.watts)
        best = nullptr;  // what the person read at the wall is of more than that
    if (best)
        view.cost = cost_of(mean_.seconds() > 0 ? mean_.watts() : *best->watts,
                            static_cast<int64_t>(mean_.seconds()),
                            best->covers == WattView::Covers::machine, config_);
    else if (config_.watts)
        view.cost = cost_of(*config_.watts, 0, true, config_);
}

// Who tunes this machine: Lodge by what it keeps, and others.
void PowerSenses::look_at_tuning(Time now) {
    if (!tuning_pace_.due(now)) return;
    tuning_pace_.run(now, [&] {
        profile_ = "none is kept; what is set now ends with the next start";
        others_.clear();
        try {
            if (const auto kept = load_kept(host_))
                profile_ = kept->description.empty() ? "settings of your own are kept"
                                                     : kept->description + ", kept over restarts";
            if (const std::string standing = standing_profile(host_); !standing.empty())
                profile_ = fmt::format("{} for now; {}", standing, profile_);
            for (const Conflict& other : find_conflicts(host_))
                others_.push_back(fmt::format("{} ({}, {})", other.name, other.where, other.state));
        } catch (const Error& error) {
            profile_ = error.what();
        }
    });
}

std::shared_ptr<const PowerView> PowerSenses::power(const Seen& seen, Time now) {
    if (view_ && !pace_.due(now)) return view_;
    pace_.run(now, [&] {
        auto view = std::make_shared<PowerView>();
        view->look = ++looks_;
        read_config(now);
        look_at_tuning(now);
        view->profile = profile_;
        view->others = others_;
        look_at_meters(*view, seen, now);
        frequencies_.look(*view);
        idle_.look(*view, now);
        packages_.look(*view);
        heat_.look(*view, seen, config_, now);
        view_ = std::move(view);
    });
    // They have a pace of their own.
    auto whole = std::make_shared<PowerView>(*view_);
    blockers_.look(*whole, seen, now);
    view_ = std::move(whole);
    return view_;
}

std::unique_ptr<PowerSenses> power_senses(const Host& host, bool once) {
    return std::make_unique<PowerSenses>(host, machine_sensors(host), package_counters(host), once);
}

}  // namespace lodge
