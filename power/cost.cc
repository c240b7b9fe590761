#include "power/cost.h"

#include <algorithm>

namespace lodge {

void MeanWatts::add(double watts, double seconds) {
    if (seconds <= 0 || seconds > 60) return;
    joules_ += watts * seconds;
    seconds_ += seconds;
}

CostView cost_of(double watts, int64_t seconds, bool whole, const PowerConfig& config) {
    CostView cost;
    cost.watts = watts;
    cost.seconds = seconds;
    cost.whole = whole;
    cost.kwh_day = watts * 24 / 1000;
    cost.currency = config.currency;
    cost.tariff = config.tariff;
    if (config.tariff) cost.month = cost.kwh_day * 365 / 12 * *config.tariff;
    return cost;
}

std::vector<EnergyView> energy_shares(const Seen& seen, double watts) {
    double guests = 0;
    std::vector<EnergyView> shares;
    for (const GuestView& guest : seen.guests)
        if (guest.is_up()) guests += guest.cpu;
    const double busy = std::max(seen.host.cpu * seen.host.cpus, guests);
    for (const GuestView& guest : seen.guests) {
        if (!guest.is_up()) continue;
        const double share = busy > 0 ? guest.cpu / busy : 0;
        shares.push_back({guest.guest->id, guest.guest->name, share, watts * share});
    }
    std::stable_sort(shares.begin(), shares.end(),
                     [](const auto& a, const auto& b) { return a.share > b.share; });
    const double own = busy > 0 ? (busy - guests) / busy : 1;
    shares.push_back({0, "the machine itself", own, watts * own});
    return shares;
}

}  // namespace lodge
