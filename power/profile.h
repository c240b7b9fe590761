#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "power/knob_plan.h"

namespace lodge {

// Profile is a set of wishes as text, one a line:
//
//   # words
//   description: What it is for.
//   cpu.governor: powersave schedutil      the first of these that this machine takes
//   cpu.epp: thrifty                       what saves power here, by the table of knobs
//   sata.link@host0: max_performance       one place only
struct Profile {
    std::string name;
    std::string description;
    std::vector<std::pair<std::string, std::string>> settings;  // knob, values
    bool own = false;                                           // a file of the person's
};

// Throws Error with the line's number.
Profile parse_profile(std::string_view name, std::string_view text);
std::string print_profile(const Profile& profile);

// Those that Lodge has, then the person's: <config>/power/profiles/<name>, which stand in for one
// of the same name. Files that are none are left out of the list; load_profile() says why.
std::vector<Profile> list_profiles(const Host& host);
Profile load_profile(const Host& host, std::string_view name);  // throws Error(Exit::not_found)
std::string profile_path(const Host& host, std::string_view name);
bool is_profile_name(std::string_view name);  // letters, digits, - and _; at most 40

// What the profile would change here, and what it leaves alone with the reason, a line each.
struct Resolved {
    std::vector<KnobWish> wishes;     // only those that change something
    std::vector<std::string> left;    // "usb.suspend@1-1: a keyboard …"
    std::vector<std::string> absent;  // knobs that this machine lacks
};
Resolved resolve_profile(const Host& host, const Profile& profile);

}  // namespace lodge
