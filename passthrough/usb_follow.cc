#include "passthrough/usb_follow.h"

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/units.h"
#include "engine/vm/usb_live.h"
#include "passthrough/usb_choice.h"

namespace lodge {

Plan plan_follow_usb(Engine& engine, const Guest& guest, const UsbNodes& standing) {
    Plan plan;
    plan.guests.push_back(guest.id);
    const Inventory inventory = take_inventory(engine, {}, false);
    std::vector<std::string> changed;
    for (const UsbChoice& choice : choose_usb(engine.host, inventory, guest, standing)) {
        const std::string& key = choice.wish.key;
        const UsbDevice* device =
            choice.device && why_stays(*choice.device).empty() ? choice.device : nullptr;
        const auto has = standing.find(key);
        const bool there = has != standing.end();
        // The node's number is new at each plugging in: the same one is the same device.
        if (there && device && engine.host.system(device->node()) == has->second) continue;
        if (!there && !device) continue;
        plan_replug(engine, guest, key, there, device != nullptr, plan);
        changed.push_back(device ? fmt::format("{} ({}, port {}) in", key,
                                               printable(device->words()), device->port)
                                 : key + " out");
    }
    plan.title = fmt::format("USB of {}: {}", guest_words(guest), join(changed, ", "));
    return plan;
}

}  // namespace lodge
