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
    // For a device by which this machine is reached, or may lose more than the device: what was
    // said of it. "": nothing; on trial: the next start is one; kept: a trial of it was confirmed.
    enum class Consent { none, on_trial, kept } consent = Consent::none;
    int trial_seconds = 120;                    // of a trial
    bool is_same(const Identity& other) const;  // whatever was said of it
    std::string print() const;  // "0000:01:00.0 8086:10d3 8086:0000 0000:00/1c.0/00.0"
    static std::optional<Identity> parse(std::string_view line);
};
Identity identity_of(const PciFunction& function);

// <config>/device/<guest>: a line for each device, beside the configuration whose format has no
// place for it.
std::string identity_path(const Host& host, int guest);
std::optional<Identity> known_identity(const Host& host, int guest, const std::string& address);
// The file's text with these devices added; what was said of them stays, unless `on_trial`: then a
// trial of that many seconds is to come.
std::string identities_with(const Host& host, int guest,
                            const std::vector<const PciFunction*>& functions, int on_trial = 0);
// The file's text where these devices have that consent.
std::string identities_agreed(const Host& host, int guest,
                              const std::vector<std::string>& addresses, Identity::Consent consent);
// The file's text without these devices.
std::string identities_without(const Host& host, int guest,
                               const std::vector<std::string>& addresses);
// Where the device is now, in words: "it seems to be at 02:00.0 now: lodge set …".
std::string moved_words(const Inventory& inventory, const Identity& known);

}  // namespace lodge
