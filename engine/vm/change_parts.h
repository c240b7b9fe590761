#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/guest.h"
#include "engine/plan.h"
#include "engine/values.h"
#include "engine/vm/change.h"

// The rooms of a change: wishes.cc reads what a person wants, change.cc decides what happens now
// and what at the next start, change_live.cc changes a running guest, hotplug.cc plugs in and out.

namespace lodge {

struct Engine;

// Wish is what one key is to become.
struct Wish {
    std::string key;
    std::optional<std::string> value;  // nullopt: the key is to go
    std::optional<std::string> old;    // in the current section
    bool is_new() const { return value && !old; }
    bool is_gone() const { return !value && old; }
};

// What the words ask for ("values", "delete"), key by key in the order said: parts
// ("net0.link_down=1") are put into the value that waits or stands, values are checked by the
// schema and written in the format's order, "scsi1=local:32" adds steps that make a volume of 32
// GiB to `volumes`. Throws Error.
std::vector<Wish> read_wishes(Engine& engine, const Guest& guest, const Values& words,
                              Plan& volumes);

// The parts of a property value that differ between two values of a key ("link_down", "bridge").
std::set<std::string> changed_parts(std::string_view key, const std::string& before,
                                    const std::string& after);

// Whether the configuration lets this kind of thing be changed while the guest runs: "disk",
// "network", "usb", "cpu" of `hotplug`.
bool hotplug_allows(const Config& config, std::string_view kind);

// Steps that change a running guest, added to `plan`; "" when they do, else why only the next start
// can (in words that follow "at the next start: ").
std::string plan_live_change(Engine& engine, const Guest& guest, const Wish& wish, Plan& plan);
// A guest with that one wish come true, in memory.
Guest with_wish(const Guest& guest, const Wish& wish);
// hotplug.cc: the same for things that are plugged in; a detach edits the file by itself, when the
// guest has let go.
std::string plan_attach(Engine& engine, const Guest& guest, const Wish& wish, Plan& plan);
void plan_detach(const Guest& guest, const Wish& wish, Plan& plan);
std::string plan_media(Engine& engine, const Guest& guest, const Wish& wish, Plan& plan);

}  // namespace lodge
