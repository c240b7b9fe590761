#include "power/keep.h"

#include <algorithm>

#include "engine/boot_unit.h"
#include "engine/error.h"
#include "engine/trial.h"
#include "engine/units.h"
#include "power/conflicts.h"
#include "power/kernel.h"
#include "power/watch.h"

namespace lodge {

std::string kept_path(const Host& host) {
    return host.config_folder() + "/power/kept";
}

std::optional<Profile> load_kept(const Host& host) {
    const auto text = host.read(kept_path(host));
    if (!text) return std::nullopt;
    try {
        return parse_profile("kept", *text);
    } catch (const Error& trouble) {
        fail(trouble.exit(), "{}: {}", kept_path(host), trouble.what());
    }
}

namespace {

constexpr std::string_view unit_name = "lodge-power.service";

std::string unit_text(const Host& host) {
    const std::string lodge = host.program("lodge").value_or("/usr/bin/lodge");
    return "[Unit]\n"
           "Description=Brings back the power settings that Lodge keeps\n"
           "Documentation=man:lodge(1)\n"
           "# " +
           std::string(kill_switch) +
           " on the kernel's command line keeps it from doing so.\n"
           "ConditionKernelCommandLine=!" +
           std::string(kill_switch) +
           "\n"
           "# Late: processors, cards and disks have their drivers by then.\n"
           "Wants=systemd-udev-settle.service\n"
           "After=network.target systemd-udev-settle.service lodge-trials.service\n"
           "\n"
           "[Service]\n"
           "Type=oneshot\n"
           "RemainAfterExit=yes\n"
           "ExecStart=" +
           lodge +
           " power restore --yes\n"
           "\n"
           "[Install]\n"
           "WantedBy=multi-user.target\n";
}

std::string rule_text(const Host& host) {
    const std::string lodge = host.program("lodge").value_or("/usr/bin/lodge");
    return "# Written by Lodge (lodge power forget removes it): a driver that starts late, or "
           "again,\n"
           "# undoes what was set before it.\n"
           "ACTION==\"bind\", SUBSYSTEM==\"pci|usb|scsi_host\", RUN+=\"" +
           lodge + " power restore --place %k --yes --quiet\"\n";
}

}  // namespace

Plan keep_steps(const Host& host, const std::vector<KnobWish>& wishes, std::string_view profile) {
    Profile kept;
    if (auto before = load_kept(host); before && profile.empty()) kept = *before;
    if (!profile.empty()) kept.description = std::string(profile);
    for (const KnobWish& wish : wishes) {
        const std::string name = wish.knob.name();
        std::erase_if(kept.settings, [&](const auto& one) { return one.first == name; });
        kept.settings.emplace_back(name, wish.value);
    }
    Plan plan;
    plan_write(plan, host, kept_path(host), print_profile(kept), "it is to last");
    plan_boot_unit(plan, host, unit_name, unit_text(host), "a unit brings it back at boot");
    if (!is_machines_own(host)) return plan;
    plan_write(plan, host, host.system(bind_rule), rule_text(host),
               "a rule brings it back when a driver starts");
    if (has_systemd(host) && host.program("udevadm"))
        plan_run(plan, "udev reads its rules", {"udevadm", "control", "--reload"});
    return plan;
}

Plan forget_steps(const Host& host) {
    Plan plan;
    plan.title = "keep no power settings";
    plan_no_boot_unit(plan, host, unit_name, "no unit brings settings back");
    if (is_machines_own(host))
        plan_remove(plan, host, host.system(bind_rule), "no rule brings settings back");
    plan_remove(plan, host, kept_path(host), "nothing is kept");
    plan.afterwards = plan.steps.empty()
                          ? "nothing was kept"
                          : "nothing is kept any more; what is set now stays until a restart";
    return plan;
}

Plan schedule_plan(const Host& host, const Profile& profile, const std::string& time) {
    if (!is_machines_own(host) || !has_systemd(host))
        fail(Exit::missing, "a schedule is kept by timers of systemd, which does not run here");
    const std::string unit = "lodge-power-" + profile.name;
    const std::string base = host.system("/etc/systemd/system/" + unit);
    const std::string lodge = host.program("lodge").value_or("/usr/bin/lodge");
    Plan plan;
    if (time.empty()) {
        plan.title = "schedule the profile " + profile.name + " no more";
        if (!host.exists(base + ".timer"))
            fail(Exit::not_found, "the profile {} is not scheduled", profile.name);
        plan_run(plan, "the timer ends", {"systemctl", "disable", "--now", unit + ".timer"},
                 {"systemctl", "enable", "--now", unit + ".timer"});
        for (const char* ending : {".timer", ".service"})
            plan_remove(plan, host, base + ending, unit + ending + " is removed");
        plan_run(plan, "systemd reads its units", {"systemctl", "daemon-reload"});
        return plan;
    }
    if (printable(time) != time || time.size() > 100)
        fail(Exit::usage, "'{}' is no time: 22:00, or as systemd.time(7) has it", printable(time));
    plan.title = fmt::format("apply the profile {} at {}", profile.name, time);
    plan_write(plan, host, base + ".service",
               "[Unit]\nDescription=Lodge's power profile " + profile.name +
                   "\nConditionKernelCommandLine=!" + std::string(kill_switch) +
                   "\n\n[Service]\nType=oneshot\nExecStart=" + lodge + " power apply " +
                   profile.name + " --safe --yes\n",
               "what is done then");
    plan_write(plan, host, base + ".timer",
               "[Unit]\nDescription=Lodge's power profile " + profile.name +
                   " at its time\n\n[Timer]\nOnCalendar=" + time +
                   "\nPersistent=true\n\n[Install]\nWantedBy=timers.target\n",
               "when it is done");
    if (host.program("systemd-analyze"))
        plan_run(plan, "systemd takes the time", {"systemd-analyze", "calendar", time});
    plan_run(plan, "systemd reads its units", {"systemctl", "daemon-reload"});
    plan_run(plan, "the timer begins", {"systemctl", "enable", "--now", unit + ".timer"},
             {"systemctl", "disable", "--now", unit + ".timer"});
    return plan;
}

namespace {

bool has_word(const std::string& text, std::string_view word) {
    const auto words = split(text, ' ');
    return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

Plan restore_plan(const Host& host, std::string_view place) {
    Plan plan;
    plan.title = "bring back the power settings that are kept";
    const auto kept = load_kept(host);
    if (!kept) {
        plan.afterwards = "nothing is kept";
        return plan;
    }
    if (has_word(kernel::text(host, "/proc/cmdline"), kill_switch)) {
        plan.afterwards = std::string(kill_switch) + " on the kernel's command line: left alone";
        return plan;
    }
    Resolved resolved = resolve_profile(host, *kept);
    if (!place.empty())
        std::erase_if(resolved.wishes,
                      [&](const KnobWish& wish) { return wish.knob.place != place; });
    const auto failed = failed_subjects(host);
    const auto conflicts = find_conflicts(host);
    std::erase_if(resolved.wishes, [&](const KnobWish& wish) {
        const std::string subject = watch::subject_of(host, wish.knob);
        const bool bad = std::any_of(failed.begin(), failed.end(), [&](const FailedSubject& one) {
            return one.subject == subject;
        });
        if (bad) plan.warn(wish.knob.name() + ": left alone, it failed a trial");
        const std::string other = who_else(conflicts, wish.knob);
        if (!other.empty()) plan.warn(wish.knob.name() + ": left to " + other);
        return bad || !other.empty();
    });
    plan.append(write_steps(host, changing(std::move(resolved.wishes))));
    plan.afterwards = plan.steps.empty() ? "all that is kept is set" : "what is kept is set again";
    return plan;
}

}  // namespace lodge
