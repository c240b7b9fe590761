#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/plan.h"
#include "passthrough/inventory.h"

namespace lodge {

// Identity is how a device is known again when addresses have moved: after a card was put in or
// taken out, or the firmware was updated, the kernel counts buses anew.
struct Identity {
    std::string address, ids, subsystem, slot_path;
    // Somebody said that the guest may have it although this machine is reached by it.
    bool anyway = false;
    bool is_same(const Identity& other) const;  // whatever was said of it
    std::string print() const;  // "0000:01:00.0 8086:10d3 8086:0000 0000:00/1c.0/00.0"
    static std::optional<Identity> parse(std::string_view line);
};
Identity identity_of(const PciFunction& function);

// <config>/device/<guest>: a line for each device, beside the configuration whose format has no
// place for it.
std::string identity_path(const Host& host, int guest);
std::optional<Identity> known_identity(const Host& host, int guest, const std::string& address);
// The file's text with these devices added.
std::string identities_with(const Host& host, int guest,
                            const std::vector<const PciFunction*>& functions, bool anyway = false);
// Where the device is now, in words: "it seems to be at 02:00.0 now: lodge set …".
std::string moved_words(const Inventory& inventory, const Identity& known);

}  // namespace lodge
