#include "power/knob_plan.h"

#include <algorithm>
#include <cerrno>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/trial.h"
#include "engine/units.h"
#include "power/aspm.h"
#include "power/kernel.h"
#include "power/watch.h"

namespace lodge {

bool needs_trial(const std::vector<KnobWish>& wishes) {
    return std::any_of(wishes.begin(), wishes.end(),
                       [](const KnobWish& wish) { return wish.knob.kind->risk != KnobRisk::low; });
}

std::vector<KnobWish> changing(std::vector<KnobWish> wishes) {
    std::erase_if(wishes, [](const KnobWish& wish) { return wish.knob.value == wish.value; });
    std::stable_sort(wishes.begin(), wishes.end(), [](const KnobWish& a, const KnobWish& b) {
        return a.knob.kind < b.knob.kind;  // places in one table
    });
    return wishes;
}

std::string diff_words(const std::vector<KnobWish>& wishes) {
    std::string text;
    for (const KnobWish& wish : wishes)
        text += fmt::format("  {}: {} -> {}\n", wish.knob.name(), printable(wish.knob.value),
                            printable(wish.value));
    return text;
}

namespace {

bool changes_mode(const KnobWish& wish) {
    const std::string_view id = wish.knob.kind->id;
    return id == "cpu.governor" || id == "cpu.intel-pstate" || id == "cpu.amd-pstate";
}

Step write_step(const Host& host, const KnobWish& wish, bool mode_changes) {
    const Knob& knob = wish.knob;
    std::vector<std::string> files, from;
    for (const std::string& file : knob.files) {
        const auto content = kernel::read(host, file);
        if (!content || kernel::chosen(*content) == wish.value) continue;
        files.push_back(file);
        from.push_back(kernel::chosen(*content));
    }
    // A change of governor or mode brings its own preferences and limits with it, which are nobody
    // else's doing.
    const bool resets = mode_changes && knob.kind->group == "Processor" && !changes_mode(wish);
    Step step;
    step.why =
        fmt::format("{}: {} -> {}", knob.name(), printable(knob.value), printable(wish.value));
    step.action = {"knob-write", {{"knob", knob.name()}, {"file", files}, {"to", wish.value}}};
    if (!resets) step.action.on.set({"from", from});
    step.undo =
        Action{"knob-restore",
               {{"knob", knob.name()}, {"file", files}, {"back", from}, {"to", wish.value}}};
    return step;
}

bool is_link(const KnobWish& wish) {
    return wish.knob.kind->group == "PCIe links" && !wish.knob.place.empty();
}

}  // namespace

Plan write_steps(const Host& host, const std::vector<KnobWish>& wishes) {
    const bool mode_changes = std::any_of(wishes.begin(), wishes.end(), changes_mode);
    Plan plan;
    std::vector<aspm::LinkWish> links;
    for (const KnobWish& wish : wishes) {
        if (is_link(wish))
            links.push_back({wish.knob.place, wish.knob.files.at(0), wish.value == "1"});
        else
            plan.steps.push_back(write_step(host, wish, mode_changes));
    }
    if (!links.empty()) plan.append(aspm::link_steps(host, links));
    return plan;
}

Plan wish_plan(const Host& host, const std::string& title, std::vector<KnobWish> wishes,
               const WishOptions& options) {
    const bool off_performance =
        std::any_of(wishes.begin(), wishes.end(), [](const KnobWish& wish) {
            return wish.knob.kind->id == "cpu.governor" && wish.value != "performance";
        });
    for (KnobWish& wish : wishes) {
        if (wish.knob.kind->id == "cpu.epp" && off_performance) wish.knob.held.clear();
        if (wish.knob.value == wish.value) continue;
        if (const std::string why = why_not_value(wish.knob, wish.value); !why.empty())
            throw Error(wish.knob.held.empty() ? Exit::usage : Exit::refused, why);
    }
    wishes = changing(std::move(wishes));
    Plan plan = write_steps(host, wishes);
    plan.title = title;
    for (const KnobWish& wish : wishes)
        if (!wish.knob.caution.empty() && wish.value == wish.knob.thrifty)
            plan.warn(fmt::format("{}: {}", wish.knob.name(), wish.knob.caution));
    if (wishes.empty()) {
        plan.afterwards = title + ": nothing to change, it is so already";
        if (options.keep) plan.append(options.keep_plan);
        return plan;
    }
    if (!needs_trial(wishes)) {
        plan.afterwards = title + ": done";
        if (options.keep)
            plan.append(options.keep_plan);
        else
            plan.afterwards += ", until the next restart (--keep makes it last)";
        return plan;
    }
    Trial trial;
    std::vector<Knob> knobs;
    for (const KnobWish& wish : wishes) {
        knobs.push_back(wish.knob);
        watch::add_place(host, wish.knob, options.consent, trial);
        if (wish.knob.kind->risk != KnobRisk::low && trial.subject.empty())
            trial.subject = watch::subject_of(host, wish.knob);
    }
    watch::add_messages(host, knobs, trial);
    for (const FailedSubject& one : failed_subjects(host))
        if (one.subject == trial.subject)
            plan.warn(fmt::format("{} failed a trial before: {}", one.subject, one.why));
    trial.plan = std::move(plan);
    if (options.keep) trial.keep = options.keep_plan;
    trial.seconds = options.seconds;
    return trial_plan(host, std::move(trial));
}

std::string refusal(const Host& host, std::string_view knob, const std::string& file,
                    std::string_view value, int number) {
    const std::string what = fmt::format("cannot set {} to '{}' ({}): {}", knob, printable(value),
                                         file, errno_words(number));
    const std::string_view id = knob.substr(0, knob.find('@'));
    switch (number) {
        case EACCES:
        case EPERM:
            if (!host.is_root()) return what + "; only root may change it";
            if (id == "cpu.no-turbo" || id == "cpu.boost")
                return what + "; firmware has turned turbo off: look in its set-up";
            if (id.starts_with("aspm."))
                return what + "; firmware, or pcie_aspm=off, keeps the control of ASPM";
            if (id.starts_with("rapl."))
                return what + "; firmware has locked the power limits until the next start";
            return what + "; firmware, the driver or Secure Boot's lockdown holds it";
        case EBUSY:
            if (id == "cpu.epp")
                return what + "; the governor performance allows no other preference";
            if (id == "cpu.online") return what + "; something that cannot move runs there";
            return what + "; its driver is at work with it: try again later";
        case EINVAL:
            return what + "; the kernel does not take this value on this machine";
        case EOPNOTSUPP:
            return what + "; this device or its driver cannot do it";
        case ENODEV:
        case ENXIO:
        case EIO:
            return what + "; the device does not answer";
        case ENOENT:
            return what + "; it is gone: unplugged, offline, or its driver was unloaded";
        default:
            return what;
    }
}

namespace {

bool is_same(const std::string& now, const std::string& wanted) {
    if (now == wanted) return true;
    // The kernel rounds frequencies to a step and power limits to a unit of the hardware.
    const auto a = parse_number(now), b = parse_number(wanted);
    return a && b && *b != 0 && *a / *b > 0.97 && *a / *b < 1.03;
}

std::string value_of(const Host& host, const std::string& file) {
    return kernel::chosen(kernel::text(host, file));
}

void write_one(Work& work, const std::string& knob, const std::string& file,
               const std::string& from, const std::string& to, bool several) {
    const Host& host = work.engine().host;
    const std::string now = value_of(host, file);
    if (now == to) return;
    if (now.empty() && !kernel::exists(host, file) && several) {
        work.say(fmt::format("{} is gone meanwhile", file));
        return;
    }
    if (from != "*" && !is_same(now, from))
        fail(Exit::busy,
             "{} was changed by someone else in between: it was '{}', and is '{}' now ({}); "
             "nothing of theirs is overwritten",
             knob, printable(from), printable(now), file);
    if (const int trouble = kernel::write(host, file, to))
        throw Error(trouble == EPERM || trouble == EACCES ? Exit::missing
                    : trouble == EBUSY                    ? Exit::busy
                                                          : Exit::failed,
                    refusal(host, knob, file, to, trouble));
    const std::string after = value_of(host, file);
    if (is_same(after, to)) return;
    if (parse_number(after) && parse_number(to)) {
        work.say(fmt::format("{}: the kernel made {} of {}", knob, after, to));
        return;
    }
    fail(Exit::failed, "{}: the kernel took '{}' and says '{}' all the same ({})", knob,
         printable(to), printable(after), file);
}

void write_knob(Work& work, const Values& on) {
    const auto& files = on.list("file");
    const auto& from = on.list("from");
    for (size_t i = 0; i < files.size(); ++i)
        write_one(work, on.text("knob"), files[i], i < from.size() ? from[i] : "*", on.text("to"),
                  files.size() > 1);
}
std::string write_knob_shell(const Values& on) {
    std::string text;
    for (const std::string& file : on.list("file"))
        text += (text.empty() ? "" : "\n") + shell_line({"echo", on.text("to")}) + " > " +
                shell_quote(file);
    return text;
}

void restore_knob(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const auto& files = on.list("file");
    const auto& back = on.list("back");
    const std::string& to = on.text("to");
    std::string left;
    for (size_t i = 0; i < files.size() && i < back.size(); ++i) {
        const std::string now = value_of(host, files[i]);
        if (now == back[i] || !kernel::exists(host, files[i])) continue;
        if (!is_same(now, to)) {
            work.say(fmt::format("{} is left alone: someone else set it to '{}'", files[i],
                                 printable(now)));
            continue;
        }
        const int trouble = kernel::write(host, files[i], back[i]);
        if (trouble != 0 && trouble != ENOENT && trouble != ENODEV)
            left = refusal(host, on.text("knob"), files[i], back[i], trouble);
    }
    if (!left.empty()) throw Error(left);
}
std::string restore_knob_shell(const Values& on) {
    std::string text;
    const auto& back = on.list("back");
    for (size_t i = 0; i < on.list("file").size() && i < back.size(); ++i)
        text += (text.empty() ? "" : "\n") + shell_line({"echo", back[i]}) + " > " +
                shell_quote(on.list("file")[i]);
    return text;
}

// What the policy or a driver still forbids reads 0 after a 1 was written: a silent no-op, unless
// somebody looks.
void check_knob(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const std::string now = value_of(host, on.text("file"));
    if (now != on.text("to"))
        fail(Exit::failed,
             "{} is '{}' after it was set to '{}' ({}): the policy, the other end of the link or "
             "its latency does not allow it",
             on.text("knob"), printable(now), on.text("to"), on.text("file"));
}
std::string check_knob_shell(const Values& on) {
    return fmt::format("test \"$(cat {})\" = {}", shell_quote(on.text("file")),
                       shell_quote(on.text("to")));
}

void leave_knob(Work&, const Values&) {}
std::string leave_knob_shell(const Values& on) {
    return "# stays: " + on.text("why", "");
}

constexpr ActionKind kinds[] = {
    {"knob-write", write_knob, write_knob_shell},
    {"knob-restore", restore_knob, restore_knob_shell},
    {"knob-check", check_knob, check_knob_shell},
    {"knob-leave", leave_knob, leave_knob_shell},
};

}  // namespace

std::span<const ActionKind> knob_actions() {
    return kinds;
}

}  // namespace lodge
