#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/plan.h"
#include "power/profile.h"

namespace lodge {

// What lasts: <config>/power/kept, in the form of a profile; its description says the profile that
// it came from. One boot unit and one udev rule bring it back: the rule on *bind*, as drivers turn
// links off when they start, after "add" (K: r8169_main.c, pci_disable_link_state()).
std::string kept_path(const Host& host);
std::optional<Profile> load_kept(const Host& host);  // throws Error when it cannot be read

inline constexpr std::string_view boot_unit = "/etc/systemd/system/lodge-power.service";
inline constexpr std::string_view bind_rule = "/etc/udev/rules.d/90-lodge-power.rules";
// On the kernel's command line it keeps Lodge from bringing anything back.
inline constexpr std::string_view kill_switch = "lodge.power=off";

// The steps that make the wishes last beside what lasts already; `profile` not empty: in its place.
Plan keep_steps(const Host& host, const std::vector<KnobWish>& wishes, std::string_view profile);
// The steps that make nothing last any more. What is set now stays until the next start.
Plan forget_steps(const Host& host);

// The plan of a timer that applies a profile at a time of the day ("22:00", or whatever
// systemd.time (7) takes for OnCalendar=), without what has risk: nobody may be there to answer.
// `time` empty: the timer is removed. Throws Error(Exit::missing) without systemd.
Plan schedule_plan(const Host& host, const Profile& profile, const std::string& time);

// The plan of the boot unit and the rule: what lasts is set again, of `place` only when that is not
// empty. No steps when the kill switch is there, or nothing lasts.
Plan restore_plan(const Host& host, std::string_view place);

}  // namespace lodge
