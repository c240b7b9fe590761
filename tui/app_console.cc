// The app at the machine's own console: viewing is free, changing wants a password, and when nobody
// is there it rests.
#include <fmt/format.h>

#include "engine/text.h"
#include "tui/app.h"
#include "tui/unlock.h"

namespace lodge {

bool App::refuses(const std::function<void()>& again) {
    if (!settings_.readonly) return false;
    if (locked())
        ask_password(again);
    else
        tell("lodge --readonly shows everything and changes nothing", Role::warning);
    return true;
}

void App::ask_password(const std::function<void()>& again) {
    open(unlock_dialog(*this, [this, again](const std::string& user, const std::string& said) {
        unlocked_by_ = user;
        settings_.readonly = readonly_;
        tell(fmt::format("unlocked for {}; L locks{}{}", printable(user), said.empty() ? "" : ". ",
                         said),
             Role::good);
        if (again) again();
    }));
}

void App::lock() {
    if (!settings_.console) return;
    unlocked_by_.clear();
    settings_.readonly = true;
    // What was about to be changed, or half a password, is not for the next one who comes.
    dialogs_.clear();
    opened_.clear();
    if (screen().takes_all_keys()) {  // a guest's console goes back to watching
        screen().shown(false);
        screen().shown(true);
    }
    see_screen();
    stale_ = true;
}

bool App::draw_locked(const Area& area) const {
    if (!locked()) return false;
    area.put(0, 0, "This may hold passwords: L unlocks this console.", Role::dim);
    return true;
}

bool App::console_key(const Key& key) {
    if (!settings_.console) return false;
    if (key.is("L")) {
        if (locked()) {
            ask_password(nullptr);
        } else {
            lock();
            tell("locked");
        }
        return true;
    }
    if (!key.is("!")) return false;
    const auto shell = [this] {
        if (outside_.lend && outside_.shell)
            outside_.lend([this] {
                outside_.shell(unlocked_by_);
                return 0;
            });
    };
    // With --readonly the password unlocks nothing.
    if (!refuses([this, shell] {
            if (!refuses(nullptr)) shell();
        }))
        shell();
    return true;
}

void App::rest() {
    resting_ = true;
    screen().shown(false);
    state_.look_at_links();
    stale_ = true;
}

// The machine's addresses, those that others reach it by.
std::vector<std::string> App::own_addresses() const {
    std::vector<std::string> addresses;
    for (const LinkView& link : state_.seen().links) {
        if (link.kind == "loopback" || !link.enabled) continue;
        for (const std::string& address : link.addresses)
            if (!address.starts_with("fe80:"))
                addresses.push_back(
                    fmt::format("{}  ({})", address.substr(0, address.find('/')), link.name));
    }
    return addresses;
}

void App::draw_rest(const Area& area) {
    const auto addresses = own_addresses();
    int y = std::max(0, (area.height() - static_cast<int>(addresses.size()) - 4) / 2);
    area.put_centre(y, "lodge on " + printable(state_.host().name), Role::strong);
    y += 2;
    for (const std::string& address : addresses)
        area.put_centre(y++, printable(address));
    area.put_centre(y + 1, "Any key wakes it", Role::dim);
}

}  // namespace lodge
