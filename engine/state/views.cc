#include "engine/state/views.h"

#include <algorithm>

#include "engine/units.h"

namespace lodge {

bool GuestView::is_up() const {
    return sighting.state == GuestState::running || sighting.state == GuestState::paused ||
           sighting.state == GuestState::starting || sighting.state == GuestState::unknown;
}

std::optional<LastSnapshot> last_snapshot_of(const Config& config) {
    std::optional<LastSnapshot> last;
    for (const auto& [name, section] : config.snapshots()) {
        // One that is being made or deleted is none to go back to.
        if (section.has("snapstate")) continue;
        const int64_t time = parse_integer(section.get("snaptime").value_or("")).value_or(0);
        if (!last || time >= last->time) last = LastSnapshot{name, time};
    }
    return last;
}

std::vector<GuestAddress> configured_addresses(const Config& config) {
    std::vector<GuestAddress> addresses;
    for (const char* part : {"ip", "ip6"}) {
        // Of a container its card says it, of a virtual machine what cloud-init is told.
        auto keys = config.indexed("ipconfig");
        for (std::string& key : config.indexed("net"))
            keys.push_back(std::move(key));
        for (const std::string& key : keys) {
            const auto parts = config.properties(key);
            const std::string ip = parts ? parts->get(part).value_or("") : "";
            // "dhcp" and "auto" name none.
            if (ip.find_first_of(".:") == std::string::npos) continue;
            addresses.push_back({ip.substr(0, ip.find('/')), true});
        }
    }
    return addresses;
}

std::optional<SensorView> hottest_of(const std::vector<SensorView>& sensors) {
    const SensorView* found = nullptr;
    for (const SensorView& sensor : sensors) {
        if (sensor.kind != SensorView::Kind::temperature || sensor.asleep) continue;
        if (!found || sensor.alarm > found->alarm ||
            (sensor.alarm == found->alarm && sensor.value > found->value))
            found = &sensor;
    }
    return found ? std::optional(*found) : std::nullopt;
}

}  // namespace lodge
