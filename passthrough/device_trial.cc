#include "passthrough/device_trial.h"

#include <algorithm>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/trial.h"
#include "engine/units.h"
#include "passthrough/handed.h"
#include "passthrough/identity.h"
#include "passthrough/ways.h"

namespace lodge {
namespace {

using Consent = Identity::Consent;

std::string names_of(const std::vector<const PciFunction*>& functions) {
    std::vector<std::string> names;
    for (const PciFunction* one : functions)
        names.push_back(short_address(one->address));
    return join(names, ", ");
}

Action agree(int guest, const std::vector<std::string>& addresses, std::string_view consent) {
    Values on{{"guest", guest}, {"consent", consent}};
    on.set({"address", addresses});
    return {"device-agree", std::move(on)};
}

// What is remembered of a trial that fails: "01:00.0 (8086:10d3), 01:00.1 (…) for guest 101".
std::string device_words(const PciFunction& function) {
    return fmt::format("{} ({})", short_address(function.address), function.ids());
}

std::string guest_part(int guest) {
    return fmt::format(" for guest {}", guest);
}

Consent consent_to(const Host& host, const Guest& guest, const PciFunction& function) {
    const auto known = known_identity(host, guest.id, function.address);
    return known ? known->consent : Consent::none;
}

bool carries_ssh(const std::vector<const PciFunction*>& functions) {
    for (const PciFunction* one : functions)
        for (const Use& use : one->uses)
            if (use.needed.starts_with("your SSH")) return true;
    return false;
}

void add_watch(const Host& host, int guest, const Plan& hand, Trial& trial) {
    for (const Step& step : hand.steps)
        if (step.action.verb == "device-compare")
            trial.watch.step("no sensor and no clock is lost", step.action);
    for (Step& step : trial.watch.steps)
        step.action.on.set({"again", true});
    if (const auto session = own_ssh_session(host))
        trial.watch.step("the SSH session that began it lives",
                         {"device-watch-way",
                          {{"guest", guest},
                           {"here", session->here.address},
                           {"here-port", session->here.port},
                           {"there", session->there.address},
                           {"there-port", session->there.port}}});
}

}  // namespace

std::vector<const Finding*> trial_findings(const Judgement& judgement) {
    std::vector<const Finding*> found;
    for (const Finding& finding : judgement.findings)
        if (finding.cuts_off || finding.code == "W4") found.push_back(&finding);
    return found;
}

void refuse_blocked(const Host& host, const Guest& guest, const Judgement& judgement) {
    const bool agreed = std::all_of(
        judgement.wanted.begin(), judgement.wanted.end(),
        [&](const PciFunction* one) { return consent_to(host, guest, *one) != Consent::none; });
    for (const Finding& finding : judgement.findings) {
        if (finding.severity != Severity::block ||
            (finding.cuts_off && !finding.unanswered && agreed))
            continue;
        const std::string more =
            finding.cuts_off && !finding.unanswered
                ? fmt::format("{}lodge device give {} to {} tries it for a while",
                              finding.way_out.empty() ? "" : "; or ",
                              short_address(judgement.wanted.front()->address), guest.id)
                : "";
        fail(Exit::refused, "cannot start {}: {}{}{}{}", guest_words(guest), finding.reason,
             finding.way_out.empty() && more.empty() ? "" : "; ", finding.way_out, more);
    }
    const auto trying = on_trial(host, guest, judgement.wanted);
    if (trying.empty()) return;
    if (const auto failed = failed_trials(host, trying, guest.id); !failed.empty())
        fail(Exit::refused,
             "cannot start {}: {} was on trial with it and was taken back: {}; lodge device give "
             "{} to {} tries it again, lodge device take-back {} takes it out of the configuration",
             guest_words(guest), names_of(trying), failed.front().why,
             short_address(trying.front()->address), guest.id,
             short_address(trying.front()->address));
}

std::vector<const PciFunction*> on_trial(const Host& host, const Guest& guest,
                                         const std::vector<const PciFunction*>& functions) {
    std::vector<const PciFunction*> trying;
    for (const PciFunction* one : functions)
        if (consent_to(host, guest, *one) == Consent::on_trial) trying.push_back(one);
    return trying;
}

std::vector<FailedSubject> failed_trials(const Host& host,
                                         const std::vector<const PciFunction*>& functions,
                                         int guest) {
    auto failed = failed_subjects(host);
    std::erase_if(failed, [&](const FailedSubject& one) {
        return !one.subject.ends_with(guest_part(guest)) ||
               std::none_of(functions.begin(), functions.end(), [&](const PciFunction* function) {
                   return one.subject.find(device_words(*function)) != std::string::npos;
               });
    });
    return failed;
}

void plan_device_trial(Engine& engine, const Guest& guest,
                       const std::vector<const PciFunction*>& functions, const Plan& hand,
                       Plan& plan) {
    const Host& host = engine.host;
    Trial trial;
    std::vector<std::string> addresses, devices;
    for (const PciFunction* one : functions) {
        addresses.push_back(one->address);
        devices.push_back(device_words(*one));
        trial.seconds = known_identity(host, guest.id, one->address)->trial_seconds;
    }
    trial.plan.title = fmt::format("{} has {} ({})", guest_words(guest), names_of(functions),
                                   functions.front()->class_name());
    trial.plan.guests = {guest.id};
    trial.subject = join(devices, ", ") + guest_part(guest.id);
    for (const Step& step : hand.steps)
        if (step.undo) trial.plan.steps.push_back(step);
    const Action kill{"vm-kill", {{"guest", guest.id}}};
    trial.plan.step("the guest runs with it", kill, kill);
    add_watch(host, guest.id, hand, trial);
    trial.keep.step("later starts are no trial", agree(guest.id, addresses, "kept"),
                    agree(guest.id, addresses, "on trial"));
    trial.keep.step("what was compared is not needed any more",
                    {"remove", {{"path", before_path(host, guest.id)}}});
    trial.keep.afterwards = fmt::format("{} keeps {}: later starts are no trial",
                                        guest_words(guest), names_of(functions));
    const bool by_ssh =
        !trial.watch.steps.empty() && trial.watch.steps.back().action.verb == "device-watch-way";
    plan.warn(fmt::format(
        "this start is a trial of {} s: without lodge trial confirm the guest is ended, as by "
        "pulling its plug, and {} comes back; also when {}this machine loses sensors or clocks",
        trial.seconds, names_of(functions), by_ssh ? "this SSH session is lost or " : ""));
    if (by_ssh && carries_ssh(functions))
        plan.warn(
            "your SSH session comes in through it, so it is lost and the device taken back "
            "at once: begin this at the console, or come in another way first");
    plan_trial_armed(host, std::move(trial), plan);
}

void plan_device_trial_begun(Plan& plan) {
    for (const Step& step : plan.steps) {
        if (step.action.verb != "trial-arm") continue;
        const TrialRecord record = parse_trial(step.action.on.text("record"));
        plan_trial_begun(record.number, record.trial.seconds, plan);
        return;
    }
}

void plan_device_trial_over(const Host& host, int guest, Plan& plan) {
    for (const TrialView& view : active_trials(host)) {
        try {
            const TrialRecord record = load_trial(host, view.number);
            const auto& keep = record.trial.keep.steps;
            if (keep.empty() || keep.front().action.verb != "device-agree" ||
                keep.front().action.on.integer("guest") != guest)
                continue;
            plan.step("what was compared is not needed any more",
                      {"remove", {{"path", before_path(host, guest)}}});
            plan_trial_dropped(view.number, "the guest has ended, and its devices are back", plan);
        } catch (const Error&) {
            continue;  // it ended meanwhile, or is none that can be read: the list says so
        }
    }
}

namespace {

void run_agree(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const int guest = static_cast<int>(on.integer("guest"));
    const bool kept = on.text("consent") == "kept";
    host.write(identity_path(host, guest),
               identities_agreed(host, guest, on.list("address"),
                                 kept ? Consent::kept : Consent::on_trial));
}

std::string agree_shell(const Values& on) {
    return fmt::format("# {} for guest {}: {}", join(on.list("address"), ", "), on.text("guest"),
                       on.text("consent"));
}

void run_watch_way(Work& work, const Values& on) {
    const auto end = [&](const std::string& name) {
        return TcpEnd{on.text(name), static_cast<int>(on.integer(name + "-port"))};
    };
    const std::string why = why_session_lost(work.engine().host, {end("here"), end("there")});
    if (!why.empty()) throw Error(Exit::failed, why);
}

std::string watch_shell(const Values& on) {
    return fmt::format("# the SSH session from {} is watched", on.text("there"));
}

constexpr ActionKind kinds[] = {
    {"device-agree", run_agree, agree_shell},
    {"device-watch-way", run_watch_way, watch_shell},
};

}  // namespace

std::span<const ActionKind> device_trial_actions() {
    return kinds;
}

}  // namespace lodge
