#include "passthrough/usb_choice.h"

#include <algorithm>

#include "engine/error.h"
#include "engine/host.h"
#include "engine/units.h"

namespace lodge {
namespace {

// Chooser gives one guest's keys their devices.
class Chooser {
  public:
    Chooser(const Host& host, const Inventory& inventory, const Guest& guest)
        : host_(host), inventory_(inventory), guest_(guest) {
        for (UsbWish& wish : usb_wishes(host, guest.config)) {
            choices_.push_back({});
            choices_.back().problem = wish.problem;
            choices_.back().wish = std::move(wish);
        }
    }

    std::vector<UsbChoice> choose(const std::map<std::string, std::string>& standing) {
        for (UsbChoice& choice : choices_)
            if (const auto has = standing.find(choice.wish.key); has != standing.end())
                give(choice,
                     [&](const UsbDevice& one) { return host_.system(one.node()) == has->second; });
        for (const bool by_port : {true, false})
            for (UsbChoice& choice : choices_)
                if (choice.wish.by_port() == by_port) {
                    give(choice, [&](const UsbDevice& one) { return !wanted_elsewhere(one); });
                    give(choice, [](const UsbDevice&) { return true; });
                }
        for (UsbChoice& choice : choices_)
            if (!choice.device && choice.problem.empty()) explain(choice);
        return std::move(choices_);
    }

  private:
    bool is_taken(const UsbDevice& device) const {
        return std::any_of(choices_.begin(), choices_.end(),
                           [&](const UsbChoice& one) { return one.device == &device; });
    }

    bool wanted_elsewhere(const UsbDevice& device) const {
        return std::any_of(device.wanted_by_guests.begin(), device.wanted_by_guests.end(),
                           [&](int other) { return other != guest_.id; });
    }

    template <class Which>
    void give(UsbChoice& choice, const Which& which) {
        if (choice.device || !choice.problem.empty()) return;
        for (const UsbDevice& one : inventory_.usb) {
            const bool free = one.holder == 0 || one.holder == guest_.id;
            if (one.hub || !free || is_taken(one) || !choice.wish.fits(one) || !which(one))
                continue;
            choice.device = &one;
            return;
        }
    }

    void explain(UsbChoice& choice) const {
        for (const UsbDevice& one : inventory_.usb) {
            if (!choice.wish.fits(one)) continue;
            if (one.hub) {
                choice.problem = fmt::format("{} is a hub: name the devices behind it", one.port);
            } else if (one.holder != 0 && one.holder != guest_.id) {
                choice.problem =
                    fmt::format("{} ({}) is with guest {}: lodge stop {} frees it",
                                printable(one.words()), one.port, one.holder, one.holder);
            } else {
                const auto other =
                    std::find_if(choices_.begin(), choices_.end(),
                                 [&](const UsbChoice& two) { return two.device == &one; });
                choice.problem = fmt::format(
                    "{} ({}) is {}'s already; a second one is not "
                    "plugged in",
                    printable(one.words()), one.port, other->wish.key);
                choice.absent = true;
            }
            return;
        }
        choice.absent = true;
        for (const UsbWish::Way& way : choice.wish.ways)
            if (const UsbDevice* other = inventory_.find_usb(way.port)) {
                choice.problem = fmt::format("{} in port {} is no {}", printable(other->words()),
                                             way.port, way.ids);
                return;
            }
        choice.problem = fmt::format("{} is not plugged in: the guest gets it as soon as it is",
                                     choice.wish.words());
        if (choice.wish.ways.size() == 1 && choice.wish.ways[0].ids.empty())
            choice.problem = fmt::format("nothing is plugged in at {}: the guest gets what is",
                                         choice.wish.ways[0].port);
    }

    const Host& host_;
    const Inventory& inventory_;
    const Guest& guest_;
    std::vector<UsbChoice> choices_;
};

}  // namespace

std::string why_stays(const UsbDevice& device) {
    for (const Use& use : device.uses)
        if (use.kind == UseKind::disk && !use.needed.empty()) return use.needed;
    return "";
}

const UsbDevice* find_usb(const Inventory& inventory, const std::string& word) {
    if (const UsbDevice* device = inventory.find_usb(word)) return device;
    const UsbDevice* found = nullptr;
    for (const UsbDevice& device : inventory.usb) {
        if (device.ids() != word) continue;
        if (found)
            fail(Exit::usage, "several {} are plugged in: name it by its port, {} or {}",
                 printable(word), found->port, device.port);
        found = &device;
    }
    return found;
}

std::vector<UsbChoice> choose_usb(const Host& host, const Inventory& inventory, const Guest& guest,
                                  const std::map<std::string, std::string>& standing) {
    return Chooser(host, inventory, guest).choose(standing);
}

}  // namespace lodge
